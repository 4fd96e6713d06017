"""What Ollama's errors mean. It offers a status and a sentence, no codes, so some of this is told by the sentence."""

from .complaints import Complaint, Verdict, by_status, speaks_of_context

_CLOSED = "Ollama refuses this address; allow it with OLLAMA_HOST or OLLAMA_ORIGINS, or check OLLAMA_URL"
_UNKNOWN_PATH = "no Ollama API at this address; check OLLAMA_URL"


def classify(complaint: Complaint) -> Verdict:
    """What this answer, or this line of a stream, means."""
    text = complaint.message.lower()
    match complaint.status:
        case 400 | 413 | 500 | None if speaks_of_context(text):
            return Verdict("context_too_long")
        case 400 if "does not support chat" in text or "does not support generate" in text:
            return Verdict("model_missing", "the model cannot chat")
        case 403 if not text:
            return Verdict("auth", _CLOSED)
        case 404 if "model" not in text:
            return Verdict("model_missing", _UNKNOWN_PATH)
        case None if "server busy" in text or "overloaded" in text:
            return Verdict("overloaded")
    return Verdict(by_status(complaint.status))
