"""Requests and documents."""

import json

import pytest

from services.local_model.app.api.durations import LONGEST
from services.local_model.app.api.wire import (
    ChatRequest,
    GenerateRequest,
    RequestError,
    check_abilities,
    last,
    parse,
    piece,
    prompt_of,
    timestamp,
)
from services.local_model.app.engine.engine import Finished, Turn


def chat(**more: object) -> ChatRequest:
    return parse(
        json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}], **more}).encode(), ChatRequest
    )


def generate(**more: object) -> GenerateRequest:
    return parse(json.dumps({"model": "m", "prompt": "Hi", **more}).encode(), GenerateRequest)


def test_a_small_request_has_ollama_s_defaults() -> None:
    request = chat()

    assert request.streams
    assert (request.truncate, request.keep_alive, request.options) == (None, None, None)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "missing request body"),
        (b"  \n", "missing request body"),
        (b"{", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"model": "m"} x', "malformed"),
        (b'{"model": "\xff"}', "utf-8"),
        (b"{}", "model is required"),
        (b'{"model": ""}', "model is required"),
        (b'{"model": 1}', "$.model"),
        (b'{"model": "m", "stream": "yes"}', "$.stream"),
        (b'{"model": "m", "messages": [{"role": "user", "content": ["Hi"]}]}', "$.messages[0].content"),
        (b'{"model": "m", "messages": {}}', "$.messages"),
        (b'{"model": "m", "options": {"temperature": "hot"}}', "$.options.temperature"),
        (b'{"model": "m", "options": {"num_ctx": "4096"}}', "$.options.num_ctx"),
        (b'{"model": "m", "options": {"top_k": true}}', "$.options.top_k"),
        (b'{"model": "m", "options": {"stop": "x"}}', "$.options.stop"),
        (b'{"model": "m", "options": []}', "$.options"),
        (b'{"model": "m", "keep_alive": {}}', "$.keep_alive"),
        (b'{"model": "m", "format": 1}', "$.format"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_with_the_place_of_the_fault(body: bytes, text: str) -> None:
    with pytest.raises(RequestError) as refused:
        parse(body, ChatRequest)

    assert refused.value.status == 400
    assert text in refused.value.text


def test_unknown_fields_and_options_are_ignored_and_null_means_unset() -> None:
    request = chat(new_field=1, options={"new_option": [], "temperature": None, "numa": "x"}, format=None, think=None)

    assert request.options is not None
    assert request.options.temperature is None


def test_a_number_of_the_wrong_size_is_no_text_of_the_request() -> None:
    with pytest.raises(RequestError) as refused:
        parse(b'{"model": "m", "prompt": 5, "system": "a secret"}', GenerateRequest)

    assert "secret" not in refused.value.text


@pytest.mark.parametrize(
    ("request_", "ability"),
    [
        (chat(tools=[{}]), "tools"),
        (chat(messages=[{"role": "assistant", "tool_calls": [{}]}]), "tools"),
        (chat(messages=[{"role": "Tool", "content": "42"}]), "tools"),
        (chat(messages=[{"role": "user", "images": ["AAAA"]}]), "images"),
        (chat(think=True), "thinking"),
        (chat(think="high"), "thinking"),
        (chat(logprobs=True), "logprobs"),
        (chat(top_logprobs=3), "logprobs"),
        (generate(images=["AAAA"]), "images"),
        (generate(suffix="end"), "insert"),
        (generate(template="{{ .Prompt }}"), "template"),
        (generate(context=[1, 2]), "context"),
        (generate(think=True), "thinking"),
    ],
)
def test_what_the_model_cannot_do_is_refused(request_: ChatRequest | GenerateRequest, ability: str) -> None:
    with pytest.raises(RequestError, match=f'"m" does not support .*{ability}') as refused:
        check_abilities(request_)

    assert refused.value.status == 400


@pytest.mark.parametrize(
    "request_",
    [
        chat(tools=[], think=False, logprobs=False, top_logprobs=0),
        chat(messages=[{"role": "user", "content": "Hi", "images": [], "tool_calls": []}]),
        generate(images=[], suffix="", template="", context=[]),
    ],
)
def test_an_ability_that_is_not_asked_for_is_no_fault(request_: ChatRequest | GenerateRequest) -> None:
    check_abilities(request_)


def test_a_chat_s_messages_are_its_prompt() -> None:
    request = chat(
        messages=[{"role": "System", "content": "Be kind"}, {"role": "user"}, {"role": "ASSISTANT", "content": None}]
    )

    assert prompt_of(request) == (Turn("system", "Be kind"), Turn("user", ""), Turn("assistant", ""))
    assert prompt_of(chat(messages=[])) == prompt_of(chat(messages=None)) == ()


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(RequestError, match="role"):
        prompt_of(chat(messages=[{"role": "narrator", "content": "x"}]))


def test_a_generate_request_is_a_chat_of_one_turn_or_raw_text() -> None:
    assert prompt_of(generate()) == (Turn("user", "Hi"),)
    assert prompt_of(generate(system="S")) == (Turn("system", "S"), Turn("user", "Hi"))
    assert prompt_of(generate(raw=True, system="S")) == "Hi"
    assert not prompt_of(generate(prompt="", system="S"))


def test_a_piece_and_the_end_have_ollama_s_fields() -> None:
    finished = Finished("stop", 12, 34, 0.5, 1.25)

    assert piece("m", "T", "Hi", chat=True) == {
        "model": "m", "created_at": "T", "message": {"role": "assistant", "content": "Hi"}, "done": False,
    }  # fmt: skip
    assert piece("m", "T", "Hi", chat=False) == {"model": "m", "created_at": "T", "response": "Hi", "done": False}
    assert last("m", "T", finished, text="", chat=True, total=2.0, load=0.1) == {
        "model": "m", "created_at": "T", "message": {"role": "assistant", "content": ""},
        "done": True, "done_reason": "stop",
        "total_duration": 2_000_000_000, "load_duration": 100_000_000,
        "prompt_eval_count": 12, "prompt_eval_duration": 500_000_000,
        "eval_count": 34, "eval_duration": 1_250_000_000,
    }  # fmt: skip


def test_metrics_of_nothing_are_left_out() -> None:
    end = last("m", "T", Finished("length", 3, 0, 0.0, 0.0), text="x", chat=False, total=0.0, load=0.0)

    assert end == {
        "model": "m", "created_at": "T", "response": "x", "done": True, "done_reason": "length",
        "prompt_eval_count": 3,
    }  # fmt: skip


def test_times_are_rfc_3339_in_utc() -> None:
    assert timestamp(0.5) == "1970-01-01T00:00:00.500000Z"
    assert timestamp(1_700_000_000 + LONGEST) == "2316-02-24T22:00:36.854776Z"
