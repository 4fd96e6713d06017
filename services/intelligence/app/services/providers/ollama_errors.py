"""What Ollama's errors mean. It offers a status and a sentence, no codes, so some of this is told by the sentence."""

from .complaints import Complaint, Verdict, by_status, speaks_of_context

_CLOSED = "Ollama refuses this address; allow it with OLLAMA_HOST or OLLAMA_ORIGINS, or check OLLAMA_URL"
_BROKEN = "the model cannot be run as it is; look at Ollama's log, at the free memory and at OLLAMA_NUM_CTX"
_UNKNOWN_PATH = "no Ollama API at this address; check OLLAMA_URL"


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
        case 503 | None if "server busy" in text or "overloaded" in text:
            # Its queue of models to be loaded is full, and moves slowly.
            verdict = Verdict("overloaded", may_retry=False)
        case 500 | None if any(word in text for word in ("runner", "out of memory", "failed to load")):
            verdict = Verdict("server_error", _BROKEN, may_retry=False)
    return verdict
