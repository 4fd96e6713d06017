"""What a person does on the page, and where they look."""

import re

from playwright.sync_api import Locator, Page

from tests.support.fakes import FakeGemini, FakeOllama, ThreadedFake

Ollama = ThreadedFake[FakeOllama]
Gemini = ThreadedFake[FakeGemini]

_CHIP = re.compile("^Where this answer came from")


def ask(page: Page, text: str) -> None:
    """Write a message and send it."""
    box = page.get_by_role("textbox", name="Message")
    box.fill(text)
    box.press("Enter")


def log(page: Page) -> Locator:
    """The conversation."""
    return page.get_by_role("log")


def chip(page: Page) -> Locator:
    """The chip under the last answer."""
    return page.get_by_role("button", name=_CHIP).last


def switch(page: Page) -> Locator:
    """The lock of the conversation."""
    return page.get_by_role("switch", name="Local only")
