"""What people and models write that nobody had in mind, and what people do with two tabs."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.steps import Ollama, ask, fill, log
from tests.support.fakes import Gate, answer
from tests.support.product import Product

pytestmark = pytest.mark.browser

PHONE = 390
ENDLESS = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz" * 6
WIDE = f"| {' | '.join(f'column {at}' for at in range(14))} |\n|{'---|' * 14}\n| {' | '.join(['value'] * 14)} |"

AS_HIGH = "document.documentElement.scrollHeight <= innerHeight && document.body.scrollHeight <= innerHeight"


@pytest.fixture
def phone(page: Page) -> Page:
    """The page as wide as a phone."""
    page.set_viewport_size({"width": PHONE, "height": 844})
    return page


def fits(page: Page) -> None:
    """Nothing makes the page wider than it is, and no column is wider than its place."""
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE
    assert page.evaluate(AS_HIGH)
    assert page.evaluate("(log => log.scrollWidth <= log.clientWidth)(document.querySelector('[role=log]'))")


def test_words_without_an_end_tables_and_code_stay_within_a_phone(phone: Page, ollama: Ollama) -> None:
    parts = (ENDLESS, f"# {ENDLESS}", f"- {ENDLESS}", f"> {ENDLESS}", f"`{ENDLESS}`", f"[l](https://e.org/{ENDLESS})")
    ollama.add(
        answer("\n\n".join((*parts, WIDE, f"| {ENDLESS} |\n|---|\n| 1 |", f"```\n{ENDLESS}\n```", "The end.")))
    )
    ask(phone, ENDLESS)
    expect(log(phone)).to_contain_text("The end.")
    fits(phone)
    wide = phone.get_by_role("group", name="Table").first
    assert wide.evaluate("table => table.scrollWidth > table.clientWidth")
    # It is scrolled rather than squeezed: no word is broken, and few lines are.
    assert wide.get_by_role("cell").first.evaluate("cell => cell.clientHeight < 60")


def test_a_title_without_an_end_is_cut_where_its_place_ends(phone: Page, product: Product, ollama: Ollama) -> None:
    ollama.add(answer("Noted."))
    ask(phone, "A title")
    expect(log(phone)).to_contain_text("Noted.")
    session = phone.url.rsplit("/", 1)[-1]
    assert product.call("PATCH", f"/api/chat/sessions/{session}", {"title": "T" * 200})[0] == 200
    phone.reload()
    expect(phone.get_by_role("heading", level=1)).to_have_text("T" * 200)
    fits(phone)
    phone.get_by_role("button", name="Open conversations").click()
    phone.get_by_role("button", name=f"Actions for {'T' * 200}").click()
    phone.get_by_role("menuitem", name="Delete").click()
    notice = phone.get_by_role("region", name="Notice")
    expect(notice).to_contain_text("was deleted")
    assert notice.evaluate("node => node.offsetHeight") < 110
    # The reader is back where they were.
    phone.get_by_role("button", name="Undo").click()
    expect(log(phone)).to_contain_text("Noted.")


@pytest.mark.parametrize("link", ["Settings", "Operation"])
def test_a_long_page_scrolls_within_the_window_and_never_moves_its_frame(page: Page, link: str) -> None:
    page.get_by_role("link", name=link).first.click()
    ready = "Tokens written" if link == "Settings" else "GEMINI_MODEL"
    expect(page.get_by_role("row").filter(has_text=ready)).to_be_visible()
    assert page.evaluate(AS_HIGH)
    page.locator(".card").last.scroll_into_view_if_needed()
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport()


def test_text_runs_the_way_of_its_letters_and_code_does_not(page: Page, ollama: Ollama) -> None:
    text = "مرحبا بالعالم.\n\n1. واحد\n2. اثنان\n\nAnd in English.\n\n```python\nprint('مرحبا')\n```"
    ollama.add(answer(text))
    ask(page, "ما هو الطقس اليوم؟ 😀")
    expect(log(page)).to_contain_text("And in English.")
    direction = "node => getComputedStyle(node).direction"
    answered = page.locator(".answer .markdown")
    assert answered.locator("p").first.evaluate(direction) == "rtl"
    assert answered.locator("ol").evaluate(direction) == "rtl"
    assert answered.locator("p").last.evaluate(direction) == "ltr"
    assert answered.locator("pre").evaluate(direction) == "ltr"
    assert page.locator(".question").evaluate(direction) == "rtl"
    box = page.get_by_role("textbox", name="Message", exact=True)
    assert box.evaluate(direction) == "ltr"
    box.fill("שלום")
    assert box.evaluate(direction) == "rtl"
    box.fill("")


def test_numbers_of_any_usual_length_stand_within_the_column(page: Page, product: Product, ollama: Ollama) -> None:
    ask(page, "Count.")
    expect(page.get_by_role("button", name="Regenerate")).to_be_visible()
    lists = ["\n".join(f"{at}. item" for at in range(first, first + 12)) for first in (1, 95, 995)]
    fill(product, page.url.rsplit("/", 1)[-1], lists)
    page.reload()
    expect(page.locator(".answer ol")).to_have_count(3)
    # What a list leaves free on its left, and what its last number takes with its point and the gap behind it.
    room = page.locator(".answer ol").evaluate_all(
        """lists => lists.map(list => {
          const style = getComputedStyle(list)
          const pen = document.createElement('canvas').getContext('2d')
          pen.font = `${style.fontSize} ${style.fontFamily}`
          return parseFloat(style.paddingLeft) - pen.measureText(`${list.start + list.children.length - 1}. `).width
        })"""
    )
    assert all(each >= 0 for each in room), room


def test_a_fence_that_is_never_closed_is_code_to_the_end(page: Page, ollama: Ollama) -> None:
    ollama.add(answer("Look:\n\n```python\nx = '<b>'\n\n# no heading\n\n- no list"))
    ask(page, "Break off in the code.")
    expect(page.locator(".answer pre")).to_have_text("x = '<b>'\n\n# no heading\n\n- no list")
    expect(page.get_by_role("button", name="Regenerate")).to_be_visible()
    expect(page.locator(".answer :is(h3, h4, ul, b)")).to_have_count(0)


def test_nothing_is_sent_of_nothing_and_what_is_too_long_is_kept_and_said(
    signed_in: BrowserContext, product: Product, ollama: Ollama
) -> None:
    # A page of its own: the browser writes each refusal to its console.
    page = signed_in.new_page()
    page.goto(product.url)
    box = page.get_by_role("textbox", name="Message", exact=True)
    asked = len(ollama.chats)
    for nothing in ("", "   \n  ", "\u00a0\t"):
        box.fill(nothing)
        box.press("Enter")
        expect(page.get_by_role("log")).to_have_count(0)
    pasted = "lorem ipsum " * 8_500
    box.fill(pasted)
    box.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Your message was not sent. It has")
    expect(page.get_by_role("alert")).to_contain_text("32,000 are allowed")
    expect(box).to_have_value(pasted.strip())
    # Three bytes each: as much for the server, and a third of it to be laid out.
    box.fill("€" * 400_000)
    box.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("longer than the server takes")
    assert len(ollama.chats) == asked
    ollama.add(answer("That was short."))
    ask(page, "Short.")
    expect(log(page)).to_contain_text("That was short.")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.close()


def test_two_tabs_that_ask_at_once_lose_nothing(page: Page, signed_in: BrowserContext, ollama: Ollama) -> None:
    ollama.add(answer("The beginning."))
    ask(page, "Let us begin.")
    expect(log(page)).to_contain_text("The beginning.")
    other = signed_in.new_page()
    other.goto(page.url)
    expect(log(other)).to_contain_text("The beginning.")

    gate = Gate()
    asked = len(ollama.chats)
    ollama.add(answer("To the first tab.", gate=gate))
    ask(page, "From the first tab?")
    ollama.received(asked + 1)
    ollama.add(answer("To the second tab."))
    ask(other, "From the second tab?")
    expect(log(other)).to_contain_text("To the second tab.")
    gate.open()
    expect(log(page)).to_contain_text("To the first tab.")

    # Each goes on with its own, and after a reload both are there, as versions of one message.
    other.reload()
    versions = other.get_by_role("group", name="Versions")
    expect(versions).to_contain_text("of 2")
    expect(log(other)).to_contain_text("To the second tab.")
    other.get_by_role("button", name="Previous version").click()
    expect(log(other)).to_contain_text("To the first tab.")
    other.close()


def test_a_tab_that_one_comes_back_to_lists_what_another_has_begun_and_deleted(
    page: Page, product: Product, ollama: Ollama
) -> None:
    listed = page.get_by_role("navigation", name="Conversations")
    ollama.add(answer("Noted."), answer("Noted."))
    _, old = product.call("POST", "/api/chat/message", {"message": "To be deleted"})
    page.reload()
    expect(listed).to_contain_text("To be deleted")
    product.call("POST", "/api/chat/message", {"message": "Begun elsewhere"})
    assert product.call("DELETE", f"/api/chat/sessions/{old['session_id']}")[0] == 204
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(listed).to_contain_text("Begun elsewhere")
    expect(listed).not_to_contain_text("To be deleted")
