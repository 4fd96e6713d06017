"""The official Ollama client against the real service, over a real socket."""

from collections.abc import Iterator

import pytest
from ollama import Client, ResponseError

from .service_process import service_process
from .serving import MODEL

pytestmark = pytest.mark.model

HELLO = [{"role": "user", "content": "Hello! Who are you?"}]
SHORT = {"num_predict": 12}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with service_process() as service, Client(host=service.url, timeout=60) as client:
        yield client


def test_it_lists_the_model_with_its_details(client: Client) -> None:
    (model,) = client.list().models

    assert model.model == MODEL
    assert model.size == 98_362_432
    assert model.digest == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    assert model.modified_at is not None
    assert model.details is not None
    assert (model.details.family, model.details.parameter_size) == ("llama", "134.52M")
    assert model.details.quantization_level == "Q4_1"


def test_it_shows_the_model(client: Client) -> None:
    shown = client.show(MODEL)

    assert shown.modelinfo is not None
    assert shown.modelinfo["llama.context_length"] == 8192
    assert shown.capabilities == ["completion"]
    assert shown.template is not None
    assert "<|im_start|>" in shown.template
    assert shown.license == "apache-2.0"


def test_it_chats(client: Client) -> None:
    answer = client.chat(MODEL, HELLO, options=SHORT)

    assert answer.message.content
    assert answer.done
    assert answer.done_reason in {"stop", "length"}
    assert answer.prompt_eval_count is not None
    assert answer.prompt_eval_count > 20
    assert answer.eval_count == 12
    assert answer.total_duration is not None
    assert answer.total_duration > 0


def test_it_chats_in_a_stream(client: Client) -> None:
    pieces = list(client.chat(MODEL, HELLO, stream=True, options=SHORT))

    assert len(pieces) > 5
    assert [piece.done for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert "".join(piece.message.content or "" for piece in pieces)
    assert pieces[-1].eval_count == 12


def test_it_generates(client: Client) -> None:
    assert client.generate(MODEL, "Say hello.", system="Be brief.", options=SHORT).response
    assert "".join(piece.response or "" for piece in client.generate(MODEL, "Say hello.", stream=True, options=SHORT))
    assert client.generate(MODEL, "Once upon a time", raw=True, options=SHORT).prompt_eval_count == 4


def test_it_sees_and_ends_what_is_loaded(client: Client) -> None:
    assert client.generate(MODEL, keep_alive="5m").done_reason == "load"
    (running,) = client.ps().models
    assert (running.model, running.context_length) == (MODEL, 4096)
    assert running.expires_at is not None
    assert client.generate(MODEL, keep_alive=0).done_reason == "unload"
    assert list(client.ps().models) == []


@pytest.mark.parametrize("name", ["llama3", "smollm2", "smollm2:360m"])
def test_it_sees_404_for_an_unknown_model(client: Client, name: str) -> None:
    with pytest.raises(ResponseError) as chat:
        client.chat(name, HELLO)
    with pytest.raises(ResponseError) as show:
        client.show(name)

    assert (chat.value.status_code, chat.value.error) == (404, f"model '{name}' not found")
    assert show.value.status_code == 404


def test_it_sees_400_for_what_the_model_cannot_do(client: Client) -> None:
    with pytest.raises(ResponseError, match="does not support thinking") as thinking:
        client.chat(MODEL, HELLO, think=True)
    with pytest.raises(ResponseError, match="does not support embeddings") as embedding:
        client.embed(MODEL, "text")

    assert thinking.value.status_code == embedding.value.status_code == 400


def test_a_long_history_is_cut_and_the_chat_goes_on(client: Client) -> None:
    history = [{"role": "user", "content": "many words " * 2500}, {"role": "assistant", "content": "Yes."}, *HELLO]
    answer = client.chat(MODEL, history, options={"num_predict": 4})

    assert answer.prompt_eval_count is not None
    assert answer.prompt_eval_count < 100
