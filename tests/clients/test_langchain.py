"""LangChain's ``ChatOpenAI`` works unchanged."""

from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from tests.support.fakes import FakeOllama, ThreadedFake, answer
from tests.support.product import Product

Ollama = ThreadedFake[FakeOllama]
TALK: list[Any] = [SystemMessage("Be brief."), HumanMessage("Who are you?")]


@pytest.fixture(scope="package")
def chat(product: Product, base_url: str) -> ChatOpenAI:
    return ChatOpenAI(
        base_url=base_url, api_key=SecretStr(product.key), model="auto", max_retries=0, stream_usage=True
    )


def test_invoke_and_stream(chat: ChatOpenAI, ollama: Ollama) -> None:
    ollama.add(answer("A model."), answer("In three pieces."))
    plain = chat.invoke(TALK)
    assert plain.content == "A model."
    assert [turn["role"] for turn in ollama.chats[-1].body["messages"]] == ["system", "user"]
    pieces = list(chat.stream(TALK))
    assert "".join(str(piece.content) for piece in pieces) == "In three pieces."
    assert plain.usage_metadata is not None
    assert plain.usage_metadata["total_tokens"] == 18


async def test_ainvoke_and_astream(chat: ChatOpenAI, ollama: Ollama) -> None:
    ollama.add(answer("A model."), answer("In three pieces."))
    assert (await chat.ainvoke(TALK)).content == "A model."
    assert "".join([str(piece.content) async for piece in chat.astream(TALK)]) == "In three pieces."
