"""The scripted provider is a fake that is verified: it keeps what ``Provider`` promises."""

import asyncio
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intelligence.app.domain.errors import Garbled, ProviderError
from services.intelligence.app.domain.events import Delta, Finished, ReasoningDelta, TextDelta
from services.intelligence.app.services.providers.base import gather
from tests.intelligence.orchestrator.world import asks
from tests.support.scripted import (
    CLASS_OF,
    EndsBare,
    Fails,
    Hangs,
    LearnsModel,
    Pause,
    Script,
    ScriptedProvider,
    error,
    fails,
    says,
)
from tests.support.virtual_time import START, in_virtual_time, run, settle

LAWS = settings(derandomize=True, deadline=None, database=None, max_examples=50)
WORDS = st.text(min_size=1, max_size=5)
BODY = st.lists(
    st.one_of(
        st.builds(TextDelta, WORDS),
        st.builds(ReasoningDelta, WORDS),
        st.builds(Pause, st.floats(0, 100)),
        st.builds(LearnsModel, WORDS),
    ),
    max_size=6,
)
END = st.one_of(
    st.just(Finished("stop")), st.sampled_from(sorted(CLASS_OF)).map(lambda reason: Fails(error(reason))),
    st.just(EndsBare()),
)  # fmt: skip


async def play(script: Script) -> tuple[list[Delta], ProviderError | None]:
    provider = ScriptedProvider("ollama", [script])
    deltas: list[Delta] = []
    try:
        async with aclosing(provider.stream(asks())) as stream:
            async for delta in stream:
                deltas.append(delta)  # noqa: PERF401 (what came before an error is wanted)
    except ProviderError as failure:
        return deltas, failure
    finally:
        assert provider.open_calls == 0
        assert provider.last.closed_at is None
    return deltas, None


@LAWS
@given(BODY, END)
def test_every_script_gives_a_stream_of_the_grammar(body: list[TextDelta], end: Finished | Fails | EndsBare) -> None:
    deltas, failure = run(play((*body, end)))
    spoken = [step for step in body if isinstance(step, TextDelta | ReasoningDelta)]
    assert deltas == ([*spoken, end] if isinstance(end, Finished) else spoken)
    assert (failure is not None) == isinstance(end, Fails)


@pytest.mark.parametrize(
    "script",
    [
        (),
        (TextDelta("a"),),
        (TextDelta("a"), Pause(1)),
        (*says("a"), TextDelta("b")),
        (*says("a"), EndsBare()),
        (Hangs(), TextDelta("a"), EndsBare()),
        (TextDelta(""), Finished("stop")),
        (ReasoningDelta(""), Finished("stop")),
    ],
)
def test_a_script_outside_the_grammar_cannot_be_written(script: Script) -> None:
    with pytest.raises(AssertionError):
        ScriptedProvider("ollama", [script])


@in_virtual_time
async def test_nothing_is_sent_before_the_first_step_is_asked_for() -> None:
    provider = ScriptedProvider("ollama", [says("Hello")])
    async with aclosing(provider.stream(asks("Hi"))) as stream:
        await settle()
        assert provider.calls == []
        await anext(stream)
        assert [call.request for call in provider.calls] == [asks("Hi")]


@in_virtual_time
async def test_pauses_take_their_time() -> None:
    provider = ScriptedProvider("ollama", [(Pause(2.5), *says("Hello"))])
    answer = await provider.generate(asks())
    assert answer.text == "Hello"
    assert (provider.last.at, provider.last.ended_at) == (START, START + 2.5)


@in_virtual_time
async def test_a_bare_end_is_told_apart_from_a_whole_answer() -> None:
    provider = ScriptedProvider("ollama", [(TextDelta("Hel"), EndsBare())])
    with pytest.raises(Garbled):
        await gather(provider.stream(asks()))


@in_virtual_time
async def test_closing_it_early_ends_the_call_at_that_moment_and_is_recorded() -> None:
    provider = ScriptedProvider("ollama", [(TextDelta("Hel"), Hangs())])
    stream = provider.stream(asks())
    await anext(stream)
    await asyncio.sleep(7)
    assert provider.open_calls == 1
    await stream.aclose()
    assert provider.open_calls == 0
    assert provider.last.closed_at == START + 7


@in_virtual_time
async def test_a_cancelled_wait_is_recorded_as_closed_early_too() -> None:
    provider = ScriptedProvider("ollama", [(Hangs(),)])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3):
            await anext(provider.stream(asks()))
    assert provider.last.closed_at == START + 3


@in_virtual_time
async def test_each_call_takes_the_next_script_and_one_too_many_is_an_error_of_the_test() -> None:
    provider = ScriptedProvider("ollama", [says("one"), fails("reset")])
    assert (await provider.generate(asks())).text == "one"
    with pytest.raises(ProviderError):
        await provider.generate(asks())
    with pytest.raises(AssertionError, match="ollama was asked 3 times"):
        await provider.generate(asks())


@in_virtual_time
async def test_a_script_for_always_serves_every_further_call() -> None:
    provider = ScriptedProvider("ollama", [says("one")], always=says("more"))
    assert [(await provider.generate(asks())).text for _ in range(3)] == ["one", "more", "more"]


@in_virtual_time
async def test_free_checks_follow_their_own_script_and_cost_no_call() -> None:
    provider = ScriptedProvider("ollama", checks=[(Pause(1), Fails(error("dns"))), (LearnsModel("llama3.2"),)])
    with pytest.raises(ProviderError, match="dns"):
        await provider.ensure_ready()
    await provider.ensure_ready()
    await provider.ensure_ready()
    assert provider.checked_at == [START, START + 1, START + 1]
    assert provider.model == "llama3.2"
    assert provider.calls == []
