"""Chat and generate, with an engine that does what the tests say."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.local_model.app.engine.engine import Turn

from .fake_engine import FakeEngine
from .serving import MODEL, World, chat_body, world


@pytest.fixture
async def place() -> AsyncIterator[World]:
    async with world() as place:
        yield place


async def test_a_chat_streams_lines_that_end_with_done(place: World) -> None:
    status, lines = await place.chat()

    assert status == 200
    assert [line["message"]["content"] for line in lines] == ["Hello", " there", ".", ""]
    assert [line["done"] for line in lines] == [False, False, False, True]
    assert {line["message"]["role"] for line in lines} == {"assistant"}
    assert {line["model"] for line in lines} == {MODEL}
    assert {line["created_at"] for line in lines} == {"2023-11-14T22:13:20.000000Z"}
    assert {name: lines[-1][name] for name in ("done_reason", "prompt_eval_count", "eval_count")} == {
        "done_reason": "stop",
        "prompt_eval_count": 1,
        "eval_count": 3,
    }
    assert (lines[-1]["prompt_eval_duration"], lines[-1]["eval_duration"]) == (250_000_000, 500_000_000)


async def test_a_chat_without_a_stream_is_one_document(place: World) -> None:
    status, answer = await place.chat(stream=False)

    assert status == 200
    assert answer["message"] == {"role": "assistant", "content": "Hello there."}
    assert (answer["done"], answer["done_reason"], answer["eval_count"]) == (True, "stop", 3)


async def test_generate_says_response_where_chat_says_message(place: World) -> None:
    _status, lines = await place.post("/api/generate", {"model": MODEL, "prompt": "Hi"})
    _status, whole = await place.post("/api/generate", {"model": MODEL, "prompt": "Hi", "stream": False})

    assert [line["response"] for line in lines] == ["Hello", " there", ".", ""]
    assert whole["response"] == "Hello there."
    assert not any("message" in line for line in [*lines, whole])


async def test_the_engine_gets_the_turns_the_options_and_the_format(place: World) -> None:
    await place.chat(options={"num_predict": 2, "seed": 3, "num_ctx": 99, "mirostat": 1}, format={"type": "object"})
    (job,) = place.engine.jobs

    assert job.prompt == (Turn("user", "Hi"),)
    assert (job.sampling.max_tokens, job.sampling.seed) == (2, 3)
    assert job.schema == {"type": "object"}


async def test_an_answer_that_is_cut_by_its_limit_says_length(place: World) -> None:
    _status, answer = await place.chat(stream=False, options={"num_predict": 2})

    assert (answer["message"]["content"], answer["done_reason"]) == ("Hello there", "length")


async def test_other_runner_options_never_load_the_model_anew(place: World) -> None:
    for options in ({}, {"num_ctx": 512}, {"num_ctx": 8192, "num_thread": 1, "num_batch": 8, "use_mmap": False}):
        status, _lines = await place.chat(options=options)

        assert status == 200
    assert place.engine.loads == 1


async def test_a_name_is_given_back_as_it_was_asked_for(place: World) -> None:
    _status, answer = await place.chat(stream=False, model="library/SmolLM2:135m")

    assert answer["model"] == "library/SmolLM2:135m"


@pytest.mark.parametrize(
    ("more", "status", "text"),
    [
        ({"model": "llama3"}, 404, "model 'llama3' not found"),
        ({"model": "smollm2"}, 404, "model 'smollm2' not found"),
        ({"model": ""}, 400, "model is required"),
        ({"tools": [{"type": "function"}]}, 400, f'"{MODEL}" does not support tools'),
        ({"think": True}, 400, f'"{MODEL}" does not support thinking'),
        ({"keep_alive": "soon"}, 400, "keep_alive: "),
        ({"keep_alive": "5"}, 400, "keep_alive: "),
        ({"format": "xml"}, 400, "format must be"),
        ({"options": {"repeat_penalty": 0}}, 400, "repeat_penalty"),
        ({"options": {"temperature": "hot"}}, 400, "$.options.temperature"),
        ({"messages": [{"role": "narrator", "content": "x"}]}, 400, "invalid role"),
        ({"format": {"type": "bogus"}}, 400, "the engine cannot follow"),
    ],
)
async def test_a_request_at_fault_is_refused_with_its_status(
    place: World, more: dict[str, Any], status: int, text: str
) -> None:
    answered, error = await place.post("/api/chat", {**chat_body(), **more})

    assert answered == status
    assert list(error) == ["error"]
    assert text in error["error"]
    assert place.engine.stopped == 0


async def test_empty_messages_load_the_model_and_with_keep_alive_0_unload_it(place: World) -> None:
    body: dict[str, Any] = {"model": MODEL, "messages": []}
    status, loaded = await place.post("/api/chat", body)

    assert (status, loaded["done"], loaded["done_reason"]) == (200, True, "load")
    assert loaded["message"] == {"role": "assistant", "content": ""}
    assert (place.engine.loads, place.engine.unloads) == (1, 0)

    status, unloaded = await place.post("/api/chat", {**body, "keep_alive": 0})
    assert (status, unloaded["done"], unloaded["done_reason"]) == (200, True, "unload")
    assert (place.engine.loads, place.engine.unloads) == (1, 1)
    assert place.engine.jobs == []


async def test_an_empty_prompt_loads_and_unloads_as_well(place: World) -> None:
    _status, loaded = await place.post("/api/generate", {"model": MODEL, "keep_alive": -1})
    assert (loaded["response"], loaded["done_reason"]) == ("", "load")
    _status, unloaded = await place.post("/api/generate", {"model": MODEL, "prompt": "", "keep_alive": "0s"})
    assert unloaded["done_reason"] == "unload"


async def test_the_model_expires_after_the_keep_alive_of_the_last_request(place: World) -> None:
    await place.chat(keep_alive="1m")
    place.clock.advance(59)
    await place.running.janitor.tick()
    assert place.engine.loaded
    place.clock.advance(1)
    await place.running.janitor.tick()
    assert not place.engine.loaded


async def test_without_a_keep_alive_the_setting_holds() -> None:
    async with world(local_model_keep_alive="10s") as place:
        await place.chat()
        place.clock.advance(10)
        await place.running.janitor.tick()

        assert not place.engine.loaded


async def test_a_model_that_cannot_be_loaded_is_a_500_and_the_next_request_tries_again(place: World) -> None:
    place.engine.fail_load = True
    status, error = await place.chat()

    assert status == 500
    assert "LOCAL_MODEL_MEMORY_MB" in error["error"]
    assert await place.metric("local_model_load_failures_total") == 1
    place.engine.fail_load = False
    assert (await place.chat())[0] == 200


async def test_an_engine_that_breaks_before_its_first_word_is_a_500_and_the_log_quotes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = FakeEngine(())
    monkeypatch.setattr(engine, "run", _crash)
    async with world(engine) as place:
        status, error = await place.chat("a secret")
    logged = capsys.readouterr().out

    assert status == 500
    assert "answer_failed" in logged
    assert "secret" not in logged
    assert error == {"error": "something broke in the server; its log has the details"}


def _crash(*_args: object) -> None:
    raise LookupError("a secret")


async def test_an_engine_that_breaks_in_the_middle_ends_the_stream_with_an_error_line(place: World) -> None:
    place.engine.break_after = 2
    status, lines = await place.chat()

    assert status == 200
    assert [line.get("message", {}).get("content") for line in lines] == ["Hello", " there", None]
    assert lines[-1] == {"error": "the engine broke"}


async def test_a_prompt_that_is_too_long_is_refused_where_it_may_not_be_cut(place: World) -> None:
    status, error = await place.chat("word " * 100, truncate=False)

    assert status == 400
    assert "the prompt is longer than the context length" in error["error"]
    await place.until_metric('local_model_requests_total{outcome="refused",route="chat"}', 1)


async def test_a_long_history_loses_its_oldest_turns_but_neither_system_nor_the_last(place: World) -> None:
    words = "word " * 15
    turns = [("system", "Be kind"), *[("user", words), ("assistant", words)] * 4, ("user", "And now?")]
    messages = [{"role": role, "content": content} for role, content in turns]
    status, lines = await place.post("/api/chat", {"model": MODEL, "messages": messages})
    *tried, done = place.engine.jobs

    assert (status, lines[-1]["done"]) == (200, True)
    assert len(tried) == 1
    assert isinstance(done.prompt, tuple)
    assert (done.prompt[0].content, done.prompt[-1].content) == ("Be kind", "And now?")
    assert 2 < len(done.prompt) < len(turns)


async def test_a_last_turn_that_is_too_long_by_itself_is_refused_also_with_truncate(place: World) -> None:
    turns = [("system", "Be kind"), ("user", "Hi"), ("user", "word " * 100)]
    messages = [{"role": role, "content": content} for role, content in turns]
    status, error = await place.post("/api/chat", {"model": MODEL, "messages": messages, "truncate": True})

    assert status == 400
    assert "the prompt is longer than the context length" in error["error"]


async def test_raw_text_is_never_cut(place: World) -> None:
    body = {"model": MODEL, "prompt": "word " * 100, "raw": True}
    status, error = await place.post("/api/generate", body)

    assert status == 400
    assert "the prompt is longer than the context length" in error["error"]


async def test_answers_and_their_tokens_are_counted(place: World) -> None:
    await place.chat()
    await place.chat()
    await place.chat(model="other")

    await place.until_metric('local_model_requests_total{outcome="completed",route="chat"}', 2)
    await place.until_metric('local_model_requests_total{outcome="refused",route="chat"}', 1)
    assert await place.metric('local_model_tokens_total{direction="input"}') == 2
    assert await place.metric('local_model_tokens_total{direction="output"}') == 6
    assert await place.metric("local_model_time_to_first_token_seconds_count") == 2
    assert await place.metric("local_model_load_seconds_count") == 1
    assert await place.metric("local_model_loaded") == 1
    assert await place.metric("local_model_slots_busy") == 0


async def test_two_apps_in_one_process_count_apart(place: World) -> None:
    await place.chat()
    async with world() as other:
        assert await other.metric("local_model_loaded") == 0
        assert await place.metric("local_model_loaded") == 1


async def test_with_preload_the_model_is_there_before_the_first_request() -> None:
    async with world(local_model_preload=True) as place:
        await place.until_metric("local_model_loaded", 1)

        assert place.engine.jobs == []


async def test_a_preload_that_fails_leaves_the_service_running() -> None:
    engine = FakeEngine()
    engine.fail_load = True
    async with world(engine, local_model_preload=True) as place:
        await place.until_metric("local_model_load_failures_total", 1)

        assert (await place.get("/healthz"))[0] == 200


async def test_the_model_is_unloaded_when_the_service_ends() -> None:
    async with world() as place:
        await place.chat(keep_alive=-1)
        assert place.engine.loaded
    assert (place.engine.loaded, place.engine.unloads) == (False, 1)
