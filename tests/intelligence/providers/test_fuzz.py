"""Whatever a server sends, a decoder gives deltas by the grammar or a ProviderError, in time and in bounded memory.

``NOVACORE_FUZZ=100000`` runs that many inputs instead of the usual number.
"""

import gc
import os
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.intelligence.app.domain.events import Delta, Finished, ReasoningDelta, TextDelta
from services.intelligence.app.services.providers import openai_errors
from services.intelligence.app.services.providers.complaints import from_answer, to_error
from services.intelligence.app.services.providers.decoding import StreamDecoder

from .test_decoders import GOOD

INPUTS = int(os.environ.get("NOVACORE_FUZZ", "5000"))
EACH = max(1, INPUTS // (len(GOOD) + 1))
FUZZ = settings(
    max_examples=EACH, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)

JUNK: list[bytes] = [
    b"", b"\n", b"\r", b"\r\n\r\n", b": comment\n", b"data:", b"data: [DONE]\n\n", b"data: {}\n\n", b"{}\n",
    b"null\n", b"[[[[[[[[", b'{"a":' * 50, b"\xff\xfe", b"\xf0\x9f", b"\x00" * 9,
    b'data: {"choices":[{"delta":7}]}\n\n',
    b'{"error":"text"}\n', b'data: {"error":{"code":1e999,"message":null}}\n\n', b'{"message":{"content":[]}}\n',
    b'{"done":true,"eval_count":-1e308}\n', b'data: {"usageMetadata":{"promptTokenCount":"x"}}\n\n',
    b"event: error\n", b'{"done":true}\n', b'data: {"type":"message_stop"}\n\n', b"x" * 5000, b"\n" * 5000, b"NaN",
    b'{"a":NaN}\n', b'{"message":{"content":"\xff"}}\n', b'data: {"error":"\xff"}\n\n',
]  # fmt: skip


@st.composite
def streams(draw: st.DrawFn, name: str) -> list[bytes]:
    """A good stream, spoiled in a few places, in pieces of any size."""
    frames = list(GOOD[name][1:])
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(frames)))
        match draw(st.integers(0, 5)):
            case 0:
                frames.insert(at, draw(st.sampled_from(JUNK)))
            case 1:
                frames.insert(at, draw(st.binary(max_size=60)))
            case 2 if frames:
                frames.insert(at, draw(st.sampled_from(frames)))
            case 3 if frames:
                del frames[at % len(frames)]
            case 4 if frames:
                frame = frames[at % len(frames)]
                frames[at % len(frames)] = frame[: draw(st.integers(0, len(frame)))]
            case 5 if frames:
                spoiled = bytearray(frames[at % len(frames)] or b"x")
                spoiled[draw(st.integers(0, len(spoiled) - 1))] ^= 1 << draw(st.integers(0, 7))
                frames[at % len(frames)] = bytes(spoiled)
    body = b"".join(frames)
    size = draw(st.integers(1, max(1, len(body))))
    return [body[start : start + size] for start in range(0, len(body), size)]


def run(decoder: StreamDecoder, pieces: list[bytes]) -> tuple[list[Delta], str | None]:
    deltas: list[Delta] = []
    for piece in pieces:
        if not decoder.over:
            deltas += decoder.feed(piece)
    deltas += decoder.close()
    decoder.reported()
    return deltas, None if decoder.failure is None else decoder.failure.reason


@pytest.mark.parametrize("name", GOOD)
def test_nothing_comes_out_but_the_grammar_or_a_provider_error(name: str) -> None:
    @FUZZ
    @given(pieces=streams(name))
    def holds(pieces: list[bytes]) -> None:
        deltas, reason = run(GOOD[name][0](), pieces)
        finals = [delta for delta in deltas if isinstance(delta, Finished)]
        assert len(finals) == (0 if reason else 1)
        assert not finals or deltas[-1] is finals[0]
        assert all(delta.text for delta in deltas if isinstance(delta, TextDelta | ReasoningDelta))
        whole, whole_reason = run(GOOD[name][0](), [b"".join(pieces)])
        assert (joined(whole), whole_reason) == (joined(deltas), reason)

    holds()


def joined(deltas: list[Delta]) -> tuple[str, str]:
    return (
        "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)),
        "".join(delta.text for delta in deltas if isinstance(delta, ReasoningDelta)),
    )


@FUZZ
@given(
    status=st.integers(300, 599),
    body=st.one_of(st.binary(max_size=200), st.sampled_from([*JUNK, b'{"error":[1]}', b'[{"error":{}}]'])),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms", "x-should-retry"]),
        st.one_of(st.text(max_size=20), st.sampled_from(["1e999", "nan", "-5", "Wed, 99 Foo"])),
    ),
)
def test_no_complaint_is_too_odd_to_be_told(status: int, body: bytes, headers: dict[str, str]) -> None:
    complaint = from_answer(status, headers, body)
    error = to_error(complaint, openai_errors.classify(complaint), wall=0.0, keys=("k" * 20,), texts=("secret",))
    assert error.retry_after is None or 0 < error.retry_after < float("inf")


@pytest.fixture
def _no_collector() -> Iterator[None]:
    """Its looks through what other tests have left would count as a decoder's time."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("filler", [b"\n", b": x\n", b"data: {}\n\n", b"x"])
def test_time_and_memory_grow_no_faster_than_the_input(name: str, filler: bytes) -> None:
    def cost(size: int) -> tuple[float, int]:
        piece = (filler * (65536 // len(filler)))[:65536]
        tracemalloc.start()
        began = time.process_time()
        run(GOOD[name][0](), [piece] * (size // 65536))
        spent = time.process_time() - began
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return spent, peak

    small, _ = cost(1 << 17)
    large, peak = cost(1 << 19)
    assert large < 4 * small * 3 + 0.05
    assert peak < 64 << 20


@pytest.mark.parametrize("name", [name for name in GOOD if name != "ollama"])
def test_stray_lines_without_end_are_given_up(name: str) -> None:
    _, reason = run(GOOD[name][0](), [b"[\n" + b"stray" * 20_000 + b"\n"] * 200)
    assert reason == "malformed"
