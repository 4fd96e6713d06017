"""What a person does on the page, and where they look."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.support.fakes import FakeGemini, FakeOllama, Gate, ThreadedFake, answer
from tests.support.product import Product

Ollama = ThreadedFake[FakeOllama]
Gemini = ThreadedFake[FakeGemini]

# When the composer was there, in milliseconds since the page was asked for.
USABLE = """
new MutationObserver((_, observer) => {
  if (!document.getElementById('message')) return
  window.usable = performance.now()
  observer.disconnect()
}).observe(document, { childList: true, subtree: true })
"""
PASSWORD = "correct horse battery"
ATTEMPTS = 5
"""A machine that is busy with other things is slow at times, and not every time."""
_CHIP = re.compile("^Where this answer came from")


@contextmanager
def opened(browser: Browser, product: Product) -> Iterator[BrowserContext]:
    """Somebody's browser after the one-time link."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(product.link)
    page.get_by_role("textbox", name="Message").wait_for()
    page.close()
    yield context
    context.close()


def registered(browser: Browser, product: Product, name: str) -> Page:
    """The page of somebody who is invited and registers, in a browser of their own."""
    status, invitation = product.call("POST", "/api/admin/invitations", {})
    assert status == 201
    page = browser.new_context().new_page()
    page.goto(product.url + invitation["path"])
    page.get_by_label("Name").fill(name)
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    return page


def lock_in_the_middle(page: Page, ollama: Ollama, gemini: Gemini) -> None:
    """Lock a conversation while the cloud is answering in it, which cuts the answer off."""
    gate = Gate()
    ollama.refuse()
    try:
        gemini.add(answer("one two three", gate=gate))
        ask(page, "Count in the cloud.")
        gate.release()
        expect(log(page)).to_contain_text("one")
        page.keyboard.press("Control+Shift+L")
        expect(page.get_by_role("main").get_by_text("Gemini was cut off.")).to_be_visible()
    finally:
        ollama.accept()


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


def fill(product: Product, session: str, answers: Sequence[str]) -> None:
    """Store messages with these answers, one after the other, below the one message that the session has."""
    with closing(sqlite3.connect(product.data / "intelligence.db", timeout=30)) as database, database:
        user, parent, at = database.execute(
            "SELECT user_id, id, created_at FROM prompts WHERE session_id = ?", (session,)
        ).fetchone()
        for number, text in enumerate(answers):
            identity = f"{session[:-12]}{number:012d}"
            database.execute(
                "INSERT INTO prompts (id, session_id, parent_id, user_id, input_text, output_text, local_only,"
                " status, tokens_used, latency_ms, created_at, provider, model, locality)"
                " VALUES (?, ?, ?, ?, ?, ?, FALSE, 'complete', 1, 1, ?, 'ollama', 'llama3.2:latest', 'local')",
                (identity, session, parent, user, f"Question {number}?", text, at + number + 1),
            )
            parent = identity
