"""The keyboard reaches everything, and the focus is never lost: what has it goes away, and something else has it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.steps import Gemini, Ollama, ask, chip, lock_in_the_middle, log, switch
from tests.support.fakes import Gate, answer, cut, status
from tests.support.product import Product
from tests.support.wire import Wire

pytestmark = pytest.mark.browser

# What can be used with a pointer now, each named so that a person finds it.
USABLE = """() => {
  const named = each => (each.ariaLabel || each.innerText || each.getAttribute('aria-label') || each.id || each.name
    || each.className).trim().replace(/\\s+/g, ' ').slice(0, 60)
  window.nameOf = each => `${each.tagName.toLowerCase()} ${named(each)}`
  const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
  return all.filter(each => each.checkVisibility({ visibilityProperty: true }) && !each.closest('[inert]')
    && !(each.type === 'radio' && !each.checked)).map(window.nameOf)
}"""
FOCUSED = "() => document.activeElement === document.body ? null : window.nameOf(document.activeElement)"
# Once what has to be drawn is drawn: the page hands the focus on after that.
LOST = """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() =>
  done(document.activeElement === document.body || !document.activeElement.checkVisibility())))))"""


def reach_all(page: Page) -> None:
    """Press Tab until everything that can be used has had the focus once; the page keeps it all the way."""
    expect(page.get_by_label("Loading conversations")).to_have_count(0)
    wanted = page.evaluate(USABLE)
    assert len(wanted) > 1
    reached: set[str] = set()
    for _ in range(3 * len(wanted) + 20):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        # From the last one the focus goes to the browser itself, and then to the first one.
        if focused is not None:
            reached.add(focused)
        if reached >= set(wanted):
            break
    # What more there is of a list comes by itself, and with it the button for it goes.
    assert (set(wanted) & set(page.evaluate(USABLE))) - reached == set()


def kept(page: Page) -> None:
    """The focus is somewhere that can be seen."""
    assert page.evaluate(LOST) is False


def box(page: Page) -> Callable[[], None]:
    """Holds the focus to be where messages are written."""
    return lambda: expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_focused()


def press(page: Page, name: str, key: str = "Enter") -> None:
    """Use a button by keyboard."""
    page.get_by_role("button", name=name, exact=True).last.focus()
    page.keyboard.press(key)


def test_every_control_of_the_chat_is_reached_by_tab(page: Page, ollama: Ollama, gemini: Gemini) -> None:
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_focused()
    reach_all(page)
    ollama.add(cut(after=6, text="The lighthouse stood on the rock and"))
    gemini.add(answer("the sea was quiet.\n\n```python\nprint(1)\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"))
    ask(page, "Tell me of the sea.")
    expect(page.get_by_role("table")).to_be_visible()
    page.get_by_role("button", name="Regenerate").click()
    chip(page).click()
    expect(log(page)).to_contain_text("Who wrote what")
    reach_all(page)

    ollama.add(cut(after=3, text="It begins well and then"))
    gemini.add(status(400))
    ask(page, "And then?")
    expect(log(page)).to_contain_text("Interrupted")
    reach_all(page)


@pytest.mark.parametrize("link", ["Settings", "Operation"])
def test_every_control_of_the_other_pages_is_reached_by_tab(page: Page, link: str) -> None:
    page.get_by_role("link", name=link).first.click()
    expect(page.get_by_role("heading", name=link, level=1)).to_be_visible()
    ready = "Tokens written" if link == "Settings" else "GEMINI_MODEL"
    expect(page.get_by_role("row").filter(has_text=ready)).to_be_visible()
    reach_all(page)


def test_every_control_of_the_sign_in_is_reached_by_tab(browser: Browser, product: Product) -> None:
    page = browser.new_page()
    page.goto(product.url)
    expect(page.get_by_label("Name")).to_be_focused()
    reach_all(page)
    page.close()


def test_stopping_and_asking_again_keep_the_focus(page: Page, ollama: Ollama) -> None:
    in_box = box(page)
    gate = Gate()
    ollama.add(answer("one two three four", gate=gate))
    ask(page, "Count, please.")
    gate.release(2)
    expect(log(page)).to_contain_text("one two")
    press(page, "Stop")
    expect(log(page)).to_contain_text("Stopped")
    in_box()

    ollama.add(answer("It goes on."))
    press(page, "Continue", "Space")
    expect(log(page)).to_contain_text("goes on.")
    in_box()

    ollama.add(answer("Another one."))
    press(page, "Regenerate")
    expect(page.get_by_role("button", name="Locally")).to_be_visible()
    press(page, "Locally")
    expect(log(page)).to_contain_text("Another one.")
    in_box()

    page.get_by_role("textbox", name="Message", exact=True).fill("And by the button?")
    ollama.add(answer("By the button."))
    press(page, "Send")
    expect(log(page)).to_contain_text("By the button.")
    in_box()


def test_going_through_branches_keeps_the_focus_on_the_way(page: Page, ollama: Ollama) -> None:
    for word in ("one", "two", "three"):
        ollama.add(answer(f"The answer {word}."))
        if word == "one":
            ask(page, "Again and again?")
        else:
            press(page, "Regenerate")
            press(page, "Anyone")
        expect(log(page)).to_contain_text(f"The answer {word}.")
    expect(page.get_by_role("button", name="Regenerate")).to_be_visible()
    press(page, "Previous version")
    expect(log(page)).to_contain_text("The answer two.")
    expect(page.get_by_role("button", name="Previous version")).to_be_focused()
    page.keyboard.press("Enter")
    expect(log(page)).to_contain_text("The answer one.")
    # It leads nowhere from here, and still has the focus.
    expect(page.get_by_role("button", name="Previous version")).to_be_focused()
    press(page, "Edit")
    expect(page.get_by_role("textbox", name="Your message")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Edit")).to_be_focused()


def test_what_is_opened_can_be_typed_into_as_soon_as_it_is_there(page: Page, ollama: Ollama) -> None:
    ollama.add(answer("Noted."))
    ask(page, "Half of a thought")
    expect(page.get_by_role("button", name="Regenerate")).to_be_visible()
    # An observer is told of a change before anything else can happen: no key comes in between.
    page.evaluate(
        """() => {
          window.seen = []
          new MutationObserver(() => {
            const { tagName, selectionStart } = document.activeElement
            const opened = document.querySelector('.editor') ? 'editor' : document.querySelector('dialog') && 'dialog'
            if (opened) window.seen.push([opened, tagName, selectionStart ?? null])
          }).observe(document.body, { childList: true, subtree: true })
        }"""
    )
    page.get_by_role("button", name="Edit").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Edit")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    seen = page.evaluate("window.seen")
    assert seen[0] == ["editor", "TEXTAREA", len("Half of a thought")]
    assert next(each for each in seen if each[0] == "dialog")[1] == "BUTTON"


def test_dialogs_give_the_focus_back(page: Page, ollama: Ollama) -> None:
    ollama.add(answer("Noted."))
    ask(page, "Keep it here")
    expect(log(page)).to_contain_text("Noted.")
    switch(page).focus()
    page.keyboard.press("Space")
    expect(switch(page)).to_be_checked()
    for name in ("Keep it local", "Allow the cloud"):
        page.keyboard.press("Space")
        expect(page.get_by_role("dialog")).to_be_visible()
        press(page, name)
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(switch(page)).to_be_focused()
    expect(switch(page)).not_to_be_checked()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Enter")
    expect(switch(page)).to_be_focused()


def test_a_deletion_and_its_undo_keep_the_focus_in_the_list(page: Page, product: Product, ollama: Ollama) -> None:
    for title in ("Keep me", "Delete me"):
        ollama.add(answer("Noted."))
        product.call("POST", "/api/chat/message", {"message": title})
    page.reload()
    row = page.get_by_role("navigation").get_by_role("link", name="Delete me")
    row.focus()
    page.keyboard.press("Delete")
    expect(row).to_have_count(0)
    kept(page)
    press(page, "Undo")
    expect(row).to_be_focused()
    search = page.get_by_role("textbox", name="Search conversations")
    page.keyboard.press("Control+k")
    expect(search).to_be_focused()
    page.keyboard.type("keep")
    press(page, "Clear the search")
    expect(search).to_be_focused()


def test_what_is_dismissed_and_taken_back_keeps_the_focus(
    signed_in: BrowserContext, wire: Wire, ollama: Ollama, gemini: Gemini
) -> None:
    page = signed_in.new_page()
    page.goto(wire.url)
    in_box = box(page)
    lock_in_the_middle(page, ollama, gemini)
    press(page, "Dismiss")
    in_box()

    for where in ("note", "composer"):
        wire.down()
        try:
            ask(page, "Is anyone there?")
            expect(log(page)).to_contain_text("Not sent yet")
            take_back = page.get_by_role("button", name="Take back")
            (take_back.first if where == "note" else take_back.last).focus()
            page.keyboard.press("Enter")
            expect(log(page)).not_to_contain_text("Not sent yet")
            in_box()
        finally:
            wire.up()
    page.close()


def test_the_settings_keep_the_focus_where_something_goes_away(page: Page, product: Product) -> None:
    for fact in ("I live in Ulm.", "My cat is called Minka."):
        product.call("POST", "/api/memory/facts", {"text": fact})
    page.get_by_role("link", name="Settings").click()
    down = page.get_by_role("button", name="Move Ollama down")
    down.focus()
    order = page.get_by_role("group", name="Whom to ask first").get_by_role("listitem")
    for place in (1, 2):
        with page.expect_response(re.compile("preferences")):
            page.keyboard.press("Enter")
        expect(order.nth(place)).to_contain_text("Ollama")
        # At the end it leads nowhere, and still has the focus.
        expect(down).to_be_focused()
    with page.expect_response(re.compile("preferences")):
        press(page, "Use the order of the server")
    expect(page.get_by_role("button", name="Use the order of the server")).to_have_count(0)
    kept(page)

    press(page, "Forget “I live in Ulm.”")
    expect(page.get_by_text("I live in Ulm.")).to_have_count(0)
    kept(page)
    press(page, "Forget everything")
    press(page, "Cancel")
    expect(page.get_by_role("button", name="Forget everything")).to_be_focused()

    page.get_by_role("textbox", name="What it is for").fill("A focused editor")
    page.keyboard.press("Enter")
    press(page, "I have kept it")
    kept(page)
    row = page.get_by_role("listitem").filter(has_text="A focused editor")
    row.get_by_role("button", name="Revoke").focus()
    page.keyboard.press("Enter")
    expect(row.get_by_role("group").get_by_role("button", name="Revoke")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("A focused editor")).to_have_count(0)
    kept(page)


def test_the_operators_page_keeps_the_focus_where_something_goes_away(page: Page, product: Product) -> None:
    page.get_by_role("link", name="Operation").first.click()
    invited = page.get_by_text("works until")
    expect(page.get_by_role("button", name="Invite somebody")).to_be_visible()
    before = len(product.call("GET", "/api/admin/invitations")[1]["invitations"])
    expect(invited).to_have_count(before)
    press(page, "Invite somebody")
    press(page, "Done")
    kept(page)
    expect(invited).to_have_count(before + 1)
    press(page, "Revoke")
    expect(invited).to_have_count(before)
    kept(page)
