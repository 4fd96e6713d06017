"""A first start without any key: a local model alone, which may be slow to tell of itself, or not there at all."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.steps import ATTEMPTS, USABLE, Ollama, ask, chip, log, opened
from tests.support.fakes import Gate, answer
from tests.support.fakes.behaviours import Pass, Reply
from tests.support.laid_out import laid_out
from tests.support.product import Product, running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def product(browser: Browser, tmp_path_factory: pytest.TempPathFactory, ollama: Ollama) -> Iterator[Product]:
    """One of its own that has Ollama alone."""
    alone = {"OLLAMA_URL": ollama.url, "LLM_PROVIDER_FAILURE_THRESHOLD": "99"}
    with running(laid_out(tmp_path_factory.mktemp("without_keys")), **alone) as started:
        yield started


@pytest.fixture(scope="module")
def signed_in(browser: Browser, product: Product) -> Iterator[BrowserContext]:
    """The browser of whoever started it."""
    with opened(browser, product) as context:
        yield context


@pytest.fixture
def silent(ollama: Ollama) -> Iterator[None]:
    """An Ollama that takes each of the free questions and tells nothing before the test is over."""
    gate = Gate()
    ollama.fake.checks.extend((Pass(gate), Reply(503)) for _ in range(100))
    yield
    ollama.fake.checks.clear()
    gate.open()


@pytest.mark.usefixtures("silent")
def test_the_page_waits_for_no_provider_to_tell_how_it_is(page: Page) -> None:
    page.add_init_script(USABLE)
    times: list[float] = []
    while not times or (min(times) > 1000 and len(times) < ATTEMPTS):
        page.reload()
        expect(page.get_by_role("textbox", name="Message")).to_be_focused()
        times.append(page.evaluate("window.usable"))
    assert min(times) <= 1000, times
    expect(page.get_by_role("heading", name="Welcome to NovaCore")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Ollama")).to_contain_text("Looking…")


def test_what_is_there_is_said_and_what_could_be_too(page: Page, ollama: Ollama) -> None:
    asked = len(ollama.chats)
    expect(page.get_by_role("listitem").filter(has_text="The server")).to_contain_text("admin")
    expect(page.get_by_role("listitem").filter(has_text="Ollama")).to_contain_text("llama3.2:latest is there")
    for name, variable in (("Gemini", "GEMINI_API_KEY"), ("OpenAI", "OPENAI_API_KEY")):
        row = page.get_by_role("listitem").filter(has_text=name)
        expect(row).to_contain_text("optional")
        expect(row).to_contain_text(f"set {variable} in .env")
        # Without a key there is nothing to test.
        expect(row.get_by_role("button")).to_have_count(0)
    expect(page.get_by_text("Stays on this machine")).to_be_visible()
    assert len(ollama.chats) == asked


def test_with_nobody_at_all_one_can_write_and_is_told_what_to_do(
    page: Page, ollama: Ollama, product: Product
) -> None:
    ollama.refuse()
    try:
        page.reload()
        row = page.get_by_role("listitem").filter(has_text="Ollama")
        expect(row).to_contain_text("nothing listens at")
        expect(row).to_contain_text("OLLAMA_URL")
        ask(page, "Is anyone there?")
        expect(log(page)).to_contain_text("No provider answered")
        expect(chip(page)).to_contain_text("No answer")
        chip(page).click()
        expect(log(page)).to_contain_text("Nothing in this message left this machine.")
    finally:
        ollama.accept()
    ollama.add(answer("Now I am."))
    page.get_by_role("button", name="Try again").click()
    expect(log(page)).to_contain_text("Now I am.")
    for each in product.call("GET", "/api/chat/sessions")[1]["sessions"]:
        assert product.call("DELETE", f"/api/chat/sessions/{each['id']}")[0] == 204


@pytest.mark.usefixtures("silent")
def test_one_can_chat_while_a_provider_says_nothing_of_itself(page: Page, ollama: Ollama) -> None:
    page.reload()
    expect(page.get_by_role("heading", name="Welcome to NovaCore")).to_be_visible()
    ollama.add(answer("Hello to you."))
    ask(page, "Hello?")
    expect(log(page)).to_contain_text("Hello to you.")
    expect(chip(page)).to_contain_text("Local · llama3.2:latest")
    chip(page).click()
    expect(log(page)).to_contain_text("Nothing in this message left this machine.")
    # No cloud is set up, so that nobody can be chosen.
    page.get_by_role("button", name="Regenerate").click()
    expect(page.get_by_role("button", name="In the cloud")).to_have_count(0)
