"""A real headless Chromium before the real product, whose local model is a fake that the test holds by the hand."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.steps import Gemini, Ollama, opened
from tests.support.fakes import FakeGemini, FakeOllama, serve_in_thread
from tests.support.laid_out import laid_out
from tests.support.product import Product, asking, running
from tests.support.services import ROOT
from tests.support.wire import Wire, wired

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# The first has no window to draw: the same pages take it less than half the processor's time.
NAMES = ("chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """Where a Chromium is: ``CHROMIUM_PATH``, or a usual name on the path."""
    return os.environ.get("CHROMIUM_PATH") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    # For these modules alone: while Playwright runs, its loop counts as running in this thread, and no other may.
    path = chromium()
    if path is None:
        pytest.skip("no Chromium is installed; CHROMIUM_PATH can name one")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="package")
def ollama() -> Iterator[Ollama]:
    with serve_in_thread(FakeOllama()) as fake:
        yield fake


@pytest.fixture(scope="package")
def gemini() -> Iterator[Gemini]:
    with serve_in_thread(FakeGemini()) as fake:
        yield fake


@pytest.fixture(autouse=True)
def _nothing_left_to_say(ollama: Ollama, gemini: Gemini) -> None:
    """What a failed test has not asked for, the next one must not get."""
    for each in (ollama, gemini):
        each.fake.script.clear()


@pytest.fixture(scope="package")
def providers(ollama: Ollama, gemini: Gemini) -> dict[str, str]:
    """Providers that are asked again however often they fail: each test has its own failures."""
    return {**asking(ollama, gemini), "LLM_PROVIDER_FAILURE_THRESHOLD": "99"}


@pytest.fixture(scope="package")
def product(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, providers: dict[str, str]
) -> Iterator[Product]:
    """One for all modules. Asked for after the browser, so that nothing is started where there is none."""
    with running(laid_out(tmp_path_factory.mktemp("browser")), **providers) as started:
        yield started


@pytest.fixture(scope="package")
def signed_in(browser: Browser, product: Product) -> Iterator[BrowserContext]:
    """A browser that has opened the one-time link."""
    with opened(browser, product) as context:
        yield context


@pytest.fixture
def page(signed_in: BrowserContext, product: Product) -> Iterator[Page]:
    """A fresh page of the signed-in browser; nothing on it may fail and it may ask nobody but the product."""
    fresh = signed_in.new_page()
    problems: list[str] = []
    fresh.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    fresh.on("pageerror", lambda error: problems.append(str(error)))
    fresh.on("request", lambda request: None if request.url.startswith(product.url) else problems.append(request.url))
    fresh.goto(product.url)
    yield fresh
    fresh.close()

    assert problems == []


AXE = ROOT / "services" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def unguarded(browser: Browser, signed_in: BrowserContext) -> Iterator[BrowserContext]:
    """The same person in a browser without the page's policy, which would keep a test's own script out."""
    context = browser.new_context(storage_state=signed_in.storage_state(), bypass_csp=True)
    yield context
    context.close()


@pytest.fixture(scope="session")
def axe() -> Callable[[Page], None]:
    """Holds a page of ``unguarded`` to every rule of axe, best practices included."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed; make setup brings it")
    source = AXE.read_text()

    def check(page: Page) -> None:
        page.evaluate(source)
        found = page.evaluate("async () => (await axe.run()).violations.map(v => [v.id, v.nodes.map(n => n.html)])")
        assert found == []

    return check


@pytest.fixture(scope="module")
def wire(product: Product) -> Iterator[Wire]:
    """A wire to the product that a test can cut."""
    with wired(product.port) as made:
        yield made
