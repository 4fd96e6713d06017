"""What a person can do with an answer: see where it came from, ask again, branch, and keep it local."""

import re
from collections.abc import Callable
from statistics import median

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.steps import Gemini, Ollama, ask, chip, fill, lock_in_the_middle, log, switch
from tests.support.fakes import Gate, answer, cut
from tests.support.product import Product

pytestmark = pytest.mark.browser

CODE = "Look:\n\n```python\ndef greet(name: str) -> None:\n    print(name)\n```\n\nThat is all."
PART = """
## Part {at}

Some *text* with **bold** words, `code` and a [link](https://example.org/{at}) in part {at}.

| a | b | c |
|---|--:|:-:|
| one {at} | 2 | three |

```python
def part{at}(x: int) -> int:
    return x * {at}  # a comment
```

"""
PAINTED = "() => [...CSS.highlights.values()].reduce((sum, each) => sum + each.size, 0)"


def test_code_is_coloured_when_it_is_whole_and_nothing_is_loaded_for_it_before(page: Page, ollama: Ollama) -> None:
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    gate = Gate()
    ollama.add(answer(CODE, tokens=8, gate=gate))
    ask(page, "Greet me.")
    gate.release(5)
    expect(log(page)).to_contain_text("def greet")
    assert not any("highlight" in url for url in loaded)
    gate.open()
    expect(log(page)).to_contain_text("That is all.")

    # The policy of the page forbids to wait for a function of a test's own, so it tells of itself.
    for _ in range(100):
        if page.evaluate(PAINTED) > 3:
            break
        page.wait_for_timeout(50)
    assert page.evaluate(PAINTED) > 3
    assert page.locator("[role=log] pre code > *").count() == 1


def test_a_selection_lives_on_while_the_answer_grows(page: Page, ollama: Ollama) -> None:
    gate = Gate()
    ollama.add(
        answer("The first words are here, and **more** follow them.\n\n| a | b |\n|---|---|\n| 1 | 2 |", gate=gate)
    )
    ask(page, "Tell me.")
    gate.release(4)
    expect(log(page)).to_contain_text("The first words are")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.answer p'))")
    selected = page.evaluate("String(getSelection())")
    gate.open()
    expect(page.locator("[role=log] td").last).to_have_text("2")

    assert page.evaluate("String(getSelection())").startswith(selected)


def test_a_handoff_is_marked_in_the_text_also_when_the_page_is_opened_again(
    page: Page, ollama: Ollama, gemini: Gemini
) -> None:
    ollama.add(cut(after=6, text="The lighthouse stood on the rock and"))
    gemini.add(answer("the sea around it was never quiet."))
    ask(page, "Tell me of the sea.")
    for _ in range(2):
        expect(log(page)).to_contain_text("never quiet.")
        expect(page.locator(".seam")).to_have_text("Gemini (cloud) goes on")
        expect(chip(page)).to_contain_text("went on for Ollama (broke off)")
        chip(page).click()
        expect(log(page)).to_contain_text("Ollama characters 1 to 32")
        expect(log(page)).to_contain_text("Gemini characters 33 to 66")
        page.reload()


def test_the_chip_names_provider_reason_and_time_with_the_first_word(
    page: Page, ollama: Ollama, gemini: Gemini
) -> None:
    gate = Gate()
    gemini.add(answer("From the cloud.", gate=gate))
    # What the chip says at the moment when the first word is painted.
    page.evaluate(
        """() => {
          window.said = null
          new MutationObserver(() => {
            const word = document.querySelector('.answer .markdown, .answer .prose-plain')
            if (word && window.said === null) window.said = document.querySelector('.chip').textContent
          }).observe(document.body, { subtree: true, childList: true, characterData: true })
        }"""
    )
    ollama.refuse()
    try:
        ask(page, "Who is there?")
        gate.release()
        expect(log(page)).to_contain_text("From")
    finally:
        ollama.accept()

    said = page.evaluate("window.said")
    assert re.search(r"Cloud · Gemini · \S+ · instead of Ollama \(not running\) · first word after [<\d]", said), said
    gate.open()
    expect(chip(page)).not_to_contain_text("first word")


def test_asking_again_and_with_other_words_makes_branches(page: Page, ollama: Ollama, gemini: Gemini) -> None:
    ollama.add(answer("The first answer."))
    ask(page, "One?")
    expect(log(page)).to_contain_text("The first answer.")
    gemini.add(answer("The cloud's answer."))
    page.get_by_role("button", name="Regenerate").click()
    page.get_by_role("button", name="In the cloud").click()
    expect(log(page)).to_contain_text("The cloud's answer.")
    expect(chip(page)).to_contain_text("Cloud · Gemini")
    expect(page.get_by_role("group", name="Versions")).to_contain_text("2 of 2")

    ollama.add(answer("To other words."))
    page.get_by_role("button", name="Edit").click()
    page.get_by_role("textbox", name="Your message").fill("Two?")
    page.keyboard.press("Enter")
    expect(log(page)).to_contain_text("To other words.")
    expect(page.get_by_role("group", name="Versions")).to_contain_text("3 of 3")
    assert [turn["content"] for turn in ollama.chats[-1].body["messages"][1:]] == ["Two?"]

    page.get_by_role("button", name="Previous version").click()
    page.get_by_role("button", name="Previous version").click()
    expect(log(page)).to_contain_text("The first answer.")
    ollama.add(answer("It follows the first."))
    ask(page, "And then?")
    expect(log(page)).to_contain_text("It follows the first.")
    said = [turn["content"] for turn in ollama.chats[-1].body["messages"][1:]]
    assert said == ["One?", "The first answer.", "And then?"]

    page.reload()
    expect(log(page)).to_contain_text("It follows the first.")
    expect(log(page)).not_to_contain_text("To other words.")


def test_a_locked_conversation_asks_no_cloud_and_says_that_nothing_was_sent(
    page: Page, ollama: Ollama, gemini: Gemini
) -> None:
    switch(page).click()
    expect(page.get_by_text("Stays on this machine")).to_be_visible()
    asked = len(gemini.chats)
    ollama.refuse()
    try:
        ask(page, "A secret?")
        expect(log(page)).to_contain_text("No local model could answer")
        expect(log(page)).to_contain_text("Nothing was sent")
    finally:
        ollama.accept()
    assert len(gemini.chats) == asked

    gemini.add(answer("Out in the open."))
    page.get_by_role("button", name="Allow the cloud for this conversation").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 message with all that was said in it may then be sent")
    ollama.refuse()
    try:
        dialog.get_by_role("button", name="Allow the cloud").click()
        expect(log(page)).to_contain_text("Out in the open.")
    finally:
        ollama.accept()
    expect(switch(page)).not_to_be_checked()
    assert len(gemini.chats) == asked + 1


def test_locking_cuts_off_the_cloud_and_says_whom(page: Page, ollama: Ollama, gemini: Gemini) -> None:
    lock_in_the_middle(page, ollama, gemini)
    expect(log(page)).to_contain_text("The cloud was forbidden while a cloud model was answering")
    expect(switch(page)).to_be_checked()
    expect(log(page)).not_to_contain_text("two")


def test_the_keyboard_is_enough_and_boundaries_are_announced(page: Page, ollama: Ollama) -> None:
    status_line = page.locator("[role=status][aria-live=polite]")
    gate = Gate()
    ollama.add(answer("one two three four", gate=gate))
    expect(page.get_by_role("textbox", name="Message")).to_be_focused()
    page.keyboard.type("Count, please.")
    page.keyboard.press("Enter")
    expect(status_line).to_have_text("Generating an answer.")
    gate.release(2)
    expect(status_line).to_have_text("Answering with Ollama (local).")
    page.keyboard.press("Escape")
    expect(status_line).to_have_text("Answer stopped.")

    ollama.add(answer("Counted."))
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("textbox", name="Your message")).to_be_focused()
    page.keyboard.type(" To four")
    page.keyboard.press("Enter")
    expect(log(page)).to_contain_text("Counted.")
    expect(status_line).to_have_text("Answer complete.")
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_focused()

    page.keyboard.press("Control+Shift+C")
    expect(status_line).to_have_text("Copied")
    page.keyboard.press("Control+Shift+L")
    expect(switch(page)).to_be_checked()
    page.keyboard.press("Control+Shift+L")
    expect(page.get_by_role("button", name="Keep it local")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(switch(page)).to_be_checked()


def test_the_end_is_followed_until_the_reader_scrolls_away(page: Page, ollama: Ollama) -> None:
    top = "() => Math.round(document.querySelector('[role=log]').scrollTop)"
    gate = Gate()
    ollama.add(answer("\n\n".join(f"Line {at}" for at in range(90)), tokens=3, gate=gate))
    ask(page, "Write many lines.")
    gate.release()
    expect(log(page)).to_contain_text("Line 28")
    expect(page.get_by_text("Line 28")).to_be_in_viewport()
    log(page).hover()
    page.mouse.wheel(0, -300)
    expect(page.get_by_role("button", name="Jump to latest")).to_be_visible()
    left = page.evaluate(top)
    gate.release()
    expect(log(page)).to_contain_text("Line 58")
    assert page.evaluate(top) == left

    page.get_by_role("button", name="Jump to latest").click()
    gate.open()
    expect(page.get_by_text("Line 89")).to_be_in_viewport()


def test_a_long_answer_costs_less_than_three_seconds_of_script(page: Page, ollama: Ollama) -> None:
    text = "".join(PART.format(at=at) + "Lorem ipsum dolor sit amet. " * 60 for at in range(62))
    assert len(text) > 115_000
    metrics = page.context.new_cdp_session(page)
    metrics.send("Performance.enable")
    ollama.add(answer(text, tokens=1500, gap=0.001))
    ask(page, "Write at length.")
    expect(page.get_by_role("button", name="Regenerate")).to_be_visible(timeout=60_000)

    expect(page.locator("[role=log] table")).to_have_count(62)
    measured = {each["name"]: each["value"] for each in metrics.send("Performance.getMetrics")["metrics"]}
    assert measured["ScriptDuration"] < 3


def test_a_key_is_painted_at_once_below_two_hundred_messages(page: Page, product: Product, ollama: Ollama) -> None:
    ask(page, "The first of many.")
    expect(page.get_by_role("button", name="Regenerate")).to_be_visible()
    session = page.url.rsplit("/", 1)[-1]
    fill(product, session, [PART.format(at=at) for at in range(200)])
    page.reload()
    expect(page.locator(".turn")).to_have_count(201)
    box = page.get_by_role("textbox", name="Message", exact=True)
    box.focus()
    page.evaluate(
        """() => {
          window.times = []
          document.getElementById('message').addEventListener('keydown', () => {
            const began = performance.now()
            requestAnimationFrame(() => {
              const { port1, port2 } = new MessageChannel()
              port1.onmessage = () => window.times.push(performance.now() - began)
              port2.postMessage(null)
            })
          }, true)
        }"""
    )
    for key in "the quick brown fox":
        page.keyboard.press("Space" if key == " " else key)
        page.wait_for_timeout(20)
    expect(box).to_have_value("the quick brown fox")

    # A machine that is busy with other things paints late at times.
    assert median(page.evaluate("window.times")) < 50
    box.fill("")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_state_of_the_chat_breaks_a_rule_of_axe(
    unguarded: BrowserContext,
    axe: Callable[[Page], None],
    product: Product,
    ollama: Ollama,
    gemini: Gemini,
    scheme: str,
) -> None:
    page = unguarded.new_page()
    page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
    page.goto(product.url)
    page.get_by_role("textbox", name="Message").wait_for()
    axe(page)

    ollama.add(cut(after=6, text="The lighthouse stood on the rock and"))
    gemini.add(answer("the sea was **never** quiet.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n" + CODE))
    ask(page, "Tell me of the sea.")
    expect(log(page)).to_contain_text("That is all.")
    chip(page).click()
    expect(log(page)).to_contain_text("characters 1 to 32")
    page.get_by_role("button", name="Regenerate").click()
    axe(page)

    gate = Gate()
    ollama.add(answer("one two three", gate=gate))
    ask(page, "Count.")
    gate.release()
    expect(log(page)).to_contain_text("one")
    axe(page)
    page.keyboard.press("Escape")
    expect(log(page)).to_contain_text("Stopped")

    switch(page).click()
    expect(switch(page)).to_be_checked()
    ollama.refuse()
    try:
        ask(page, "A secret?")
        expect(log(page)).to_contain_text("No local model could answer")
    finally:
        ollama.accept()
    page.get_by_role("button", name="Edit").last.click()
    axe(page)
    page.keyboard.press("Escape")
    switch(page).click()
    expect(page.get_by_role("dialog")).to_contain_text("may then be sent")
    axe(page)
    page.keyboard.press("Escape")

    page.set_viewport_size({"width": 390, "height": 780})
    unguarded.set_offline(True)
    try:
        ask(page, "Is anyone there?")
        expect(log(page)).to_contain_text("Not sent yet")
        axe(page)
        # Sent later, it would take the answer that another test waits for.
        page.get_by_role("button", name="Take back").first.click()
        expect(log(page)).not_to_contain_text("Not sent yet")
    finally:
        unguarded.set_offline(False)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.close()
