"""What is said when there is no answer, and a privacy lock is why."""

from ...routing.trail import AllProvidersFailed

NOTHING_SENT = (
    "The cloud is not allowed for this message, and no local model could answer. Nothing was sent anywhere."
)
SENT_LOCALLY = (
    "The cloud is not allowed for this message, and no local model could answer. Nothing was sent to the cloud."
)

LOCKED_MEANWHILE = (
    "The cloud was forbidden while a cloud model was answering, so its answer was cut off. "
    "Ask again for one from a local model."
)


def locked_out_sentence(failed: AllProvidersFailed) -> str | None:
    """The sentence that a lock asks for; None where it was not the cause."""
    # A session that is locked while its answer is on the way may have been in the cloud before.
    in_cloud = any(failure.sent and failure.candidate.locality == "cloud" for failure in failed.failures)
    if in_cloud or not failed.locked_out:
        return None
    return SENT_LOCALLY if failed.sent else NOTHING_SENT
