"""What is asked of each provider, and what is not."""

import json
from typing import Any

import pytest

from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest, Sampling
from services.intelligence.app.domain.errors import Faulted, Garbled, Misconfigured
from services.intelligence.app.services.providers import gemini, local_ollama, openai_provider
from services.intelligence.app.services.providers.gemini import GeminiProvider
from services.intelligence.app.services.providers.local_ollama import LocalOllamaProvider
from services.intelligence.app.services.providers.openai_dialect import dialect_of
from services.intelligence.app.services.providers.openai_provider import OpenAIProvider

from .scripted_transport import Answer, ScriptedTransport

SYSTEM, USER, ASSISTANT = (ChatTurn("system", "be brief"), ChatTurn("user", "hello"), ChatTurn("assistant", "hi"))
ALL = Sampling(temperature=0.0, max_tokens=50, stop=("END",))
SERVER = "https://models.example.invalid/v1"
OPENAI = "https://api.openai.com/v1"


def ask(*turns: ChatTurn, sampling: Sampling | None = None) -> ProviderRequest:
    return ProviderRequest(turns, sampling or Sampling())


def test_ollama_gets_the_same_loading_options_in_every_call() -> None:
    body = local_ollama.to_body(ask(SYSTEM, USER), "m", 4096)
    assert body == {
        "model": "m",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}],
        "stream": True,
        "truncate": False,
        "shift": False,
        "options": {"num_ctx": 4096, "num_predict": 4096},
    }


def test_ollama_gets_sampling_where_it_is_set() -> None:
    options = local_ollama.to_body(ask(USER, sampling=ALL), "m", 4096)["options"]
    assert options == {"num_ctx": 4096, "num_predict": 50, "temperature": 0.0, "stop": ["END"]}


def test_ollama_is_never_asked_for_more_than_its_context() -> None:
    options = local_ollama.to_body(ask(USER, sampling=Sampling(max_tokens=9999)), "m", 4096)["options"]
    assert options["num_predict"] == 4096


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("llama3", "llama3:latest", True),
        ("llama3:latest", "llama3", True),
        ("llama3", "llama3:8b", False),
        ("registry:5000/team/llama3", "registry:5000/team/llama3:latest", True),
        ("a/llama3", "b/llama3", False),
        ("registry.ollama.ai/library/Llama3", "llama3", True),
    ],
)
def test_an_ollama_name_without_a_tag_means_latest(one: str, other: str, same: bool) -> None:
    assert local_ollama.same_model(one, other) is same


def test_gemini_gets_the_system_prompt_apart_and_roles_that_alternate() -> None:
    body = gemini.to_body(ask(SYSTEM, USER, ChatTurn("user", "again"), ASSISTANT, ChatTurn("user", "more")))
    assert body == {
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "hello"}, {"text": "again"}]},
            {"role": "model", "parts": [{"text": "hi"}]},
            {"role": "user", "parts": [{"text": "more"}]},
        ],
    }


def test_gemini_gets_no_answer_before_the_first_question() -> None:
    body = gemini.to_body(ask(ASSISTANT, USER))
    assert body["contents"] == [{"role": "user", "parts": [{"text": "hello"}]}]


def test_gemini_keeps_a_partial_answer_at_the_end() -> None:
    assert gemini.to_body(ask(USER, ASSISTANT))["contents"][-1] == {"role": "model", "parts": [{"text": "hi"}]}


def test_gemini_merges_across_an_empty_turn() -> None:
    contents = gemini.to_body(ask(USER, ChatTurn("assistant", ""), ChatTurn("user", "still there?")))["contents"]
    assert contents == [{"role": "user", "parts": [{"text": "hello"}, {"text": "still there?"}]}]


def test_gemini_gets_sampling_where_it_is_set() -> None:
    config = gemini.to_body(ask(USER, sampling=ALL))["generationConfig"]
    assert config == {"temperature": 0.0, "maxOutputTokens": 50, "stopSequences": ["END"]}
    assert "generationConfig" not in gemini.to_body(ask(USER))


@pytest.mark.parametrize("model", ["gemini-x", "models/gemini-x"])
async def test_gemini_is_asked_with_the_key_in_a_header_and_never_in_the_address(model: str) -> None:
    transport = ScriptedTransport(Answer([b"{}"]))
    provider = GeminiProvider(
        transport=transport, api_key="g" * 40, model=model, api_url="http://g.invalid/", api_version="v1"
    )
    await provider.ensure_ready()
    assert provider.model == "gemini-x"
    assert transport.sent[0].url == "http://g.invalid/v1/models/gemini-x"
    assert transport.sent[0].headers["x-goog-api-key"] == "g" * 40


async def test_no_authorization_is_sent_without_a_key() -> None:
    transport = ScriptedTransport(Answer([b"{}"]), _tags("m"), _line("one"))
    await OpenAIProvider(transport=transport, api_key=None, model="m", base_url=SERVER).ensure_ready()
    await LocalOllamaProvider(transport=transport, base_url=SERVER).generate(ask(USER))
    assert not any("Authorization" in sent.headers for sent in transport.sent)


async def test_openai_is_ready_where_it_has_the_model() -> None:
    missing = {"error": {"message": "no such model", "code": "model_not_found"}}
    transport = ScriptedTransport(Answer([b'{"id":"a/b"}']), Answer([json.dumps(missing).encode()], status=404))
    provider = OpenAIProvider(transport=transport, api_key="o" * 40, model="a/b")
    await provider.ensure_ready()
    assert transport.sent[0].url == "https://api.openai.com/v1/models/a%2Fb"
    with pytest.raises(Misconfigured, match="no such model"):
        await provider.ensure_ready()


@pytest.mark.parametrize(
    "answer", [Answer([b'{"data":[{"id":"alias"}]}']), Answer([b"[]"]), Answer([b"none"], status=404)]
)
async def test_another_server_is_ready_where_it_answers(answer: Answer) -> None:
    transport = ScriptedTransport(answer)
    await OpenAIProvider(transport=transport, api_key=None, model="m", base_url=SERVER).ensure_ready()
    assert transport.sent[0].url == f"{SERVER}/models"


async def test_another_server_that_turns_the_key_down_is_not_ready() -> None:
    provider = OpenAIProvider(
        transport=ScriptedTransport(Answer([b"no"], status=401)), api_key="o" * 40, model="m", base_url=SERVER
    )
    with pytest.raises(Misconfigured) as caught:
        await provider.ensure_ready()
    assert caught.value.reason == "auth"


@pytest.mark.parametrize("to_body", ["ollama", "openai", "gemini"])
def test_turns_without_text_are_left_out(to_body: str) -> None:
    request = ask(USER, ChatTurn("assistant", ""), ChatTurn("system", ""))
    bodies: dict[str, dict[str, Any]] = {
        "ollama": local_ollama.to_body(request, "m", 4096),
        "openai": openai_provider.to_body(request, "m", dialect_of(OPENAI, None)),
        "gemini": gemini.to_body(request),
    }
    body = bodies[to_body]
    assert len(body.get("messages") or body["contents"]) == 1
    assert "systemInstruction" not in body


async def test_a_parameter_that_the_model_turns_down_is_left_out_and_remembered() -> None:
    transport = ScriptedTransport(_unsupported("temperature"), _said("one"), _said("two"))
    provider = OpenAIProvider(transport=transport, api_key="o" * 40, model="m")
    request = ask(USER, sampling=ALL)
    assert (await provider.generate(request)).text == "one"
    assert (await provider.generate(request)).text == "two"
    assert ["temperature" in _body(transport, at) for at in range(3)] == [True, False, False]
    assert all(_body(transport, at)["stop"] == ["END"] for at in range(3))


async def test_the_older_name_of_the_limit_replaces_the_newer_where_that_is_turned_down() -> None:
    transport = ScriptedTransport(_unsupported("max_completion_tokens"), _said("one"))
    provider = OpenAIProvider(transport=transport, api_key="o" * 40, model="m")
    assert (await provider.generate(ask(USER, sampling=ALL))).text == "one"
    assert _body(transport, 1)["max_tokens"] == 50
    assert "max_completion_tokens" not in _body(transport, 1)


@pytest.mark.parametrize("param", ["temperature", "messages[0].role", ""])
async def test_nothing_is_asked_twice_where_leaving_out_changes_nothing(param: str) -> None:
    transport = ScriptedTransport(_unsupported(param), _said("never"))
    provider = OpenAIProvider(transport=transport, api_key="o" * 40, model="m")
    with pytest.raises(Exception, match="unsupported_parameter"):
        await provider.generate(ask(USER))
    assert len(transport.sent) == 1


CUT = Garbled("the body was cut", reason="truncated")


async def test_a_cut_after_the_finish_reason_costs_openais_answer_nothing() -> None:
    transport = ScriptedTransport(
        Answer([b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'], cut=CUT)
    )
    provider = OpenAIProvider(transport=transport, api_key="o" * 40, model="m")
    assert (await provider.generate(ask(USER))).text == "a"


async def test_a_cut_before_the_finish_reason_is_truncated() -> None:
    transport = ScriptedTransport(Answer([b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'], cut=CUT))
    provider = OpenAIProvider(transport=transport, api_key="o" * 40, model="m")
    with pytest.raises(Garbled, match="the body was cut"):
        await provider.generate(ask(USER))


async def test_a_cut_of_geminis_stream_is_truncated_because_any_event_may_carry_a_finish_reason() -> None:
    body = b'data: {"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}\r\n\r\n'
    provider = GeminiProvider(transport=ScriptedTransport(Answer([body], cut=CUT)), api_key="g" * 40, model="m")
    with pytest.raises(Garbled, match="the body was cut"):
        await provider.generate(ask(USER))


async def test_a_status_keeps_its_meaning_though_its_body_is_cut() -> None:
    transport = ScriptedTransport(Answer([b'{"error'], status=503, cut=CUT))
    provider = OpenAIProvider(transport=transport, api_key="o" * 40, model="m")
    with pytest.raises(Faulted) as caught:
        await provider.generate(ask(USER))
    assert caught.value.reason == "overloaded"


async def test_the_secrets_of_others_are_kept_out_of_errors_too() -> None:
    other = "an-unusual-key-" + "o" * 30
    answer = Answer([json.dumps({"error": f"what is {other}?"}).encode()], status=500)
    transport = ScriptedTransport(_tags("m"), answer)
    provider = LocalOllamaProvider(transport=transport, base_url=SERVER, secrets=(other,))
    with pytest.raises(Faulted) as caught:
        await provider.generate(ask(USER))
    assert caught.value.detail == "HTTP 500: what is [key]"


async def test_nothing_is_sent_before_the_first_delta_is_wanted() -> None:
    transport = ScriptedTransport(_said("one"))
    provider = OpenAIProvider(transport=transport, api_key="o" * 40, model="m")
    stream = provider.stream(ask(USER))
    assert transport.sent == []
    await anext(stream)
    assert len(transport.sent) == 1
    await stream.aclose()
    assert transport.closed == 1


async def test_a_model_is_chosen_from_the_list_and_remembered() -> None:
    listing = {
        "models": [
            {"name": "embed:latest", "capabilities": ["embedding"]},
            {"name": "far:cloud"},
            {"name": "relayed:8b", "remote_host": "https://ollama.example.invalid"},
            {"name": "llama3:8b", "capabilities": ["completion", "tools"]},
            {"name": "other:8b"},
        ]
    }
    transport = ScriptedTransport(Answer([json.dumps(listing).encode()]), _line("one"), _line("two"))
    provider = LocalOllamaProvider(transport=transport, base_url="http://127.0.0.1:11434/")
    assert provider.model == ""
    assert (await provider.generate(ask(USER))).text == "one"
    assert provider.model == "llama3:8b"
    assert (await provider.generate(ask(USER))).text == "two"
    assert [sent.url for sent in transport.sent] == [
        "http://127.0.0.1:11434/api/tags",
        "http://127.0.0.1:11434/api/chat",
        "http://127.0.0.1:11434/api/chat",
    ]


async def test_a_chosen_model_that_is_gone_is_chosen_anew_within_the_call() -> None:
    gone = Answer([b'{"error":"model \'old:1b\' not found"}'], status=404)
    transport = ScriptedTransport(_tags("old:1b"), _line("one"), gone, _tags("new:1b"), _line("two"))
    provider = LocalOllamaProvider(transport=transport, base_url="http://127.0.0.1:11434")
    await provider.generate(ask(USER))
    assert (await provider.generate(ask(USER))).text == "two"
    assert provider.model == "new:1b"


async def test_a_chosen_model_stays_while_it_is_listed_though_no_longer_first() -> None:
    transport = ScriptedTransport(
        _tags("old:1b"), _line("one"), Answer([b'{"version":"0"}']), _tags("new:1b", "old:1b"), _line("two")
    )
    provider = LocalOllamaProvider(transport=transport, base_url="http://127.0.0.1:11434")
    await provider.generate(ask(USER))
    await provider.ensure_ready()
    assert provider.model == "old:1b"


async def test_a_configured_model_that_is_gone_is_an_error_and_not_replaced() -> None:
    transport = ScriptedTransport(_tags("new:1b"))
    provider = LocalOllamaProvider(transport=transport, base_url="http://127.0.0.1:11434", model="old:1b")
    with pytest.raises(Exception, match="does not list the model old:1b"):
        await provider.generate(ask(USER))
    assert provider.model == "old:1b"


@pytest.mark.parametrize("model", ["m:cloud", "gpt-oss:120b-cloud"])
def test_a_cloud_model_is_cloud_whatever_is_declared(model: str) -> None:
    provider = LocalOllamaProvider(transport=ScriptedTransport(), base_url="http://127.0.0.1:11434", model=model)
    assert (provider.locality, provider.on_this_machine) == ("cloud", False)


async def test_a_model_that_answers_from_elsewhere_is_never_asked_as_a_local_one() -> None:
    entry = {"name": "m:latest", "remote_host": "https://x.invalid"}
    transport = ScriptedTransport(Answer([json.dumps({"models": [entry]}).encode()]))
    provider = LocalOllamaProvider(transport=transport, base_url="http://127.0.0.1:11434", model="m")
    with pytest.raises(Exception, match="runs in the cloud"):
        await provider.generate(ask(USER))
    assert [sent.method for sent in transport.sent] == ["GET"]


async def test_a_cloud_model_is_asked_where_the_server_is_declared_cloud() -> None:
    transport = ScriptedTransport(_tags("m:cloud"), _line("one"))
    provider = LocalOllamaProvider(
        transport=transport, base_url="https://ollama.invalid", model="m:cloud", locality="cloud", api_key="k" * 40
    )
    assert (await provider.generate(ask(USER))).text == "one"
    assert transport.sent[1].headers["Authorization"] == "Bearer " + "k" * 40


def _tags(*names: str) -> Answer:
    return Answer([json.dumps({"models": [{"name": name} for name in names]}).encode()])


def _line(text: str) -> Answer:
    line = {"message": {"content": text}, "done": True, "done_reason": "stop"}
    return Answer([json.dumps(line).encode() + b"\n"])


def _said(text: str) -> Answer:
    chunk = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]}
    return Answer([f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()])


def _unsupported(param: str) -> Answer:
    error = {"message": f"Unsupported parameter: '{param}'.", "code": "unsupported_parameter", "param": param}
    return Answer([json.dumps({"error": error}).encode()], status=400)


def _body(transport: ScriptedTransport, at: int) -> dict[str, Any]:
    body = transport.sent[at].body
    assert body is not None
    decoded: dict[str, Any] = json.loads(body)
    return decoded
