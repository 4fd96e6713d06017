"""The product from outside: started with its one command, used through its one door."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import FakeGemini, FakeOllama, Gate, ThreadedFake, answer
from tests.support.laid_out import laid_out
from tests.support.product import Product, running

GEMINI_KEY = "g" * 40


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, providers: dict[str, str]) -> Iterator[Product]:
    """One product for the tests that leave it as they found it."""
    with running(laid_out(tmp_path_factory.mktemp("product")), **providers) as started:
        yield started


def history_of(product: Product) -> list[dict[str, Any]]:
    _, listing = product.call("GET", "/api/chat/sessions")
    return [
        prompt
        for session in listing["sessions"]
        for prompt in product.call("GET", f"/api/chat/history/{session['id']}")[1]["prompts"]
    ]


@pytest.mark.model
def test_with_no_key_and_no_ollama_the_built_in_model_answers_in_the_terminal(tmp_path: Path) -> None:
    with running(tmp_path, OLLAMA_URL="auto", LLM_PROVIDER_PRIORITY="ollama") as product:
        if "11434" in "".join(product.output):
            pytest.skip("an Ollama runs on this machine, so the built-in model is not started")
        done = product.novacore("chat", "What is the capital of France? Answer with one word.")

        assert done.returncode == 0, done.stderr
        assert len(done.stdout.strip()) > 2
        assert "smollm2:135m" in done.stderr
        assert "local" in done.stderr
        assert product.stop() == 0


def test_the_terminal_says_which_providers_are_on_and_where_to_go(
    product: Product, ollama: ThreadedFake[FakeOllama]
) -> None:
    shown = "".join(product.output)

    assert ollama.fake.models[0] in shown
    assert "gemini" in shown
    assert "no key (set OPENAI_API_KEY)" in shown
    assert product.url in shown
    assert product.link.startswith(product.url)


def test_no_key_is_shown(product: Product) -> None:
    shown = "".join(product.output)

    assert GEMINI_KEY not in shown
    assert product.key not in shown


def test_a_look_at_the_set_up_beside_it_finds_nothing_wrong_and_disturbs_nothing(
    product: Product, ollama: ThreadedFake[FakeOllama], gemini: ThreadedFake[FakeGemini]
) -> None:
    fakes = (ollama.fake, gemini.fake)
    before = [len(fake.requests) for fake in fakes]
    gemini.fake.time = time.time()
    try:
        done = product.novacore("doctor")
    finally:
        gemini.fake.time = None
    requests = [request for fake, count in zip(fakes, before, strict=True) for request in fake.requests[count:]]

    assert (done.returncode, done.stderr) == (0, "")
    assert f"NovaCore runs, listens on port {product.port}, and is ready." in done.stdout
    assert "this machine's clock agrees" in done.stdout
    assert not [line for line in done.stdout.splitlines() if line.startswith("fault")]
    assert {request.method for request in requests} == {"GET"}
    assert GEMINI_KEY not in done.stdout
    assert product.key not in done.stdout
    assert product.call("GET", "/readyz")[0] == 200


def test_a_local_model_that_is_down_is_replaced_by_the_cloud_and_the_reason_is_told(
    product: Product, ollama: ThreadedFake[FakeOllama], gemini: ThreadedFake[FakeGemini]
) -> None:
    gemini.add(answer("From the cloud."))
    ollama.refuse()
    try:
        status, reply = product.call("POST", "/api/chat/message", {"message": "Anyone there?"})
    finally:
        ollama.accept()
    prompt = next(one for one in history_of(product) if one["input_text"] == "Anyone there?")
    _, route = product.call("GET", f"/api/chat/messages/{prompt['id']}/route")

    assert (status, reply["response"]) == (200, "From the cloud.")
    assert (prompt["provider"], prompt["locality"]) == ("gemini", "cloud")
    assert [(one["provider"], one["outcome"], one["reason"]) for one in route["attempts"]] == [
        ("ollama", "failed", "connect_refused"),
        ("gemini", "succeeded", None),
    ]


def test_a_message_that_is_locked_to_local_reaches_no_cloud(
    product: Product, ollama: ThreadedFake[FakeOllama], gemini: ThreadedFake[FakeGemini]
) -> None:
    before = gemini.fake.connections
    ollama.refuse()
    try:
        done = product.novacore("chat", "--local-only", "Keep this here.")
    finally:
        ollama.accept()

    assert "Nothing was sent" in done.stdout
    assert gemini.fake.connections == before


def test_chat_works_while_memory_hangs(product: Product) -> None:
    memory = product.pid_of("memory")
    os.kill(memory, signal.SIGSTOP)
    try:
        began = time.monotonic()
        status, reply = product.call("POST", "/api/chat/message", {"message": "Still there?"})
        took = time.monotonic() - began
    finally:
        os.kill(memory, signal.SIGCONT)

    assert status == 200
    assert reply["tokens_used"] > 0
    assert took < 2


def test_a_killed_process_loses_no_stored_message_and_is_named_where_someone_is_left_to_name_it(
    tmp_path: Path, ollama: ThreadedFake[FakeOllama]
) -> None:
    victims = ["gateway", "intelligence", "memory", "up"]
    for round_, victim in enumerate(victims):
        gate = Gate()
        with running(tmp_path, OLLAMA_URL=ollama.url) as product:
            assert_all_is_there(product, victims[:round_])
            ollama.add(answer(f"A whole answer before {victim}."), answer("Half an answer", gate=gate))
            product.call("POST", "/api/chat/message", {"message": f"whole {victim}"})
            asked = len(ollama.chats)
            asking = product.novacore_in_background("chat", f"half {victim}")
            ollama.received(asked + 1)
            gate.release(2)
            if victim == "up":
                product.process.kill()

                assert product.process.wait(30) == -signal.SIGKILL
            else:
                os.kill(product.pid_of(victim), signal.SIGKILL)
                product.wait_for(victim)

                assert product.process.wait(30) == 1
            asking.wait(30)
    with running(tmp_path, OLLAMA_URL=ollama.url) as product:
        assert_all_is_there(product, victims)


def assert_all_is_there(product: Product, victims: list[str]) -> None:
    prompts = {prompt["input_text"]: prompt for prompt in history_of(product)}
    for victim in victims:
        whole, half = prompts[f"whole {victim}"], prompts[f"half {victim}"]

        assert (whole["output_text"], whole["status"]) == (f"A whole answer before {victim}.", "complete")
        assert half["status"] == "interrupted"
        assert "Half an answer".startswith(half["output_text"])


@pytest.mark.model
def test_a_local_model_that_is_killed_in_an_answer_comes_back_and_what_it_said_is_kept(tmp_path: Path) -> None:
    with running(tmp_path, OLLAMA_URL="auto", LLM_PROVIDER_PRIORITY="ollama") as product:
        if "11434" in "".join(product.output):
            pytest.skip("an Ollama runs on this machine, so the built-in model is not started")
        with product.stream({"message": "Write a long story about a lighthouse."}) as lines:
            said = next(json.loads(line[6:])["content"] for line in lines if line.startswith('data: {"content"'))
            os.kill(product.pid_of("local_model"), signal.SIGKILL)
            last = [line for line in lines if line.startswith("data: ")][-1]
        product.wait_for("local_model")
        product.wait_for("ready")
        [prompt] = history_of(product)
        status, reply = product.call("POST", "/api/chat/message", {"message": "Hello!"})

        assert "broke off" in json.loads(last[6:])["error"]
        assert prompt["status"] == "interrupted"
        assert prompt["output_text"].startswith(said)
        assert status == 200
        assert reply["tokens_used"] > 0
        assert product.process.poll() is None
