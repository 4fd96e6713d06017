"""From the events of Gemini's streams to deltas. Pure, like every decoder."""

from collections.abc import Callable

import msgspec

from ...domain.errors import Garbled, Misconfigured, ProviderError, Refused
from ...domain.events import Finished, FinishReason, Usage
from .complaints import Complaint, from_value
from .decoding import SseDecoder, lenient, present
from .redaction import code_word

_CONTINUED = "CONTINUATION"
_FINISH: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    _CONTINUED: "length",
    # Ends that are no answer: without text they are empty, with text the reader keeps what there is.
    "FINISH_REASON_UNSPECIFIED": "other",
    "OTHER": "other",
    "LANGUAGE": "other",
    "MALFORMED_RESPONSE": "other",
    "MALFORMED_FUNCTION_CALL": "other",
    "UNEXPECTED_TOOL_CALL": "other",
    "TOO_MANY_TOOL_CALLS": "other",
    "MISSING_THOUGHT_SIGNATURE": "other",
    "IMAGE_OTHER": "other",
    "NO_IMAGE": "other",
}
"""Together with those below all that the API documents; an unknown one is taken for ``other``."""
_BLOCKED = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "ESCALATION",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)
_ACCOUNT_LIMITED = "PUP_LIMITED_DISABLED"


class _Wire(msgspec.Struct, rename="camel"):
    """A part of an answer, by its camelCase names."""


class _Part(_Wire):
    text: str = ""
    thought: bool = False


class _Content(_Wire):
    parts: list[_Part] | None = None


class _Candidate(_Wire):
    content: _Content | None = None
    finish_reason: str | None = None
    index: int = 0
    continuation_token: str | None = None


class _PromptFeedback(_Wire):
    block_reason: str = ""


class _Usage(_Wire):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None


class _Chunk(_Wire):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _PromptFeedback | None = None
    usage_metadata: msgspec.Raw = msgspec.Raw()
    model_version: str | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode_frame = msgspec.json.Decoder(_Chunk | list[_Chunk]).decode
_usage_decoder = msgspec.json.Decoder(_Usage)


class GeminiDecoder(SseDecoder):
    """The events of one answer, or the JSON array that comes where ``alt=sse`` was lost on the way.

    The last finish reason and the last usage count: older streams repeat STOP in every event, and the usage is a
    running total of the round. What a filter says counts at once, so that a cut after it cannot make a fault of it.
    """

    def __init__(
        self,
        explain: Callable[[Complaint], ProviderError],
        *,
        token: str = "",
        spoke: bool = False,
        last: bool = False,
    ) -> None:
        """A round of an answer: asked for with ``token``, after others that brought text (``spoke``).

        ``last``: there will be no other, whatever Gemini offers.
        """
        super().__init__()
        self._spoke = spoke
        self._explain = explain
        self._asked_with = token
        self._last = last
        self._token = ""
        self._finish_reason = ""
        self._usage: msgspec.Raw = msgspec.Raw()
        self._saw_candidate = False
        self._goes_on = False
        self._saw_feedback = False

    @property
    def complete(self) -> bool:
        """See StreamDecoder. A stream that goes on after one finish reason names them all along: none is its end."""
        return bool(self._finish_reason) and not self._goes_on

    @property
    def continuation(self) -> str:
        """The token to ask for the next round with; empty where this one ended the answer.

        Tokens also come amid a round, as places to resume from: they mean nothing once it has ended otherwise.
        """
        if self._finish_reason != _CONTINUED or self._last or self._token == self._asked_with:
            return ""
        return self._token

    def _take(self, frame: bytes | str) -> None:
        decoded = _decode_frame(frame)
        for chunk in decoded if isinstance(decoded, list) else (decoded,):
            self._take_chunk(chunk)

    def _take_chunk(self, chunk: _Chunk) -> None:
        if present(chunk.error):
            raise self._explain(from_value({"error": msgspec.json.decode(chunk.error)}))
        if chunk.model_version:
            self._model = chunk.model_version
        if present(chunk.usage_metadata):
            self._usage = chunk.usage_metadata
        if chunk.prompt_feedback is not None:
            self._saw_feedback = True
            if chunk.prompt_feedback.block_reason:
                raise _blocked_prompt(chunk.prompt_feedback.block_reason)
        for candidate in chunk.candidates or ():
            if candidate.index == 0:
                self._take_candidate(candidate)

    def _take_candidate(self, candidate: _Candidate) -> None:
        self._saw_candidate = True
        self._goes_on = bool(self._finish_reason)
        content = candidate.content
        if content is not None and content.parts:
            for part in content.parts:
                if part.text:
                    (self._think if part.thought else self._say)(part.text)
        if candidate.finish_reason in _BLOCKED:
            raise Refused(f"the answer was blocked ({candidate.finish_reason})", reason="blocked")
        self._finish_reason = candidate.finish_reason or self._finish_reason
        self._token = candidate.continuation_token or self._token

    def reported(self) -> Usage | None:
        """See StreamDecoder."""
        return _to_usage(self._usage)

    def _finish(self) -> Finished:
        raw = self._finish_reason
        if self._saw_feedback and not self._saw_candidate:
            raise _blocked_prompt("")
        if raw == _ACCOUNT_LIMITED:
            raise Misconfigured(f"the account is limited ({raw})", reason="auth")
        if not raw:
            if self._good and not self._saw_candidate:
                raise Garbled("no candidates in the answer", reason="empty")
            raise self._truncated()
        if self.continuation:
            # A round may bring thoughts alone: whether the answer is empty shows at its end.
            return Finished("length", raw, self.reported(), self._model, self._skipped)
        return self._finished(_FINISH.get(raw, "other"), raw, self.reported())


def _blocked_prompt(reason: str) -> Refused:
    return Refused(f"the prompt was blocked ({code_word(reason)})", reason="blocked")


def _to_usage(raw: msgspec.Raw) -> Usage | None:
    usage = lenient(raw, _usage_decoder) if present(raw) else None
    if usage is None:
        return None
    return Usage(
        input_tokens=_sum(usage.prompt_token_count, usage.tool_use_prompt_token_count),
        output_tokens=_sum(usage.candidates_token_count, usage.thoughts_token_count),
        reasoning_tokens=usage.thoughts_token_count,
        cached_tokens=usage.cached_content_token_count,
    )


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
