"""Every state that the other modules do not hold to axe: what goes wrong, what waits, and who comes in."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.browser.steps import Gemini, Ollama, ask, chip, log, switch
from tests.support.fakes import Gate, answer, cut, status
from tests.support.product import Product
from tests.support.wire import Wire

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}
Check = Callable[[Page], None]


@pytest.fixture
def both(axe: Check) -> Check:
    """Holds a page to axe in light and in dark, and to the width of a phone."""

    def check(page: Page) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="light" if scheme == "light" else "dark", reduced_motion="reduce")
            axe(page)
        page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.set_viewport_size({"width": DESKTOP["width"], "height": DESKTOP["height"]})

    return check


@pytest.fixture
def shown(unguarded: BrowserContext, product: Product) -> Iterator[Page]:
    """The chat in a browser that lets axe in."""
    page = unguarded.new_page()
    page.goto(product.url)
    page.get_by_role("textbox", name="Message").wait_for()
    yield page
    page.close()


def test_an_interrupted_answer(shown: Page, both: Check, ollama: Ollama, gemini: Gemini) -> None:
    ollama.add(cut(after=3, text="It begins well and then"))
    gemini.add(status(400))
    ask(shown, "Tell me a story.")
    expect(log(shown)).to_contain_text("Interrupted")
    # The reason is in words, not in the code that programs get.
    expect(log(shown)).to_contain_text("The answer broke off. What was said so far is kept.")
    both(shown)
    chip(shown).click()
    expect(log(shown)).to_contain_text("Its answer broke off before the end.")
    both(shown)


def test_a_lost_connection_and_a_message_that_waits_for_one(
    unguarded: BrowserContext, wire: Wire, both: Check, ollama: Ollama
) -> None:
    page = unguarded.new_page()
    page.goto(wire.url)
    gate = Gate()
    ollama.add(answer("one two three four", gate=gate))
    ask(page, "Count for me.")
    gate.release(2)
    expect(log(page)).to_contain_text("one two")
    wire.down()
    try:
        expect(log(page)).to_contain_text("Connection lost")
        both(page)
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(page.get_by_role("button", name="Stopping")).to_be_visible()
        both(page)
    finally:
        wire.up()
    expect(log(page)).to_contain_text("Stopped")
    both(page)
    wire.down()
    try:
        ask(page, "Is anyone there?")
        expect(log(page)).to_contain_text("Not sent yet")
        both(page)
        page.get_by_role("button", name="Take back").first.click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("alert")).to_contain_text("NovaCore cannot be reached")
        both(page)
    finally:
        wire.up()
    page.close()


def test_an_answer_that_is_waited_for_and_one_that_is_loaded(
    shown: Page, both: Check, product: Product, ollama: Ollama
) -> None:
    gate = Gate()
    ollama.add(answer("one two", gate=gate))
    ask(shown, "Wait for me.")
    expect(chip(shown)).to_contain_text("Trying Ollama")
    chip(shown).click()
    expect(log(shown)).to_contain_text("How this answer was made")
    both(shown)
    gate.open()
    expect(log(shown)).to_contain_text("one two")

    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    shown.route(re.compile("/api/chat/history/"), hold)
    shown.reload()
    expect(shown.get_by_role("img", name="Loading the conversation")).to_be_visible()
    both(shown)
    for route in waiting:
        route.abort()
    expect(shown.get_by_role("alert")).to_contain_text("This conversation could not be opened")
    both(shown)
    shown.goto(f"{product.url}/#/chat/00000000-0000-7000-8000-000000000000")
    shown.reload()
    both(shown)


def test_nobody_answers_and_an_answer_fails(shown: Page, both: Check, ollama: Ollama, gemini: Gemini) -> None:
    ollama.refuse()
    gemini.refuse()
    try:
        ask(shown, "Is anyone there?")
        expect(log(shown)).to_contain_text("No provider answered")
    finally:
        ollama.accept()
        gemini.accept()
    chip(shown).click()
    expect(log(shown)).to_contain_text("Nothing was listening at its address.")
    both(shown)

    broken = 'data: {"error": "Something broke on our side.", "done": true}\n\n'
    shown.route("**/api/chat/stream", lambda route: route.fulfill(content_type="text/event-stream", body=broken))
    ask(shown, "And now?")
    expect(log(shown)).to_contain_text("The answer failed")
    both(shown)
    shown.unroute("**/api/chat/stream")
    shown.route("**/api/chat/stream", lambda route: route.fulfill(status=429, json={"detail": "Not so fast."}))
    ask(shown, "And now?")
    expect(shown.get_by_role("alert").last).to_contain_text("Not so fast.")
    both(shown)


def test_a_locked_conversation_from_its_refusal_to_its_unlocking(
    shown: Page, both: Check, ollama: Ollama, gemini: Gemini
) -> None:
    switch(shown).click()
    ollama.refuse()
    try:
        ask(shown, "A secret?")
        expect(log(shown)).to_contain_text("No local model could answer")
        both(shown)
        shown.get_by_role("button", name="Allow the cloud for this conversation").click()
        expect(shown.get_by_role("dialog")).to_contain_text("may then be sent")
        both(shown)
        gate = Gate()
        gemini.add(answer("one two three", gate=gate))
        shown.get_by_role("dialog").get_by_role("button", name="Allow the cloud").click()
        gate.release()
        expect(log(shown)).to_contain_text("one")
        shown.keyboard.press("Control+Shift+L")
        expect(shown.get_by_role("main").get_by_text("Gemini was cut off.")).to_be_visible()
        both(shown)
    finally:
        ollama.accept()


def test_branches_and_what_is_edited(shown: Page, both: Check, ollama: Ollama) -> None:
    for text in ("One.", "Two."):
        ollama.add(answer(text))
        if text == "One.":
            ask(shown, "Which?")
        else:
            shown.get_by_role("button", name="Regenerate").click()
            shown.get_by_role("button", name="Locally").click()
        expect(log(shown)).to_contain_text(text)
    expect(shown.get_by_role("group", name="Versions")).to_contain_text("2 of 2")
    both(shown)
    shown.get_by_role("button", name="Edit").click()
    both(shown)


def test_the_list_where_it_is_a_drawer_renamed_and_searched_in_vain(shown: Page, both: Check, axe: Check) -> None:
    shown.get_by_role("navigation").get_by_role("link").first.focus()
    shown.keyboard.press("F2")
    expect(shown.get_by_role("navigation").get_by_role("textbox")).to_be_focused()
    both(shown)
    shown.keyboard.press("Escape")
    shown.get_by_role("textbox", name="Search conversations").fill("zzzzz")
    expect(shown.get_by_text("Nothing was found")).to_be_visible()
    both(shown)
    shown.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    shown.get_by_role("button", name="Open conversations").click()
    expect(shown.get_by_role("button", name="Close conversations")).to_be_focused()
    for scheme in ("light", "dark"):
        shown.emulate_media(color_scheme="light" if scheme == "light" else "dark", reduced_motion="reduce")
        axe(shown)


def test_the_forms_by_which_somebody_comes_in(browser: Browser, product: Product, both: Check) -> None:
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(product.url)
    page.get_by_label("Name").fill("nobody")
    both(page)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not right")
    both(page)
    _, invitation = product.call("POST", "/api/admin/invitations", {})
    page.goto(product.url + invitation["path"])
    expect(page.get_by_label("New password")).to_be_visible()
    both(page)
    page.route("**/api/auth/me", lambda route: route.abort())
    page.goto(product.url)
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("The server did not answer")
    both(page)
    context.close()


def test_the_pages_beside_the_chat_where_the_server_does_not_answer(
    shown: Page, both: Check, product: Product
) -> None:
    shown.route("**/api/admin/operations/**", lambda route: route.abort())
    shown.goto(f"{product.url}/#/operator")
    expect(shown.get_by_role("alert").first).to_contain_text("NovaCore cannot be reached")
    both(shown)
    shown.route("**/api/memory/**", lambda route: route.abort())
    shown.goto(f"{product.url}/#/settings")
    expect(shown.get_by_role("alert").first).to_contain_text("NovaCore cannot be reached")
    shown.get_by_role("textbox", name="What it is for").fill("An editor")
    shown.get_by_role("button", name="Make a key").click()
    expect(shown.get_by_text("This is the key.")).to_be_visible()
    both(shown)
