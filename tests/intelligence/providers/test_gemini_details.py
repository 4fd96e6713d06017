"""Gemini in detail: how an answer may end, answers in rounds, other models, and how much a model reads."""

import json
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import types

from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest, Target
from services.intelligence.app.domain.errors import ContextTooLong, Garbled, ProviderError, Refused, Unreachable
from services.intelligence.app.domain.events import ReasoningDelta, TextDelta, Usage
from services.intelligence.app.services.providers import gemini_decoder
from services.intelligence.app.services.providers.gemini import MOST_ROUNDS, GeminiProvider

from .scripted_transport import Answer, ScriptedTransport

KEY = "g" * 40
TOO_LONG = "The input token count (200000) exceeds the maximum number of tokens allowed (131072)."


def ask(model: str = "") -> ProviderRequest:
    return ProviderRequest((ChatTurn("user", "hello"),), model=model)


def chunk(text: str, finish: str | None = "STOP", *, token: str | None = None, tokens: int = 2) -> bytes:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}] if text else []}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    if token:
        candidate["continuationToken"] = token
    usage = {"promptTokenCount": 5, "candidatesTokenCount": tokens, "thoughtsTokenCount": 1}
    return b"data: " + json.dumps({"candidates": [candidate], "usageMetadata": usage}).encode() + b"\r\n\r\n"


def provider(*answers: Answer, **options: Any) -> tuple[GeminiProvider, ScriptedTransport]:
    transport = ScriptedTransport(*answers)
    return GeminiProvider(transport=transport, api_key=KEY, model="m", **options), transport


def by_the_official_client(
    answers: list[bytes],
) -> tuple[str, types.GenerateContentResponseUsageMetadata, list[dict[str, Any]]]:
    """(text, usage, bodies that it sent) of google-genai where it gets these answers."""
    left, bodies = list(answers), []

    def reply(request: httpx2.Request) -> httpx2.Response:
        bodies.append(json.loads(request.content))
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=left.pop(0))

    client = httpx2.Client(transport=httpx2.MockTransport(reply))
    text, usage = "", types.GenerateContentResponseUsageMetadata()
    with genai.Client(api_key="k", http_options=types.HttpOptions(httpx_client=client)) as google:
        for piece in google.models.generate_content_stream(model="m", contents="hello"):
            text += piece.text or ""
            usage = piece.usage_metadata or usage
    return text, usage, bodies


class TestHowAnAnswerEnds:
    def test_every_reason_that_the_official_client_knows_has_its_place(self) -> None:
        known = {reason.value for reason in types.FinishReason}
        assert known == set(gemini_decoder._FINISH) | gemini_decoder._BLOCKED | {gemini_decoder._ACCOUNT_LIMITED}

    @pytest.mark.parametrize("finish", [*sorted(set(gemini_decoder._FINISH) - {"CONTINUATION"}), "NEW_IN_2027"])
    async def test_with_text_it_is_an_answer(self, finish: str) -> None:
        one, _ = provider(Answer([chunk("Hi.", finish)]))
        completion = await one.generate(ask())
        assert completion.text == "Hi."
        assert (completion.finished.reason, completion.finished.raw_reason) == (
            gemini_decoder._FINISH.get(finish, "other"), finish,
        )  # fmt: skip

    @pytest.mark.parametrize("finish", [*sorted(set(gemini_decoder._FINISH) - {"CONTINUATION"}), "NEW_IN_2027"])
    async def test_without_text_it_is_empty(self, finish: str) -> None:
        one, _ = provider(Answer([chunk("", finish)]))
        with pytest.raises(ProviderError) as caught:
            await one.generate(ask())
        assert caught.value.reason == "empty"
        assert caught.value.usage == Usage(5, 3, 1)

    @pytest.mark.parametrize("finish", sorted(gemini_decoder._BLOCKED))
    @pytest.mark.parametrize("text", ["", "Half an"])
    async def test_a_filter_is_a_filter_with_and_without_text(self, finish: str, text: str) -> None:
        one, _ = provider(Answer([chunk(text, finish)]))
        with pytest.raises(ProviderError) as caught:
            await one.generate(ask())
        assert caught.value.reason == "blocked"

    @pytest.mark.parametrize("block", [reason.value for reason in types.BlockedReason])
    async def test_a_blocked_prompt_is_a_filter_too(self, block: str) -> None:
        one, _ = provider(Answer([b"data: " + json.dumps({"promptFeedback": {"blockReason": block}}).encode()]))
        with pytest.raises(ProviderError) as caught:
            await one.generate(ask())
        assert caught.value.reason == "blocked"


class TestAnswersInRounds:
    async def test_the_same_body_is_sent_again_with_the_token_until_the_end(self) -> None:
        one, transport = provider(
            Answer([chunk("One ", "CONTINUATION", token="t1")]),
            Answer([chunk("two ", "CONTINUATION", token="t2")]),
            Answer([chunk("three.")]),
        )
        completion = await one.generate(ask())
        assert (completion.text, completion.finished.reason) == ("One two three.", "stop")
        assert completion.finished.usage == Usage(15, 9, 3)
        bodies = [json.loads(sent.body or b"") for sent in transport.sent]
        assert [body.pop("continuationToken", None) for body in bodies] == [None, "t1", "t2"]
        assert bodies[0] == bodies[1] == bodies[2]

    async def test_a_last_round_without_text_is_fine(self) -> None:
        one, _ = provider(Answer([chunk("All.", "CONTINUATION", token="t")]), Answer([chunk("")]))
        assert (await one.generate(ask())).text == "All."

    async def test_it_is_not_gone_on_with_for_ever(self) -> None:
        one, transport = provider(
            *(Answer([chunk("x", "CONTINUATION", token=f"t{number}")]) for number in range(MOST_ROUNDS))
        )
        completion = await one.generate(ask())
        assert (completion.text, completion.finished.reason) == ("x" * MOST_ROUNDS, "length")
        assert len(transport.sent) == MOST_ROUNDS

    async def test_without_a_token_it_is_an_answer_cut_at_its_limit(self) -> None:
        one, _ = provider(Answer([chunk("One", "CONTINUATION")]))
        assert (await one.generate(ask())).finished.reason == "length"

    async def test_a_fault_in_a_later_round_is_raised_after_the_text(self) -> None:
        one, _ = provider(Answer([chunk("One", "CONTINUATION", token="t")]), Answer([b"{}"], status=503))
        deltas = one.stream(ask())
        assert await anext(deltas) == TextDelta("One")
        with pytest.raises(ProviderError) as caught:
            await anext(deltas)
        assert (caught.value.reason, caught.value.usage) == ("overloaded", Usage(5, 3, 1))

    @pytest.mark.parametrize(
        ("second", "kind", "usage"),
        [
            (Answer([chunk("two", None)], cut=Garbled("cut", reason="truncated")), Garbled, Usage(10, 6, 2)),
            (Answer([], cut=Unreachable("cut", reason="reset")), Unreachable, Usage(5, 3, 1)),
            (Answer([chunk("two", "SAFETY")]), Refused, Usage(10, 6, 2)),
        ],
    )
    async def test_what_fails_in_a_later_round_is_billed_with_the_rounds_before(
        self, second: Answer, kind: type[ProviderError], usage: Usage
    ) -> None:
        one, _ = provider(Answer([chunk("One ", "CONTINUATION", token="t")]), second)
        with pytest.raises(kind) as caught:
            await one.generate(ask())
        assert caught.value.usage == usage

    async def test_within_a_round_the_last_usage_counts_and_rounds_are_added_up(self) -> None:
        one, _ = provider(
            Answer([chunk("One ", None, tokens=1), chunk("two ", "CONTINUATION", token="t", tokens=4)]),
            Answer([chunk("three ", None, tokens=1), chunk("four.", tokens=6)]),
        )
        assert (await one.generate(ask())).finished.usage == Usage(10, 12, 2)

    async def test_bad_frames_of_all_rounds_are_counted(self) -> None:
        bad = b"data: {broken\r\n\r\n"
        one, _ = provider(Answer([bad + chunk("One ", "CONTINUATION", token="t")]), Answer([bad + chunk("two.")]))
        assert (await one.generate(ask())).finished.skipped_frames == 2

    async def test_a_round_that_only_thought_is_gone_on_with(self) -> None:
        thought = chunk("hm", "CONTINUATION", token="t").replace(b'"text": "hm"', b'"text": "hm", "thought": true')
        one, _ = provider(Answer([thought]), Answer([chunk("Yes.")]))
        assert [delta async for delta in one.stream(ask())][:2] == [ReasoningDelta("hm"), TextDelta("Yes.")]

    async def test_an_answer_that_is_only_thought_about_in_all_rounds_is_empty(self) -> None:
        one, transport = provider(*(Answer([chunk("", "CONTINUATION", token=f"t{n}")]) for n in range(MOST_ROUNDS)))
        with pytest.raises(Garbled) as caught:
            await one.generate(ask())
        assert caught.value.reason == "empty"
        assert caught.value.usage == Usage(5 * MOST_ROUNDS, 3 * MOST_ROUNDS, MOST_ROUNDS)
        assert len(transport.sent) == MOST_ROUNDS

    @pytest.mark.parametrize("finish", ["STOP", "MAX_TOKENS"])
    async def test_a_token_amid_an_answer_that_ended_otherwise_starts_no_round(self, finish: str) -> None:
        one, transport = provider(Answer([chunk("One ", None, token="t"), chunk("two.", finish)]))
        assert (await one.generate(ask())).text == "One two."
        assert len(transport.sent) == 1

    async def test_a_round_that_offers_its_own_token_again_is_the_last(self) -> None:
        one, transport = provider(*(Answer([chunk("One ", "CONTINUATION", token="t")]) for _ in range(2)))
        assert (await one.generate(ask())).finished.reason == "length"
        assert len(transport.sent) == 2

    async def test_rounds_and_money_are_those_of_the_official_client(self) -> None:
        rounds = [
            [chunk("One ", None, tokens=1), chunk("two ", "CONTINUATION", token="dDE=", tokens=4)],
            [chunk("three ", "CONTINUATION", token="dDI=", tokens=2)],
            [chunk("four.", tokens=6)],
        ]
        one, transport = provider(*map(Answer, rounds))
        ours = await one.generate(ask())
        text, usage, bodies = by_the_official_client([b"".join(pieces) for pieces in rounds])
        assert ours.text == text
        assert ours.finished.usage == Usage(
            usage.prompt_token_count,
            (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
            usage.thoughts_token_count,
        )
        tokens = [json.loads(sent.body or b"").get("continuationToken") for sent in transport.sent]
        assert tokens == [body.get("continuationToken") for body in bodies]


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("", "models/m"), ("gemini-4", "models/gemini-4"), ("models/gemini-4", "models/gemini-4"),
        ("tunedModels/mine", "tunedModels/mine"), ("a b", "models/a%20b"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_another_model_is_asked_by_its_name_in_every_version(model: str, path: str, version: str) -> None:
    one, transport = provider(Answer([chunk("Hi.")]), api_version=version)
    await one.generate(ask(model))
    assert transport.sent[0].url.endswith(f".com/{version}/{path}:streamGenerateContent?alt=sse")
    assert json.loads(transport.sent[0].body or b"") == {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}


async def test_how_much_a_model_reads_is_what_its_free_check_says() -> None:
    one, _ = provider(Answer([b'{"name":"models/m","inputTokenLimit":32768}']))
    assert one.candidate().context_tokens == 1_048_576
    await one.ensure_ready()
    assert one.candidate().context_tokens == 32_768
    assert one.candidate("other").context_tokens == 1_048_576


async def test_or_what_it_complains_of_for_that_model_alone() -> None:
    told = {"code": 400, "status": "INVALID_ARGUMENT", "message": TOO_LONG}
    one, transport = provider(*(Answer([json.dumps({"error": told}).encode()], status=400) for _ in range(2)))
    for model in ("models/gemini-4", ""):
        with pytest.raises(ContextTooLong):
            await one.generate(ask(model))
        assert one.candidate("gemini-4").context_tokens == 131_072
    assert len(transport.sent) == 2
    assert one.candidate().context_tokens == 131_072
    assert one.candidate("other").context_tokens == 1_048_576


def test_a_caller_may_name_a_model_with_or_without_what_stands_before_it() -> None:
    one, _ = provider()
    for name in ("gemini-4", "models/gemini-4"):
        assert (one.candidate(name).model, one.candidate(name).target) == ("gemini-4", Target("gemini", name))


def test_prices_are_googles_at_googles_address_alone() -> None:
    assert provider()[0].priced_as == "google"
    assert provider(api_url="http://proxy.invalid")[0].priced_as == ""
