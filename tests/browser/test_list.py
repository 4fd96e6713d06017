"""The list of conversations: found, renamed, exported, deleted and brought back; thousands of them."""

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.support.fakes import FakeOllama, ThreadedFake, answer
from tests.support.product import Product

pytestmark = pytest.mark.browser

MANY = 5000


def say(product: Product, ollama: ThreadedFake[FakeOllama], asked: str, answered: str = "Noted.") -> str:
    """Have a conversation; its id."""
    ollama.add(answer(answered))
    status, said = product.call("POST", "/api/chat/message", {"message": asked})
    assert status == 200
    return str(said["session_id"])


def listed(page: Page, title: str) -> Locator:
    return page.get_by_role("navigation").get_by_role("link", name=title)


def search(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Search conversations")


def test_a_conversation_is_found_by_a_word_of_its_answer(
    page: Page, product: Product, ollama: ThreadedFake[FakeOllama]
) -> None:
    say(product, ollama, "Which animal is that?", "It is an axolotl.")
    say(product, ollama, "And this one?", "A newt.")
    page.reload()
    expect(listed(page, "Which animal is that?")).to_be_visible()
    page.keyboard.press("Control+k")
    expect(search(page)).to_be_focused()
    page.keyboard.type("axolo")

    expect(listed(page, "Which animal is that?")).to_be_visible()
    expect(listed(page, "And this one?")).to_have_count(0)
    expect(page.get_by_role("status").first).to_have_text("1 conversation found")
    page.keyboard.type("x")
    expect(page.get_by_text("Nothing was found")).to_be_visible()
    page.keyboard.press("Escape")
    expect(listed(page, "And this one?")).to_be_visible()


def test_a_conversation_is_renamed_exported_and_deleted_by_keyboard_alone(
    page: Page, product: Product, ollama: ThreadedFake[FakeOllama]
) -> None:
    say(product, ollama, "Another one")
    say(product, ollama, "What shall it be called?", "Anything.")
    page.reload()
    listed(page, "What shall it be called?").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Rename")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("navigation").get_by_role("textbox").last).to_be_focused()
    page.keyboard.type("A better name")
    page.keyboard.press("Enter")
    expect(listed(page, "A better name")).to_be_focused()

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    text = Path(download.value.path()).read_text()
    assert "## A better name" in text
    assert "Answered by ollama" in text
    with page.expect_download() as download:
        page.get_by_role("button", name="Actions for A better name").click()
        page.get_by_role("menuitem", name="Export as JSON").click()
    [session] = json.loads(Path(download.value.path()).read_text())["sessions"]
    assert session["messages"][0]["route"]["attempts"][0]["provider"] == "ollama"

    listed(page, "A better name").focus()
    page.keyboard.press("Delete")
    expect(listed(page, "A better name")).to_have_count(0)
    expect(listed(page, "Another one")).to_be_focused()
    page.keyboard.press("Control+z")
    expect(listed(page, "A better name")).to_be_visible()


def test_a_deletion_can_be_taken_back_and_counts_when_the_page_is_left(
    page: Page, product: Product, ollama: ThreadedFake[FakeOllama]
) -> None:
    session_id = say(product, ollama, "Shall I stay?")
    page.reload()
    listed(page, "Shall I stay?").click()
    expect(page.get_by_role("log")).to_contain_text("Noted.")
    remove = page.get_by_role("menuitem", name="Delete")
    page.get_by_role("button", name="Actions for Shall I stay?").click()
    remove.click()
    expect(listed(page, "Shall I stay?")).to_have_count(0)
    expect(page.get_by_role("log")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(listed(page, "Shall I stay?")).to_be_visible()
    assert product.call("GET", f"/api/chat/history/{session_id}")[0] == 200

    listed(page, "Shall I stay?").hover()
    page.get_by_role("button", name="Actions for Shall I stay?").click()
    remove.click()
    # The call outlives the page, so it may come just after the next page's first ones.
    for _ in range(20):
        page.reload()
        expect(page.get_by_role("textbox", name="Message")).to_be_visible()
        if product.call("GET", f"/api/chat/history/{session_id}")[0] == 404:
            break
    assert product.call("GET", f"/api/chat/history/{session_id}")[0] == 404


TO_THE_END = """list => new Promise(done => {
    list.scrollTop = list.scrollHeight;
    requestAnimationFrame(() => requestAnimationFrame(() => done()));
})"""


def test_thousands_of_conversations_are_as_quick_as_ten(page: Page, product: Product) -> None:
    user_id = product.call("GET", "/api/auth/me")[1]["user_id"]
    rows = [
        (f"00000000-0000-7000-8000-{number:012}", user_id, f"Number {number}", f"number {number}", number, number)
        for number in range(MANY)
    ]
    with closing(sqlite3.connect(product.data / "intelligence.db")) as connection:
        connection.executemany(
            "INSERT INTO sessions (id, user_id, title, folded_title, status, local_only, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, 'active', FALSE, ?, ?)",
            rows,
        )
        connection.commit()
    page.reload()
    scroller = page.get_by_role("navigation", name="Conversations")
    drawn = scroller.get_by_role("listitem")
    oldest = listed(page, re.compile("^Number 0$"))  # type: ignore[arg-type]
    # The list may fetch ahead, so that not every step to its end asks the server.
    for _ in range(MANY):
        if oldest.count():
            break
        scroller.evaluate(TO_THE_END)
    expect(oldest).to_have_count(1)
    assert drawn.count() < 100
    box = page.get_by_role("textbox", name="Message")
    box.focus()
    page.evaluate(
        "() => { window.slowest = 0; new PerformanceObserver(list => list.getEntries().forEach(entry => {"
        " window.slowest = Math.max(window.slowest, entry.processingEnd - entry.processingStart) }))"
        ".observe({ type: 'event', durationThreshold: 16, buffered: true }) }"
    )
    box.press_sequentially("Quick?")
    assert page.evaluate("() => window.slowest") < 50
    box.fill("")
    search(page).fill("number 4321")
    expect(listed(page, "Number 4321")).to_be_visible()
    with closing(sqlite3.connect(product.data / "intelligence.db")) as connection:
        connection.execute("DELETE FROM sessions WHERE id LIKE '00000000-%'")
        connection.commit()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_list_its_menu_and_the_help_hold_to_the_rules_of_accessibility(
    unguarded: BrowserContext,
    product: Product,
    ollama: ThreadedFake[FakeOllama],
    axe: Callable[[Page], None],
    scheme: str,
) -> None:
    say(product, ollama, "Is this easy to read?")
    page = unguarded.new_page()
    page.emulate_media(color_scheme="light" if scheme == "light" else "dark", reduced_motion="reduce")
    page.goto(product.url)
    expect(listed(page, "Is this easy to read?").first).to_be_visible()
    axe(page)
    page.get_by_role("button", name="Actions for Is this easy to read?").first.click()
    expect(page.get_by_role("menuitem", name="Rename")).to_be_focused()
    axe(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    axe(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    listed(page, "Is this easy to read?").first.focus()
    page.keyboard.press("Delete")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    axe(page)
    page.close()
