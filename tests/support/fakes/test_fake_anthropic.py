"""The fake Anthropic, read by the official client."""

from datetime import UTC, datetime
from typing import Any

import anthropic
import pytest

from .anthropic import FakeAnthropic
from .behaviours import answer, blocked, error_in_stream, status

HI: Any = [{"role": "user", "content": "hi"}]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def client_of(fake: FakeAnthropic, key: str = "a" * 40) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=fake.url, api_key=key, max_retries=0)


async def test_the_official_client_reads_the_answers_of_an_anthropic() -> None:
    async with FakeAnthropic([answer("one two", reasoning="hm"), answer("cut", finish="length")]) as fake:
        async with client_of(fake) as client:
            assert [model.id async for model in client.models.list()] == ["claude-sonnet-5-5"]
            assert (await client.models.retrieve("claude-sonnet-5-5")).max_tokens == 128_000
            messages = []
            for _ in range(2):
                async with client.messages.stream(model="claude-sonnet-5-5", max_tokens=9, messages=HI) as stream:
                    messages.append(await stream.get_final_message())
        assert fake.chats[0].headers["anthropic-version"] == "2026-10-21"
    thought, said = messages[0].content
    assert (thought.type, said.type) == ("thinking", "text")
    assert (getattr(thought, "thinking", ""), getattr(said, "text", "")) == ("hm", "one two")
    assert [message.stop_reason for message in messages] == ["end_turn", "max_tokens"]
    assert (messages[0].usage.input_tokens, messages[0].usage.output_tokens) == (11, 3)


async def test_the_official_client_sees_a_refusal_of_an_anthropic() -> None:
    async with (
        FakeAnthropic([blocked(after=2), blocked()]) as fake,
        client_of(fake) as client,
        client.messages.stream(model="claude-sonnet-5-5", max_tokens=9, messages=HI) as stream,
    ):
        assert (await stream.get_final_message()).stop_reason == "refusal"
        with pytest.raises(anthropic.BadRequestError, match="content filtering policy"):
            await client.messages.create(model="claude-sonnet-5-5", max_tokens=9, messages=HI)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (413, anthropic.RequestTooLargeError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.OverloadedError),
    ],
)
async def test_the_official_client_sees_the_errors_of_an_anthropic(
    code: int, error: type[anthropic.APIStatusError]
) -> None:
    async with FakeAnthropic([status(code)]) as fake, client_of(fake) as client:
        with pytest.raises(error, match=f"told to answer {code}"):
            await client.messages.create(model="claude-sonnet-5-5", max_tokens=9, messages=HI)


async def test_the_official_client_sees_an_error_inside_the_stream_of_an_anthropic() -> None:
    async with FakeAnthropic([error_in_stream(1, "Overloaded", status=529)]) as fake, client_of(fake) as client:
        with pytest.raises(anthropic.APIStatusError, match="overloaded_error") as caught:
            async with client.messages.stream(model="claude-sonnet-5-5", max_tokens=9, messages=HI) as stream:
                await stream.get_final_message()
    assert caught.value.status_code == 200


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"max_tokens": 128_001, "stream": True}, "128001 > 128000, which is the maximum"),
        ({"extra_body": {"temperature": 1.0}}, "temperature: Extra inputs"),
        ({"stop_sequences": ["\n"]}, "non-whitespace"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "the user role"),
        ({"messages": [{"role": "user", "content": " "}]}, "non-whitespace text"),
        ({"messages": [*HI, {"role": "assistant", "content": "x"}]}, "assistant message prefill"),
    ],
)
async def test_an_anthropic_takes_no_body_that_the_real_one_would_not(fields: dict[str, Any], said: str) -> None:
    body: dict[str, Any] = {"model": "claude-sonnet-5-5", "max_tokens": 9, "messages": HI, **fields}
    async with FakeAnthropic() as fake, client_of(fake) as client:
        with pytest.raises(anthropic.BadRequestError, match=said):
            await client.messages.create(**body)


async def test_the_official_client_reads_when_a_model_of_an_anthropic_is_retired() -> None:
    ends = {"old": ("deprecated", "2026-11-30T00:00:00Z"), "gone": ("retired", "2026-06-15T00:00:00Z")}
    async with FakeAnthropic(models=["new", "old", "gone"], ends=ends) as fake, client_of(fake) as client:
        models = {model.id: model async for model in client.models.list()}
    assert [(name, model.lifecycle) for name, model in models.items()] == [
        ("new", "active"),
        ("old", "deprecated"),
        ("gone", "retired"),
    ]
    assert models["new"].retires_at is None
    assert models["old"].retires_at == datetime(2026, 11, 30, tzinfo=UTC)


async def test_an_anthropic_with_a_key_takes_no_other_and_knows_its_models() -> None:
    async with FakeAnthropic(key="a" * 40) as fake, client_of(fake) as right, client_of(fake, "b" * 40) as wrong:
        with pytest.raises(anthropic.AuthenticationError):
            await wrong.models.retrieve("claude-sonnet-5-5")
        with pytest.raises(anthropic.NotFoundError):
            await right.messages.create(model="claude-unheard-of", max_tokens=9, messages=HI)
