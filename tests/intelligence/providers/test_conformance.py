"""What must hold for every adapter, against a server that speaks its provider's wire format."""

import asyncio
import json
import logging
from contextlib import aclosing
from dataclasses import replace
from typing import cast

import pytest

from services.intelligence.app.config import Settings
from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest, Sampling
from services.intelligence.app.domain.errors import ProviderError, Reason
from services.intelligence.app.domain.events import Delta, Finished, ReasoningDelta, TextDelta
from services.intelligence.app.services.providers.base import Provider
from services.intelligence.app.services.providers.registry import ADAPTERS
from services.intelligence.app.services.providers.transport import AiohttpTransport
from tests.support import log_lines
from tests.support.fakes import (
    Behaviour,
    Gate,
    answer,
    blocked,
    cut,
    empty,
    error_in_stream,
    garbage,
    hang,
    late,
    pings,
    reset,
    stall,
    status,
)
from tests.support.fakes.behaviours import TEXT, End, Open, Ping, Raw, Say, Silence, Think

from .scripted_transport import ScriptedTransport
from .subject import KEY, Subject
from .subjects import SUBJECTS

PROMPT = "My sister's biopsy came back from the clinic in Vienna this morning."
REQUEST = ProviderRequest((ChatTurn("system", "Answer briefly."), ChatTurn("user", PROMPT)))
LEAVE_WITHIN = 0.25
WITH_END_MARK = [subject for subject in SUBJECTS if subject.end_mark]
WITH_FILTER = [subject for subject in SUBJECTS if subject.filters]
WITH_KEY = [subject for subject in SUBJECTS if subject.checks_key]
WITH_MODELS = [subject for subject in SUBJECTS if subject.knows_models]


async def collect(provider: Provider, request: ProviderRequest = REQUEST) -> list[Delta]:
    async with aclosing(provider.stream(request)) as stream:
        return [delta async for delta in stream]


async def failure(provider: Provider, request: ProviderRequest = REQUEST) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await collect(provider, request)
    return caught.value


async def test_an_answer_is_deltas_and_then_its_end(subject: Subject, transport: AiohttpTransport) -> None:
    async with subject.serving([answer(reasoning="let me see")]) as fake:
        *said, finished = await collect(subject.provider(transport, fake))
    assert all(isinstance(delta, TextDelta | ReasoningDelta) and delta.text for delta in said)
    assert "".join(delta.text for delta in said if isinstance(delta, TextDelta)) == TEXT
    assert "".join(delta.text for delta in said if isinstance(delta, ReasoningDelta)) == "let me see"
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.skipped_frames) == ("stop", 0)
    assert finished.usage is not None
    assert finished.usage.output_tokens == len(TEXT.split()) + 3
    assert finished.model == subject.model


async def test_the_question_is_sent_with_the_key_in_its_header(subject: Subject, transport: AiohttpTransport) -> None:
    async with subject.serving() as fake:
        await subject.provider(transport, fake).generate(REQUEST)
        request = fake.chats[0]
    assert subject.asked(request.body) == PROMPT
    assert request.headers[subject.key_header].removeprefix("Bearer ") == KEY
    assert KEY not in request.path
    assert KEY not in str(request.query)
    assert request.headers["content-type"] == "application/json"


async def test_an_answer_that_hit_its_limit_says_so(subject: Subject, transport: AiohttpTransport) -> None:
    async with subject.serving([answer(finish="length")]) as fake:
        assert (await subject.provider(transport, fake).generate(REQUEST)).finished.reason == "length"


async def test_an_answer_without_usage_is_still_an_answer(subject: Subject, transport: AiohttpTransport) -> None:
    async with subject.serving([(Say("word"), End(usage=False))]) as fake:
        completion = await subject.provider(transport, fake).generate(REQUEST)
    assert completion.text == "word"


@pytest.mark.parametrize("size", [1, 3, 64])
async def test_bytes_may_come_in_any_portions(subject: Subject, transport: AiohttpTransport, size: int) -> None:
    async with subject.serving([answer("Grüße an 秋 und 🍂.", chop=size)]) as fake:
        assert (await subject.provider(transport, fake).generate(REQUEST)).text == "Grüße an 秋 und 🍂."


async def test_a_token_is_given_on_as_soon_as_it_comes(subject: Subject, transport: AiohttpTransport) -> None:
    gate = Gate()
    async with (
        subject.serving([answer("one two", gate=gate)]) as fake,
        aclosing(subject.provider(transport, fake).stream(REQUEST)) as stream,
    ):
        gate.release()
        assert await anext(stream) == TextDelta("one")
        gate.release()
        assert await anext(stream) == TextDelta(" two")
        gate.release()
        assert isinstance(await anext(stream), Finished)


async def test_frames_without_content_are_no_deltas(subject: Subject, transport: AiohttpTransport) -> None:
    async with subject.serving([(Open(), Ping(), Ping(), Ping(), Say("word"), End())]) as fake:
        deltas = await collect(subject.provider(transport, fake))
    assert deltas[0] == TextDelta("word")
    assert len(deltas) == 2


async def test_one_bad_frame_is_skipped_and_counted(subject: Subject, transport: AiohttpTransport) -> None:
    async with subject.serving([(Say("one"), Raw(subject.bad_frame), Say(" two"), End())]) as fake:
        completion = await subject.provider(transport, fake).generate(REQUEST)
    assert (completion.text, completion.finished.skipped_frames) == ("one two", 1)


async def test_a_late_answer_is_waited_for(subject: Subject, transport: AiohttpTransport) -> None:
    async with subject.serving([late(0.05, "worth it")]) as fake:
        assert (await subject.provider(transport, fake).generate(REQUEST)).text == "worth it"


@pytest.mark.parametrize("subject", WITH_END_MARK, ids=lambda subject: str(subject.name))
async def test_an_answer_is_whole_at_its_end_mark_though_the_connection_stays_open(
    subject: Subject, transport: AiohttpTransport
) -> None:
    async with subject.serving([(Say("word"), End(), Silence())]) as fake:
        assert (await asyncio.wait_for(subject.provider(transport, fake).generate(REQUEST), 5)).text == "word"


async def test_calls_that_run_at_once_keep_their_answers_apart(subject: Subject, transport: AiohttpTransport) -> None:
    texts = [f"answer number {number}" for number in range(20)]
    async with subject.serving() as fake:
        provider = subject.provider(transport, fake)
        fake.default = answer("warm")
        await provider.generate(REQUEST)
        fake.add(*(answer(text) for text in texts))
        completions = await asyncio.gather(*(provider.generate(REQUEST) for _ in texts))
    assert sorted(completion.text for completion in completions) == sorted(texts)


async def test_calls_after_each_other_share_a_connection(subject: Subject, transport: AiohttpTransport) -> None:
    async with subject.serving() as fake:
        provider = subject.provider(transport, fake)
        for _ in range(3):
            await provider.generate(REQUEST)
        assert fake.connections == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (400, "invalid_request"),
        (401, "auth"),
        (402, "billing"),
        (403, "auth"),
        (404, "model_missing"),
        (413, "invalid_request"),
        (429, "rate_limited"),
        (500, "server_error"),
        (502, "server_error"),
        (503, "overloaded"),
    ],
)
async def test_a_status_is_the_right_error(
    subject: Subject, transport: AiohttpTransport, code: int, reason: Reason
) -> None:
    async with subject.serving([status(code)]) as fake:
        error = await failure(subject.provider(transport, fake))
    assert (error.reason, error.status) == (subject.statuses.get(code, reason), code)


async def test_a_named_delay_is_passed_on(subject: Subject, transport: AiohttpTransport) -> None:
    async with subject.serving([status(429, headers={"Retry-After": "12"})]) as fake:
        assert (await failure(subject.provider(transport, fake))).retry_after == 12.0


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (cut(kind="fin"), "truncated"),
        (cut(kind="reset"), "truncated"),
        (cut(kind="clean"), "truncated"),
        (reset(), "reset"),
        (error_in_stream(), "server_error"),
        (error_in_stream(0), "server_error"),
        (garbage(), "malformed"),
        (garbage(b"<html><title>Sign in</title></html>\n"), "malformed"),
        (empty(), "empty"),
        (empty(finish="length"), "empty"),
    ],
)
async def test_a_broken_answer_is_the_right_error(
    subject: Subject, transport: AiohttpTransport, behaviour: Behaviour, reason: Reason
) -> None:
    async with subject.serving([behaviour]) as fake:
        assert (await failure(subject.provider(transport, fake))).reason == reason
        assert len(fake.chats) == 1


@pytest.mark.parametrize(("limit", "of_request"), [(5, True), (None, False)])
async def test_thoughts_that_fill_the_limit_are_no_answer_and_where_the_caller_set_it_nobodys_fault(
    subject: Subject, transport: AiohttpTransport, limit: int | None, of_request: bool
) -> None:
    request = replace(REQUEST, sampling=Sampling(max_tokens=limit))
    async with subject.serving([(Think("hm"), End("length"))]) as fake:
        error = await failure(subject.provider(transport, fake), request)
    assert (error.reason, error.may_retry, error.of_request) == ("empty", False, of_request)
    assert error.usage is not None
    assert error.usage.output_tokens == 1


@pytest.mark.parametrize("behaviour", [cut(2), error_in_stream(2), cut(2, kind="clean")])
async def test_the_text_before_a_break_is_given_on(
    subject: Subject, transport: AiohttpTransport, behaviour: Behaviour
) -> None:
    said: list[Delta] = []

    async def listen(provider: Provider) -> None:
        async with aclosing(provider.stream(REQUEST)) as stream:
            async for delta in stream:
                said.append(delta)  # noqa: PERF401 - what came before the error must be kept

    async with subject.serving([behaviour]) as fake:
        with pytest.raises(ProviderError):
            await listen(subject.provider(transport, fake))
    assert "".join(delta.text for delta in said if isinstance(delta, TextDelta)) == " ".join(TEXT.split()[:2])
    assert not any(isinstance(delta, Finished) for delta in said)


@pytest.mark.parametrize("subject", WITH_FILTER, ids=lambda subject: str(subject.name))
@pytest.mark.parametrize("behaviour", [blocked(), blocked(after=2)], ids=["prompt", "answer"])
async def test_a_safety_filter_is_a_refusal_where_the_provider_has_one(
    subject: Subject, transport: AiohttpTransport, behaviour: Behaviour
) -> None:
    async with subject.serving([behaviour]) as fake:
        assert (await failure(subject.provider(transport, fake))).reason == "blocked"


async def test_a_closed_port_is_refused_and_an_open_one_serves_again(
    subject: Subject, transport: AiohttpTransport
) -> None:
    async with subject.serving() as fake:
        provider = subject.provider(transport, fake)
        await fake.refuse()
        assert (await failure(provider)).reason == "connect_refused"
        await fake.accept()
        assert (await provider.generate(REQUEST)).text == TEXT


@pytest.mark.parametrize("behaviour", [stall(0), stall(2), pings()], ids=["after headers", "amid text", "amid pings"])
async def test_closing_the_stream_closes_the_connection_at_once(
    subject: Subject, transport: AiohttpTransport, behaviour: Behaviour
) -> None:
    async with subject.serving([(Say("word"), *behaviour)]) as fake:
        stream = subject.provider(transport, fake).stream(REQUEST)
        await anext(stream)
        await stream.aclose()
        await asyncio.wait_for(fake.chats[0].gone.wait(), LEAVE_WITHIN)


@pytest.mark.parametrize(
    "behaviour", [hang(), stall(0), pings()], ids=["before headers", "after headers", "amid pings"]
)
async def test_cancelling_the_wait_for_a_token_closes_the_connection_at_once(
    subject: Subject, transport: AiohttpTransport, behaviour: Behaviour
) -> None:
    async with subject.serving([behaviour]) as fake:
        waiting = asyncio.ensure_future(anext(subject.provider(transport, fake).stream(REQUEST)))
        request = await fake.received()
        waiting.cancel()
        await asyncio.wait_for(request.gone.wait(), LEAVE_WITHIN)
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_a_ready_provider_is_ready_and_no_prompt_was_spent_on_it(
    subject: Subject, transport: AiohttpTransport
) -> None:
    async with subject.serving() as fake:
        await subject.provider(transport, fake).ensure_ready()
        assert {request.method for request in fake.requests if request.path not in subject.free_posts} == {"GET"}
        assert fake.chats == []


@pytest.mark.parametrize(
    ("behaviour", "reason"), [(status(401), "auth"), (status(503), "overloaded"), (reset(), "reset")]
)
async def test_a_provider_that_cannot_answer_is_not_ready(
    subject: Subject, transport: AiohttpTransport, behaviour: Behaviour, reason: Reason
) -> None:
    # A free check may be asked a second time by the client, a prompt never.
    async with subject.serving(checks=[behaviour, behaviour]) as fake:
        with pytest.raises(ProviderError) as caught:
            await subject.provider(transport, fake).ensure_ready()
    assert caught.value.reason == subject.statuses.get(caught.value.status or 0, reason)


@pytest.mark.parametrize("subject", WITH_MODELS, ids=lambda subject: str(subject.name))
async def test_a_provider_without_the_model_is_not_ready(subject: Subject, transport: AiohttpTransport) -> None:
    async with subject.serving(models=["another"]) as fake:
        with pytest.raises(ProviderError) as caught:
            await subject.provider(transport, fake).ensure_ready()
    assert caught.value.reason == "model_missing"


@pytest.mark.parametrize("code", [400, 401, 404, 429, 500])
async def test_neither_key_nor_prompt_is_in_an_error_or_a_log(
    subject: Subject, transport: AiohttpTransport, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    echo = f"bad key {KEY}, masked {KEY[:8]}****{KEY[-4:]}, for the prompt '{PROMPT}' ({json.dumps(PROMPT)})"
    behaviours: list[Behaviour] = [
        status(code, {"error": {"message": echo, "code": echo, "type": echo, "status": echo}}),
        status(code, {"error": echo}),
        status(code, echo),
        status(code, f"<html><title>{echo}</title></html>"),
        error_in_stream(1, echo),
    ]
    with caplog.at_level(logging.DEBUG), log_lines.captured() as logged:
        async with subject.serving(behaviours) as fake:
            provider = subject.provider(transport, fake)
            errors = [await failure(provider) for _ in behaviours]
    for text in (*(f"{error} {error.detail} {error!r}" for error in errors), caplog.text, str(logged)):
        assert KEY not in text
        assert KEY[:8] not in text
        assert "biopsy" not in text
        assert "Vienna" not in text
    assert all(len(error.detail) < 800 for error in errors)


@pytest.mark.parametrize("subject", WITH_KEY, ids=lambda subject: str(subject.name))
async def test_a_wrong_key_is_auth_and_the_providers_echo_of_it_is_left_out(
    subject: Subject, transport: AiohttpTransport
) -> None:
    async with subject.serving(key="another" * 6) as fake:
        error = await failure(subject.provider(transport, fake))
    assert error.reason == "auth"
    assert KEY[:8] not in error.detail


def test_an_adapter_declares_what_the_router_needs(subject: Subject) -> None:
    provider = subject.provider(ScriptedTransport(), subject.serving())
    assert provider.name == subject.name
    assert provider.locality == subject.locality
    assert provider.on_this_machine == (subject.locality == "local")
    assert provider.context_tokens >= 4096
    assert provider.model


def test_every_adapter_of_the_registry_has_its_settings_and_its_fixtures() -> None:
    assert set(ADAPTERS) == set(Settings.providers()) == {subject.name for subject in SUBJECTS}
    assert all(issubclass(cast("type", adapter.load()), Provider) for adapter in ADAPTERS.values())
