"""What is asked of Anthropic in each version of its API, and what is learned from its answers."""

import json
from typing import Any

import pytest

from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest, Sampling
from services.intelligence.app.domain.errors import ContextTooLong, Garbled, Misconfigured, RejectedRequest
from services.intelligence.app.services.providers.anthropic import (
    ANSWER_TOKENS,
    AnthropicProvider,
    Version,
    is_official,
    to_body,
)
from services.intelligence.app.services.providers.http_provider import REMEMBERED_MODELS

from .frames import anthropic, anthropic_end, anthropic_start, named
from .scripted_transport import Answer, ScriptedTransport

KEY = "a" * 40
SYSTEM, USER, ASSISTANT = (ChatTurn("system", "be brief"), ChatTurn("user", "hello"), ChatTurn("assistant", "hi"))
ALL = Sampling(temperature=0.5, max_tokens=50, stop=("END",))
NEWEST: Version = "2026-10-21"
OLDER: Version = "2023-06-01"
NO_SUCH_PATH = Answer([b"404 page not found"], status=404)


def ask(*turns: ChatTurn, sampling: Sampling | None = None, model: str = "") -> ProviderRequest:
    return ProviderRequest(turns, sampling or Sampling(), model=model)


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def asking(*answers: Answer, **options: Any) -> tuple[AnthropicProvider, ScriptedTransport]:
    transport = ScriptedTransport(*answers)
    return AnthropicProvider(transport=transport, api_key=KEY, model="claude-x", **options), transport


def said(words: str) -> Answer:
    return Answer([anthropic_start(input_tokens=1) + anthropic(words) + anthropic_end()])


def rejected(message: str) -> Answer:
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    return Answer([json.dumps(error).encode()], status=400)


def described(**fields: Any) -> Answer:
    return Answer([json.dumps({"type": "model", "id": "claude-x", **fields}).encode()])


def body_of(transport: ScriptedTransport, at: int = -1) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(transport.sent[at].body or b"")
    return body


def test_neighbours_with_one_role_become_one_turn_and_the_system_prompt_stands_apart() -> None:
    late = ChatTurn("system", "and kind")
    body = to_body(ask(SYSTEM, USER, late, ChatTurn("user", "again"), ASSISTANT, USER), "m", temperature=True)
    assert body["system"] == [text("be brief"), text("and kind")]
    assert body["messages"] == [
        {"role": "user", "content": [text("hello"), text("again")]},
        {"role": "assistant", "content": [text("hi")]},
        {"role": "user", "content": [text("hello")]},
    ]


def test_what_the_model_said_before_the_first_question_is_left_out() -> None:
    assert to_body(ask(ASSISTANT, USER), "m", temperature=True)["messages"] == [
        {"role": "user", "content": [text("hello")]}
    ]


@pytest.mark.parametrize("nothing", ["", " ", "\n\t"])
def test_a_turn_without_a_word_is_left_out_and_its_neighbours_meet(nothing: str) -> None:
    body = to_body(
        ask(ChatTurn("system", nothing), USER, ChatTurn("assistant", nothing), ChatTurn("user", "still there?")),
        "m",
        temperature=True,
    )
    assert body["messages"] == [{"role": "user", "content": [text("hello"), text("still there?")]}]
    assert "system" not in body


def test_a_partial_answer_at_the_end_is_kept_without_the_white_space_after_it() -> None:
    body = to_body(ask(USER, ChatTurn("assistant", " One \n")), "m", temperature=True)
    assert body["messages"][-1] == {"role": "assistant", "content": [text(" One")]}
    inside = to_body(ask(USER, ChatTurn("assistant", "One \n"), USER), "m", temperature=True)
    assert inside["messages"][1] == {"role": "assistant", "content": [text("One \n")]}


def test_stop_sequences_of_white_space_are_left_out() -> None:
    both = to_body(ask(USER, sampling=Sampling(stop=("\n", "END", ""))), "m", temperature=True)
    assert both["stop_sequences"] == ["END"]
    assert "stop_sequences" not in to_body(ask(USER, sampling=Sampling(stop=("\n",))), "m", temperature=True)


@pytest.mark.parametrize(
    ("asked", "longest", "sent"),
    [
        (None, None, ANSWER_TOKENS),
        (50, None, 50),
        (None, 8192, 8192),
        (None, 128_000, ANSWER_TOKENS),
        (100_000, 128_000, 100_000),
        (100_000, 64_000, 64_000),
        (50, 8192, 50),
    ],
)
def test_an_answer_has_a_limit_that_the_model_takes(asked: int | None, longest: int | None, sent: int) -> None:
    body = to_body(ask(USER, sampling=Sampling(max_tokens=asked)), "m", temperature=True, longest=longest)
    assert body["max_tokens"] == sent


@pytest.mark.parametrize(("asked", "sent"), [(0.0, 0.0), (1.0, 1.0), (1.7, 1.0)])
def test_the_temperature_ends_where_anthropics_ends(asked: float, sent: float) -> None:
    assert to_body(ask(USER, sampling=Sampling(asked)), "m", temperature=True)["temperature"] == sent


@pytest.mark.parametrize("temperature", [0.0, 1.0])
async def test_the_newest_version_gets_no_temperature_whatever_it_is(temperature: float) -> None:
    provider, transport = asking(said("a"))
    await provider.generate(ask(USER, sampling=Sampling(temperature)))
    assert "temperature" not in body_of(transport)


async def test_the_older_version_gets_no_temperature_that_nobody_asked_for() -> None:
    provider, transport = asking(said("a"), api_version=OLDER)
    await provider.generate(ask(USER))
    assert "temperature" not in body_of(transport)


@pytest.mark.parametrize(
    "message", ["`temperature` is deprecated for this model.", "temperature: Extra inputs are not permitted"]
)
async def test_a_model_that_takes_no_temperature_is_remembered_and_others_still_get_theirs(message: str) -> None:
    provider, transport = asking(rejected(message), said("one"), said("two"), said("three"), api_version=OLDER)
    request = ask(USER, sampling=ALL)
    assert (await provider.generate(request)).text == "one"
    assert (await provider.generate(request)).text == "two"
    await provider.generate(ask(USER, sampling=ALL, model="claude-y"))
    assert ["temperature" in body_of(transport, at) for at in range(4)] == [True, False, False, True]
    assert body_of(transport, 1) | {"temperature": 0.5} == body_of(transport, 0)


async def test_nothing_is_learned_of_a_temperature_that_was_not_sent() -> None:
    provider, transport = asking(rejected("messages: what temperature?"), said("a"), api_version=OLDER)
    with pytest.raises(RejectedRequest):
        await provider.generate(ask(USER))
    await provider.generate(ask(USER, sampling=ALL))
    assert body_of(transport)["temperature"] == 0.5


async def test_a_model_that_gives_shorter_answers_is_believed_and_remembered() -> None:
    told = "max_tokens: 64000 > 32000, which is the maximum allowed number of output tokens for claude-x"
    provider, transport = asking(rejected(told), said("one"), said("two"), said("three"))
    assert (await provider.generate(ask(USER))).text == "one"
    assert (await provider.generate(ask(USER))).text == "two"
    await provider.generate(ask(USER, model="claude-y"))
    assert [body_of(transport, at)["max_tokens"] for at in range(4)] == [64_000, 32_000, 32_000, 64_000]


@pytest.mark.parametrize(
    "message", ["temperature: Extra inputs are not permitted", "max_tokens: 50 > 60, which is odd", "messages: odd"]
)
async def test_nothing_is_asked_twice_where_it_would_be_the_same(message: str) -> None:
    provider, transport = asking(rejected(message), said("never"))
    with pytest.raises(RejectedRequest):
        await provider.generate(ask(USER, sampling=Sampling(max_tokens=50)))
    assert len(transport.sent) == 1


async def test_no_more_is_remembered_than_of_so_many_models() -> None:
    told = "max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens for a model"
    names = [f"claude-{number}" for number in range(REMEMBERED_MODELS + 1)]
    provider, transport = asking(
        *[answer for _ in names for answer in (rejected(told), said("a"))], said("b"), said("c")
    )
    for name in [*names, names[-1], names[0]]:
        await provider.generate(ask(USER, model=name))
    assert [body_of(transport, at)["max_tokens"] for at in (-2, -1)] == [8192, 64_000]


async def test_the_model_of_a_call_goes_before_the_configured_one() -> None:
    provider, transport = asking(said("a"))
    await provider.generate(ask(USER, model="claude-y"))
    assert body_of(transport)["model"] == "claude-y"
    assert provider.model == "claude-x"


@pytest.mark.parametrize(
    "base", ["https://api.anthropic.com", "https://api.anthropic.com/", "https://api.anthropic.com/v1"]
)
async def test_the_address_may_hold_the_version_of_the_path(base: str) -> None:
    provider, transport = asking(described(), said("a"), base_url=base)
    await provider.ensure_ready()
    await provider.generate(ask(USER))
    assert [sent.url for sent in transport.sent] == [
        "https://api.anthropic.com/v1/models/claude-x",
        "https://api.anthropic.com/v1/messages",
    ]


@pytest.mark.parametrize(
    ("base", "official_one"),
    [
        ("https://api.anthropic.com", True),
        ("https://api.anthropic.com/v1", True),
        ("https://api.anthropic.com.example.invalid", False),
        ("https://example.invalid/api.anthropic.com", False),
    ],
)
def test_anthropic_is_told_by_its_host_and_has_prices_of_its_own(base: str, official_one: bool) -> None:
    provider, _transport = asking(base_url=base)
    assert is_official(base) is official_one
    assert provider.priced_as == ("anthropic" if official_one else base)


async def test_a_model_that_is_described_has_its_context_and_its_longest_answer() -> None:
    provider, transport = asking(described(max_input_tokens=1_000_000, max_tokens=32_000), said("a"))
    assert provider.candidate().context_tokens == 200_000
    await provider.ensure_ready()
    await provider.generate(ask(USER))
    assert provider.candidate().context_tokens == 1_000_000
    assert provider.candidate("claude-other").context_tokens == 200_000
    assert body_of(transport)["max_tokens"] == 32_000


async def test_how_much_a_model_reads_is_learnt_from_its_complaint_for_that_model_alone() -> None:
    provider, transport = asking(rejected("prompt is too long: 215000 tokens > 180000 maximum"))
    with pytest.raises(ContextTooLong):
        await provider.generate(ask(USER, model="claude-y"))
    assert len(transport.sent) == 1
    assert provider.candidate("claude-y").context_tokens == 180_000
    assert provider.candidate().context_tokens == 200_000


@pytest.mark.parametrize("odd", [None, "many", 0, True, -1])
async def test_a_description_without_numbers_changes_nothing(odd: Any) -> None:
    provider, transport = asking(described(max_input_tokens=odd, max_tokens=odd), said("a"))
    await provider.ensure_ready()
    await provider.generate(ask(USER))
    assert (provider.candidate().context_tokens, body_of(transport)["max_tokens"]) == (200_000, ANSWER_TOKENS)


async def test_anthropic_is_ready_where_it_has_the_model_and_it_is_not_retired() -> None:
    missing = {"type": "error", "error": {"type": "not_found_error", "message": "model: claude-x"}}
    provider, _transport = asking(
        described(lifecycle="deprecated"),
        Answer([json.dumps(missing).encode()], status=404),
        described(lifecycle="retired"),
    )
    await provider.ensure_ready()
    with pytest.raises(Misconfigured, match="model: claude-x"):
        await provider.ensure_ready()
    with pytest.raises(Misconfigured, match="claude-x is retired") as caught:
        await provider.ensure_ready()
    assert caught.value.reason == "model_missing"


async def test_another_server_is_ready_where_it_answers_and_takes_the_key() -> None:
    provider, _transport = asking(
        NO_SUCH_PATH, Answer([b"no"], status=401), base_url="https://models.example.invalid"
    )
    await provider.ensure_ready()
    with pytest.raises(Misconfigured) as caught:
        await provider.ensure_ready()
    assert caught.value.reason == "auth"


CUT = Garbled("the body was cut", reason="truncated")


async def test_a_cut_after_the_stop_reason_costs_the_answer_nothing() -> None:
    stopped = anthropic("a") + named("message_delta", delta={"stop_reason": "end_turn"})
    provider, _transport = asking(Answer([stopped], cut=CUT))
    assert (await provider.generate(ask(USER))).text == "a"


async def test_a_cut_before_the_stop_reason_is_billed_with_the_input_of_the_start() -> None:
    started = anthropic_start(input_tokens=7, cache_read_input_tokens=5, output_tokens=1) + anthropic("a")
    provider, _transport = asking(Answer([started], cut=Garbled("the body was cut", reason="truncated")))
    with pytest.raises(Garbled) as caught:
        await provider.generate(ask(USER))
    assert caught.value.usage is not None
    assert (caught.value.usage.input_tokens, caught.value.usage.output_tokens) == (12, None)


async def test_an_error_in_the_stream_is_told_by_its_type_and_billed_with_the_input_of_the_start() -> None:
    error = named("error", error={"type": "overloaded_error", "message": "Overloaded"})
    provider, _transport = asking(Answer([anthropic_start(input_tokens=7) + anthropic("a") + error]))
    with pytest.raises(Exception, match="error in the stream overloaded_error: Overloaded") as caught:
        await provider.generate(ask(USER))
    assert getattr(caught.value, "reason", "") == "overloaded"
    assert getattr(caught.value, "usage", None) is not None


async def test_a_prompt_that_is_too_long_is_its_own_error() -> None:
    provider, transport = asking(rejected("prompt is too long: 9 tokens > 8 maximum"))
    with pytest.raises(ContextTooLong):
        await provider.generate(ask(USER))
    assert len(transport.sent) == 1
