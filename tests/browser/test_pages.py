"""The pages beside the chat: the first start, the operator's page, and what somebody sets for themselves."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.steps import ATTEMPTS, USABLE, Gemini, Ollama, ask, log, opened, registered
from tests.support.fakes import answer, cut
from tests.support.laid_out import laid_out
from tests.support.product import Product, running

pytestmark = pytest.mark.browser

ACTIVITY = "/api/admin/operations/activity"
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])


@pytest.fixture(scope="module")
def product(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, providers: dict[str, str]
) -> Iterator[Product]:
    """One of its own, to which nobody has said anything yet."""
    with running(laid_out(tmp_path_factory.mktemp("pages")), **providers) as started:
        yield started


@pytest.fixture(scope="module")
def signed_in(browser: Browser, product: Product) -> Iterator[BrowserContext]:
    """The browser of whoever started it."""
    with opened(browser, product) as context:
        yield context


@pytest.fixture
def settings(page: Page) -> Page:
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
    return page


def coloured(context: BrowserContext, scheme: str) -> Page:
    """A page as somebody sees it whose system is light, or dark."""
    page = context.new_page()
    page.emulate_media(color_scheme="light" if scheme == "light" else "dark", reduced_motion="reduce")
    return page


def operation(page: Page) -> None:
    page.get_by_role("link", name="Operation").first.click()
    expect(page.get_by_role("heading", name="Operation", level=1)).to_be_visible()


def fallback(product: Product, ollama: Ollama, gemini: Gemini) -> None:
    ollama.add(cut(0), cut(0))
    gemini.add(answer("From the cloud."))
    product.call("POST", "/api/chat/message", {"message": "Anyone there?"})


def test_at_the_first_start_one_can_write_at_once_and_sees_what_is_there(page: Page, ollama: Ollama) -> None:
    asked = len(ollama.chats)
    ollama.refuse()
    try:
        page.reload()
        expect(page.get_by_role("textbox", name="Message")).to_be_focused()
        expect(page.get_by_role("heading", name="Welcome to NovaCore")).to_be_visible()
        expect(page.get_by_text("nothing listens at")).to_be_visible()
    finally:
        ollama.accept()
    # It looks again by itself.
    expect(page.get_by_text("llama3.2:latest is there")).to_be_visible()
    page.get_by_role("button", name="Test Gemini").click()
    expect(page.get_by_text("and accepts the key")).to_be_visible()
    expect(page.get_by_text("set OPENAI_API_KEY in .env")).to_be_visible()
    assert len(ollama.chats) == asked


def test_one_can_write_after_six_requests_and_within_a_second(
    browser: Browser, signed_in: BrowserContext, product: Product
) -> None:
    times = []
    for _ in range(ATTEMPTS):
        # With an empty cache, as at the first visit.
        context = browser.new_context(storage_state=signed_in.storage_state())
        context.add_init_script(USABLE)
        page = context.new_page()
        page.goto(product.url)
        page.get_by_role("textbox", name="Message").wait_for()
        usable, requests = page.evaluate(
            "() => [window.usable, performance.getEntriesByType('resource')"
            ".filter(entry => entry.startTime <= window.usable).map(entry => entry.name)]"
        )
        context.close()
        # And the document itself.
        assert len(requests) + 1 <= 6, requests
        times.append(usable)
        # What else the machine does may slow it down, and never makes it quicker.
        if usable <= 1000:
            break

    assert min(times) <= 1000


@SCHEMES
def test_the_first_start_holds_to_the_rules_of_accessibility(
    unguarded: BrowserContext, product: Product, axe: Callable[[Page], None], scheme: str
) -> None:
    page = coloured(unguarded, scheme)
    page.goto(product.url)
    expect(page.get_by_text("llama3.2:latest is there")).to_be_visible()
    axe(page)
    page.close()


def test_the_first_message_ends_the_first_start(page: Page, ollama: Ollama) -> None:
    ollama.add(answer("Hello."))
    box = page.get_by_role("textbox", name="Message")
    box.fill("Hello?")
    box.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("Hello.")
    page.get_by_role("button", name="New chat").first.click()
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()


def test_a_fallback_is_told_with_its_trace_and_counted(
    page: Page, product: Product, ollama: Ollama, gemini: Gemini
) -> None:
    fallback(product, ollama, gemini)
    operation(page)
    turn = page.get_by_role("group").filter(has_text="Ollama → Gemini").first
    turn.locator("summary").click()
    steps = turn.get_by_role("listitem")
    expect(steps.first).to_contain_text("Ollama llama3.2:latest")
    expect(steps.first).to_contain_text("Local · Failed")
    expect(steps.filter(has_text="gemini-2.5-flash")).to_contain_text("Cloud · Answered")
    expect(turn).to_contain_text("This conversation was sent to Gemini.")
    with page.context.expect_page() as opened:
        turn.get_by_role("link", name="Open the stored trace").click(modifiers=["ControlOrMeta"])
    expect(opened.value.locator("body")).to_contain_text('"outcome":"failed"')
    opened.value.close()

    requests = page.get_by_role("figure").filter(has_text="Requests by where they were answered")
    expect(requests.get_by_role("img")).to_be_visible()
    requests.get_by_role("button", name="As a table").click()
    expect(requests.get_by_role("columnheader", name="Cloud")).to_be_visible()
    expect(requests.get_by_role("listitem").filter(has_text="Cloud")).to_contain_text(re.compile("[1-9]"))


def test_the_fallback_of_somebody_else_is_told_whole_and_without_their_words(
    page: Page, browser: Browser, product: Product, ollama: Ollama, gemini: Gemini
) -> None:
    guest = registered(browser, product, "Hedy")
    ollama.add(cut(0), cut(0))
    gemini.add(answer("Between us."))
    ask(guest, "Who is the murderer?")
    expect(log(guest)).to_contain_text("Between us.")
    guest.context.close()

    operation(page)
    turn = page.get_by_role("group").filter(has_text="Ollama → Gemini").first
    turn.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(turn.get_by_role("listitem").filter(has_text="Gemini")).to_contain_text("Cloud · Answered")
    expect(turn).to_contain_text("This conversation was sent to Gemini.")
    expect(turn).to_contain_text("what was said in it is theirs alone")
    expect(turn.get_by_role("link")).to_have_count(0)
    request = turn.locator("code").first.text_content() or ""
    assert request in {each["request_id"] for each in product.call("GET", ACTIVITY)[1]["fallbacks"]}
    assert "murderer" not in page.content()
    assert "Between us" not in page.content()


def test_a_provider_is_tested_for_free_and_what_is_wrong_is_said_in_words(page: Page, ollama: Ollama) -> None:
    operation(page)
    card = page.get_by_role("article", name="Ollama")
    asked = len(ollama.chats)
    page.get_by_role("button", name="Test Ollama").click()
    expect(card).to_contain_text("has the model llama3.2:latest")
    ollama.refuse()
    try:
        page.get_by_role("button", name="Test Ollama").click()
        expect(card).to_contain_text("nothing listens at")
        expect(card).to_contain_text("OLLAMA_URL")
    finally:
        ollama.accept()
    assert len(ollama.chats) == asked


def test_the_configuration_is_told_with_its_sources_and_without_a_secret(page: Page) -> None:
    operation(page)
    table = page.get_by_role("region", name="Configuration in force, as a table")
    expect(table.get_by_role("row").filter(has_text="GEMINI_MODEL")).to_contain_text("environment")
    expect(table.get_by_role("row").filter(has_text="GEMINI_API_KEY")).to_contain_text("set, not shown")
    expect(table.get_by_role("row").filter(has_text="INTELLIGENCE_URL")).to_contain_text("up")
    expect(table).not_to_contain_text("LLM_FALLBACK_MODE")
    page.get_by_role("searchbox", name="Search settings").fill("fallback mode")
    expect(page.get_by_text("No setting has these words.")).to_be_visible()
    page.get_by_role("searchbox", name="Search settings").fill("fallback_mode")
    expect(table.get_by_role("row").filter(has_text="LLM_FALLBACK_MODE")).to_contain_text("default")
    assert "g" * 40 not in page.content()


def test_somebody_is_invited_made_admin_and_shut_out(page: Page, browser: Browser) -> None:
    operation(page)
    page.get_by_role("button", name="Invite somebody").click()
    link = page.get_by_text(re.compile("#invite=")).text_content() or ""
    context = browser.new_context()
    guest = context.new_page()
    guest.goto(link)
    guest.get_by_label("Name").fill("Grace")
    guest.get_by_label("New password").fill("correct horse battery")
    guest.get_by_role("button", name="Make the account").click()
    expect(guest.get_by_role("textbox", name="Message")).to_be_visible()
    expect(guest.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    expect(guest.get_by_role("link", name="Operation")).to_have_count(0)
    guest.goto(f"{link.partition('#')[0]}#/operator")
    expect(guest.get_by_text("This page is for whoever runs this NovaCore.")).to_be_visible()

    page.reload()
    row = page.get_by_role("row").filter(has_text="Grace")
    row.get_by_role("button", name="Make admin: Grace").click()
    expect(row).to_contain_text("Admin")
    row.get_by_role("button", name="Disable: Grace").click()
    expect(row).to_contain_text("disabled")
    guest.reload()
    expect(guest.get_by_role("heading", name="Sign in to NovaCore")).to_be_visible()
    context.close()


@SCHEMES
def test_the_operators_page_holds_to_the_rules_of_accessibility(
    unguarded: BrowserContext,
    product: Product,
    ollama: Ollama,
    gemini: Gemini,
    axe: Callable[[Page], None],
    scheme: str,
) -> None:
    fallback(product, ollama, gemini)
    page = coloured(unguarded, scheme)
    page.goto(f"{product.url}/#/operator")
    page.get_by_role("button", name="Test Gemini").click()
    expect(page.get_by_text("and accepts the key")).to_be_visible()
    page.locator("summary").first.click()
    expect(page.get_by_role("row").filter(has_text="GEMINI_MODEL")).to_be_visible()
    axe(page)
    page.get_by_role("button", name="As a table").first.click()
    page.set_viewport_size({"width": 390, "height": 844})
    axe(page)
    page.close()


def test_the_cloud_is_forbidden_and_whom_to_ask_first_is_kept(settings: Page, product: Product) -> None:
    cloud = settings.get_by_role("switch", name="Answers may come from the cloud")
    expect(cloud).to_be_checked()
    with settings.expect_response(re.compile("preferences")):
        cloud.focus()
        settings.keyboard.press("Space")
    expect(settings.get_by_text("Nothing that you write is sent to a cloud provider.")).to_be_visible()
    assert product.call("GET", "/api/memory/preferences")[1]["cloud_allowed"] is False
    skipped = product.call("POST", "/api/chat/route/explain", {"message": "Hello?"})[1]["skipped"]
    assert {each["provider"]: each["reason"] for each in skipped}["gemini"] == "preference"

    with settings.expect_response(re.compile("preferences")):
        settings.get_by_role("button", name="Move Gemini up").click()
    settings.reload()
    expect(cloud).not_to_be_checked()
    order = settings.get_by_role("group", name="Whom to ask first").get_by_role("listitem")
    expect(order.first).to_contain_text("Gemini")
    with settings.expect_response(re.compile("preferences")):
        cloud.click()
    with settings.expect_response(re.compile("preferences")):
        settings.get_by_role("button", name="Use the order of the server").click()
    expect(order.first).to_contain_text("Ollama")
    assert product.call("GET", "/api/memory/preferences")[1]["provider_order"] is None


def test_facts_are_told_found_and_forgotten(settings: Page) -> None:
    field = settings.get_by_role("textbox", name="Something to remember")
    for fact in ("My cat is called Minka.", "I live in Ulm."):
        field.fill(fact)
        settings.get_by_role("button", name="Remember it").click()
        expect(settings.get_by_role("button", name=f"Forget “{fact}”")).to_be_visible()
        expect(field).to_have_value("")
    settings.get_by_role("searchbox", name="Search what is remembered").fill("mink")
    expect(settings.get_by_role("button", name="Forget “I live in Ulm.”")).to_have_count(0)
    settings.get_by_role("button", name="Forget “My cat is called Minka.”").click()
    expect(settings.get_by_text("has these words")).to_be_visible()
    settings.get_by_role("searchbox", name="Search what is remembered").fill("")
    settings.get_by_role("button", name="Forget everything").click()
    settings.get_by_role("group", name="Forget all of it for good?").get_by_role("button", name="Forget").click()
    expect(settings.get_by_text("Nothing is remembered.")).to_be_visible()


def test_a_key_is_shown_once_works_and_is_revoked(settings: Page, product: Product) -> None:
    settings.get_by_role("textbox", name="What it is for").fill("An editor")
    settings.get_by_role("button", name="Make a key").click()
    shown = settings.get_by_text(re.compile("^nc_"))
    key = shown.text_content() or ""
    request = Request(f"{product.url}/api/auth/me", headers={"Authorization": f"Bearer {key}"})
    with urlopen(request) as response:
        assert json.load(response)["scope"] == "chat"
    settings.reload()
    expect(settings.get_by_text("An editor")).to_be_visible()
    expect(shown).to_have_count(0)

    row = settings.get_by_role("listitem").filter(has_text="An editor")
    row.get_by_role("button", name="Revoke").click()
    row.get_by_role("group").get_by_role("button", name="Revoke").click()
    expect(settings.get_by_text("An editor")).to_have_count(0)
    names = {each["name"] for each in product.call("GET", "/api/auth/keys")[1]["keys"]}
    assert "An editor" not in names


def test_usage_of_today_is_shown(settings: Page, product: Product, ollama: Ollama) -> None:
    ollama.add(answer("Noted.", tokens=7))
    product.call("POST", "/api/chat/message", {"message": "Hello?"})
    used = product.call("GET", "/api/usage")[1]["today"]
    settings.reload()

    row = settings.get_by_role("row", name="Tokens written")
    expect(row.get_by_role("cell").first).to_have_text(str(used["output_tokens"]))


def test_a_theme_stays_after_a_reload(settings: Page) -> None:
    settings.get_by_role("radio", name="Dark").check()
    settings.reload()
    expect(settings.get_by_role("radio", name="Dark")).to_be_checked()
    assert settings.evaluate("() => getComputedStyle(document.body).colorScheme") == "dark"
    settings.get_by_role("radio", name="As the system").check()
    assert settings.evaluate("() => getComputedStyle(document.body).colorScheme") == "light dark"


def test_everything_is_taken_along_and_then_deleted(settings: Page, product: Product, ollama: Ollama) -> None:
    ollama.add(answer("It is kept here."))
    product.call("POST", "/api/chat/message", {"message": "Is it all there?"})
    with settings.expect_download() as download:
        settings.get_by_role("button", name="Export as Markdown").click()
    text = Path(download.value.path()).read_text()
    assert "> It is kept here." in text
    assert "Answered by ollama" in text

    settings.get_by_role("button", name="Delete all conversations").click()
    settings.get_by_role("button", name="Delete them").click()
    expect(settings.get_by_text("Your conversations will be listed here.")).to_be_visible()
    assert product.call("GET", "/api/chat/sessions")[1]["total"] == 0


@SCHEMES
def test_settings_hold_to_the_rules_of_accessibility(
    unguarded: BrowserContext, product: Product, axe: Callable[[Page], None], scheme: str
) -> None:
    product.call("POST", "/api/memory/facts", {"text": "My dog is called Bello.", "local_only": True})
    page = coloured(unguarded, scheme)
    page.goto(f"{product.url}/#/settings")
    expect(page.get_by_role("button", name="Forget “My dog is called Bello.”")).to_be_visible()
    expect(page.get_by_role("button", name="Move Gemini up")).to_be_visible()
    expect(page.get_by_role("row", name="Tokens written")).to_be_visible()
    page.get_by_role("button", name="Delete all conversations").click()
    axe(page)
    page.set_viewport_size({"width": 390, "height": 844})
    axe(page)
    page.close()
