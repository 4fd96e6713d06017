"""The page as a person uses it."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.steps import PASSWORD, Gemini, Ollama, ask, chip, registered
from tests.support.fakes import Gate, answer, cut, status
from tests.support.product import Product

pytestmark = pytest.mark.browser


def test_an_answer_streams_in_and_says_that_it_is_local(page: Page, ollama: Ollama) -> None:
    gate = Gate()
    ollama.add(answer("The **capital** of France is Paris.", tokens=3, gate=gate))
    ask(page, "What is the capital of France?")
    gate.release()

    expect(page.get_by_role("log")).to_contain_text("The")
    expect(chip(page)).to_contain_text("Local")

    gate.open()
    expect(page.get_by_role("log")).to_contain_text("capital of France is Paris.")
    expect(page.locator("strong")).to_have_text("capital")


def test_stop_keeps_what_was_said_and_ends_the_call_upstream(page: Page, ollama: Ollama) -> None:
    gate = Gate()
    asked = len(ollama.chats)
    ollama.add(answer("one two three four", tokens=4, gate=gate))
    ask(page, "Count, please.")
    request = ollama.received(asked + 1)
    gate.release(2)
    expect(page.get_by_role("log")).to_contain_text("one two")
    page.get_by_role("button", name="Stop", exact=True).click()

    ollama.gone(request, within=1)
    expect(page.get_by_role("log")).to_contain_text("Stopped")
    expect(page.get_by_role("log")).to_contain_text("one two")
    expect(page.get_by_role("log")).not_to_contain_text("three")


def test_a_fallback_names_the_cloud_the_reason_and_what_was_sent(page: Page, ollama: Ollama, gemini: Gemini) -> None:
    gemini.add(answer("From the cloud."))
    ollama.refuse()
    try:
        ask(page, "Anyone there?")
        expect(page.get_by_role("log")).to_contain_text("From the cloud.")
    finally:
        ollama.accept()
    expect(chip(page)).to_contain_text("Cloud")
    expect(chip(page)).to_contain_text("Gemini")
    chip(page).click()

    expect(chip(page)).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("log")).to_contain_text("This conversation was sent to Gemini")


def test_an_answer_that_breaks_and_that_nobody_goes_on_with_keeps_its_text_and_says_so(
    page: Page, ollama: Ollama, gemini: Gemini
) -> None:
    ollama.add(cut(after=3, text="It begins well and then"))
    gemini.add(status(400))
    ask(page, "Tell me a story.")

    expect(page.get_by_role("log")).to_contain_text("It begins well")
    expect(page.get_by_role("log")).to_contain_text("broke off")


def test_an_answer_that_breaks_is_gone_on_with_by_the_next_model(page: Page, ollama: Ollama, gemini: Gemini) -> None:
    ollama.add(cut(after=3, text="It begins well and then it stops"))
    gemini.add(answer("It begins well and ends well."))
    ask(page, "Tell me another story.")

    expect(page.get_by_role("log")).to_contain_text("and ends well.")
    expect(page.get_by_role("log")).not_to_contain_text("and then")
    expect(chip(page)).to_contain_text("went on for Ollama (broke off)")


def test_a_conversation_is_listed_and_can_be_opened_again(page: Page, ollama: Ollama) -> None:
    ollama.add(answer("Noted."))
    ask(page, "Remember the lighthouse")
    expect(page.get_by_role("log")).to_contain_text("Noted.")
    page.reload()
    page.get_by_role("navigation").get_by_text("Remember the lighthouse").first.click()

    expect(page.get_by_role("log")).to_contain_text("Noted.")
    expect(chip(page)).to_contain_text("Local")


def test_what_a_model_writes_is_never_run_and_never_loads_anything(page: Page, ollama: Ollama) -> None:
    ollama.add(answer("<img src=x onerror=alert(1)> ![p](http://127.0.0.9/p.png) [l](javascript:alert(1)) end of it"))
    ask(page, "Say something wicked.")

    expect(page.get_by_role("log")).to_contain_text("end of it")
    expect(page.locator("[role=log] img")).to_have_count(0)
    expect(page.locator("[role=log] a[href^='javascript']")).to_have_count(0)


def test_without_a_link_the_page_says_how_to_get_one(browser: Browser, product: Product) -> None:
    page = browser.new_page()
    page.goto(product.url)

    expect(page.get_by_text("make up")).to_be_visible()
    expect(page.get_by_role("textbox", name="Message")).to_have_count(0)
    page.close()


def test_somebody_who_is_invited_registers_signs_out_and_signs_in_with_the_password(
    browser: Browser, product: Product
) -> None:
    guest = registered(browser, product, "Ada")
    expect(guest.get_by_role("textbox", name="Message")).to_be_visible()
    assert "#invite" not in guest.url

    # The page goes on by its refresh token where the access token is gone.
    guest.context.clear_cookies(name="nc_access")
    guest.reload()
    expect(guest.get_by_role("textbox", name="Message")).to_be_visible()

    guest.get_by_role("button", name="Sign out").click()
    guest.get_by_label("Name").fill("ada")
    guest.get_by_label("Password").fill("not the password")
    guest.get_by_role("button", name="Sign in").click()
    expect(guest.get_by_role("alert")).to_contain_text("not right")
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Sign in").click()
    expect(guest.get_by_role("textbox", name="Message")).to_be_visible()
    guest.context.close()


def test_a_link_works_once_and_leaves_the_address_bar(browser: Browser, product: Product, page: Page) -> None:
    stranger = browser.new_page()
    stranger.goto(product.link)

    expect(stranger.get_by_text("make up")).to_be_visible()
    assert "#signin" not in stranger.url
    stranger.close()
