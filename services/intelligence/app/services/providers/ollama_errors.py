"""What Ollama's errors mean. It offers a status and a sentence, no codes, so some of this is told by the sentence."""

from .complaints import Complaint, Verdict, by_status, speaks_of_context

QUEUE_PAUSE_SEC = 3.0
"""How long a server whose queue is full is left alone. It is well, so that this is no failure."""
RELOAD_SEC = 2.0
"""How long a runner that has died is given before it is asked again: the next call loads the model anew."""

_CLOSED = "Ollama refuses this address; allow it with OLLAMA_HOST or OLLAMA_ORIGINS, or check OLLAMA_URL"
_BROKEN = "the model cannot be run as it is; look at Ollama's log, at the free memory and at OLLAMA_NUM_CTX"
_UNKNOWN_PATH = "no Ollama API at this address; check OLLAMA_URL"
_OF_RUNNERS = ("runner", "memory", "failed to load", "unable to load", "running the model")


def classify(complaint: Complaint) -> Verdict:
    """What this answer, or this line of a stream, means."""
    text = complaint.message.lower()
    verdict = Verdict(by_status(complaint.status))
    match complaint.status:
        case 400 | 413 | 500 | None if speaks_of_context(text):
            verdict = Verdict("context_too_long")
        case 400 if "does not support chat" in text or "does not support generate" in text:
            verdict = Verdict("model_missing", "the model cannot chat")
        case 403 if not text:
            verdict = Verdict("auth", _CLOSED)
        case 404 if "model" not in text:
            verdict = Verdict("model_missing", _UNKNOWN_PATH)
        case 503 | None if "server busy" in text:
            # Its queue of models to be loaded is full, and moves slowly.
            verdict = Verdict("rate_limited", may_retry=False, delay=QUEUE_PAUSE_SEC)
        case None if "overloaded" in text:
            verdict = Verdict("overloaded")
        case 500 | None if any(word in text for word in _OF_RUNNERS):
            verdict = Verdict("server_error", _BROKEN, retry_alone_after=RELOAD_SEC)
    return verdict
