"""What a completion's body may hold, and the sentence for what it may not."""

import json
from typing import Any

import pytest
from novakit.compatible import CompatibleError
from openai.types.chat import completion_create_params

from services.intelligence.app.domain.chat import ChatTurn, Sampling
from services.intelligence.app.routers.completion_body import (
    LONGEST_MODEL,
    MOST_MODELS,
    MOST_TOKENS,
    CompletionBody,
    read_completion,
)

HELLO = {"role": "user", "content": "Hello?"}


def read(**fields: Any) -> CompletionBody:
    return read_completion(json.dumps({"model": "auto", "messages": [HELLO], **fields}).encode())


def refusal(**fields: Any) -> CompatibleError:
    with pytest.raises(CompatibleError) as refused:
        read(**fields)
    return refused.value


def test_the_least_that_is_needed() -> None:
    assert read() == CompletionBody(
        models=("auto",), turns=(ChatTurn("user", "Hello?"),), sampling=Sampling(), stream=False, with_usage=False,
        user="",
    )  # fmt: skip


def test_roles_are_turns_and_a_developer_is_the_system() -> None:
    roles = ["system", "developer", "user", "assistant", "user"]
    body = read(messages=[{"role": role, "content": role} for role in roles])
    assert [(turn.role, turn.text) for turn in body.turns] == [
        ("system", "system"), ("system", "developer"), ("user", "user"), ("assistant", "assistant"), ("user", "user"),
    ]  # fmt: skip


def test_parts_of_text_are_joined() -> None:
    content = [{"type": "text", "text": "Hello, "}, {"type": "text", "text": "world"}]
    assert read(messages=[{"role": "user", "content": content}]).turns == (ChatTurn("user", "Hello, world"),)


def test_what_an_assistant_declined_or_left_empty_is_history_too() -> None:
    messages = [HELLO, {"role": "assistant", "content": None, "refusal": "No."}, HELLO]
    assert read(messages=messages).turns[1] == ChatTurn("assistant", "No.")


def test_sampling_is_taken_over() -> None:
    body = read(temperature=0.3, max_completion_tokens=5, stop=["a", "b"])
    assert body.sampling == Sampling(temperature=0.3, max_tokens=5, stop=("a", "b"))
    assert read(max_tokens=7, stop="x").sampling == Sampling(max_tokens=7, stop=("x",))
    body = read(top_p=0.5, seed=-7, frequency_penalty=2, presence_penalty=-2.0)
    assert body.sampling == Sampling(top_p=0.5, seed=-7, frequency_penalty=2.0, presence_penalty=-2.0)


def test_a_list_of_models_is_a_chain_after_the_model() -> None:
    assert read(model="a", models=["b", "a", "c"]).models == ("a", "b", "c")
    assert read(model=None, models=["b"]).models == ("b",)


def test_as_many_models_and_names_as_long_as_are_allowed_are_taken() -> None:
    names = [str(number).rjust(LONGEST_MODEL, "m") for number in range(MOST_MODELS)]
    assert read(model="auto", models=names).models == ("auto", *names)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"models": [f"openai/{number}" for number in range(MOST_MODELS + 1)]}, "models"),
        ({"models": ["auto", "m" * (LONGEST_MODEL + 1)]}, "models"),
        ({"model": "m" * (LONGEST_MODEL + 1)}, "model"),
    ],
)
def test_more_models_and_longer_names_are_told_so(fields: dict[str, Any], param: str) -> None:
    told = refusal(**fields)
    assert (told.status, told.param, told.code) == (400, param, "invalid_value")
    assert str(MOST_MODELS) in str(told) or str(LONGEST_MODEL) in str(told)


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_an_answer_has_a_longest_length_that_can_be_counted(limit: str) -> None:
    assert read(**{limit: MOST_TOKENS}).sampling.max_tokens == MOST_TOKENS
    for longer in (MOST_TOKENS + 1, 9 * 10**307):
        assert (refusal(**{limit: longer}).status, refusal(**{limit: longer}).param) == (400, limit)
        assert str(MOST_TOKENS) in str(refusal(**{limit: longer}))


def test_a_stream_may_ask_for_its_tokens() -> None:
    body = read(stream=True, stream_options={"include_usage": True, "include_obfuscation": False})
    assert (body.stream, body.with_usage) == (True, True)
    assert not read(stream=True, stream_options={}).with_usage


def test_labels_are_taken_and_change_nothing() -> None:
    body = read(user="u-1", metadata={"a": "b"}, safety_identifier="s", prompt_cache_key="k", service_tier="auto")
    assert body.user == "u-1"


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": []}, {"tool_choice": "auto"}, {"n": 1}, {"response_format": {"type": "text"}}, {"top_p": 1},
        {"frequency_penalty": 0}, {"presence_penalty": 0.0}, {"logprobs": False}, {"top_logprobs": 0},
        {"logit_bias": {}}, {"store": False}, {"modalities": ["text"]}, {"seed": None}, {"reasoning_effort": None},
        {"parallel_tool_calls": True}, {"service_tier": "default"}, {"verbosity": "medium"}, {"moderation": None},
        {"metadata": {}}, {"prompt_cache_options": {"mode": "implicit"}}, {"function_call": "none"}, {"stop": []},
    ],
)  # fmt: skip
def test_a_value_that_asks_for_nothing_is_fine(fields: dict[str, Any]) -> None:
    assert read(**fields) == read()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"tools": [{"type": "function"}]}, "tools is not supported here; leave it out or send []."),
        ({"tool_choice": "required"}, 'tool_choice is not supported here; leave it out or send "none" or "auto".'),
        ({"functions": [{"name": "f"}]}, "functions is not supported here; leave it out or send []."),
        ({"n": 2}, "n is not supported here; leave it out or send 1."),
        (
            {"response_format": {"type": "json_object"}},
            'response_format is not supported here; leave it out or send {"type":"text"}.',
        ),
        ({"verbosity": "low"}, 'verbosity is not supported here; leave it out or send "medium".'),
        ({"moderation": {}}, "moderation is not supported here; leave it out."),
        ({"logprobs": True}, "logprobs is not supported here; leave it out or send false."),
        ({"reasoning_effort": "high"}, "reasoning_effort is not supported here; leave it out."),
        ({"store": True}, "store is not supported here; leave it out or send false."),
    ],
)
def test_what_not_every_provider_has_is_turned_down_by_name(fields: dict[str, Any], told: str) -> None:
    error = refusal(**fields)
    assert (error.status, error.detail, error.code) == (400, told, "unsupported_parameter")
    assert error.param == next(iter(fields))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"model": None}, "model is missing; GET /v1/models lists what there is, and auto lets NovaCore choose."),
        ({"model": ""}, "model is missing; GET /v1/models lists what there is, and auto lets NovaCore choose."),
        ({"messages": []}, "messages holds nothing to answer."),
        ({"messages": [{"role": "user", "content": " "}]}, "messages holds nothing to answer."),
        ({"messages": [{"role": "system", "content": "Be brief."}]}, "messages holds nothing to answer."),
        (
            {"messages": [{"role": "king", "content": "I"}]},
            "'king' is not a role; it must be of system, developer, user, assistant.",
        ),
        (
            {"messages": [HELLO, {"role": "tool", "content": "4", "tool_call_id": "c"}]},
            "Tools are not supported: a message of the role tool has no use.",
        ),
        (
            {"messages": [HELLO, {"role": "assistant", "content": None, "tool_calls": [{}]}]},
            "Tools are not supported: leave tool calls out of the messages.",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "Content of the type 'image_url' is not supported; messages are text.",
        ),
        ({"messages": [{"role": "user"}]}, "content is missing."),
        (
            {"messages": [{**HELLO, "name": "Ann"}]},
            "Names of participants are not supported; write the name into the text.",
        ),
        (
            {"messages": [HELLO, {"role": "assistant", "audio": {"id": "a"}}]},
            "Audio is not supported; messages are text.",
        ),
        ({"temperature": 2.5}, "temperature is 2.5; it must be from 0 to 2."),
        ({"top_p": 1.5}, "top_p is 1.5; it must be from 0 to 1."),
        ({"frequency_penalty": -2.5}, "frequency_penalty is -2.5; it must be from -2 to 2."),
        ({"presence_penalty": 3}, "presence_penalty is 3; it must be from -2 to 2."),
        ({"seed": 2**63}, "seed is 9223372036854775808; it must be a whole number of 64 bits."),
        ({"seed": 1.5}, "The body cannot be used: Expected `int | null`, got `float` - at `$.seed`."),
        ({"max_tokens": 0}, "max_tokens is 0; it must be at least 1."),
        ({"max_completion_tokens": -1}, "max_completion_tokens is -1; it must be at least 1."),
        (
            {"max_tokens": 5, "max_completion_tokens": 5},
            "max_tokens and max_completion_tokens mean the same; send one of them.",
        ),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop takes up to 4 texts, none of them empty."),
        ({"stop": ""}, "stop takes up to 4 texts, none of them empty."),
        ({"stop": [""]}, "stop takes up to 4 texts, none of them empty."),
        ({"stream_options": {"include_usage": True}}, "stream_options needs stream to be true."),
        (
            {"temperature": "warm"},
            "The body cannot be used: Expected `float | null`, got `str` - at `$.temperature`.",
        ),
        ({"max_tokens": 1.5}, "The body cannot be used: Expected `int | null`, got `float` - at `$.max_tokens`."),
        ({"top_k": 3}, "The body cannot be used: Object contains unknown field `top_k`."),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_used_is_told_what_to_change(fields: dict[str, Any], told: str) -> None:
    error = refusal(**fields)
    assert (error.status, error.detail) == (400, told)


def test_every_parameter_of_the_official_client_is_known_by_name() -> None:
    named = completion_create_params.CompletionCreateParamsBase.__annotations__
    unknown = [name for name in named if name != "messages" and "unknown field" in _told(name)]
    assert unknown == []


def _told(parameter: str) -> str:
    try:
        read(**{parameter: None})
    except CompatibleError as refused:
        return refused.detail
    return ""


NESTED = b'{"messages": [], "metadata": ' + b'{"a":' * 100_000


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"nonsense", NESTED], ids=range(5))
def test_a_body_that_is_no_json_is_told_so(raw: bytes) -> None:
    with pytest.raises(CompatibleError) as refused:
        read_completion(raw)
    assert (refused.value.status, refused.value.code) == (400, "invalid_json")
