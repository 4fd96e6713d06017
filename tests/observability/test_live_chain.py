"""A fault of the running product, told to whoever is on call, and its repair: no part of the way is a stand-in.

The rules and Alertmanager's configuration are the project's, with every window, patience and interval shortened by
one factor, so that minutes take a moment.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.fakes import FakeGemini, FakeOllama, ThreadedFake
from tests.support.laid_out import laid_out
from tests.support.product import Product, running

from . import rules
from .servers import Pager, alertmanager, pager, prometheus

FASTER = 60
"""A minute takes a second."""
SCRAPE_SECONDS = 0.5
"""Not shortened as much: a scrape that finds a busy machine may take its time."""
WITHIN = 60.0
ALERT = "NovaCoreLocalModelGone"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, providers: dict[str, str]) -> Iterator[Product]:
    """It looks after a local model a second after that has failed, not after a minute."""
    settings = {**providers, "LLM_PROVIDER_COOLDOWN_SEC": "1", "RATE_LIMIT_PER_MINUTE": "100000"}
    with running(laid_out(tmp_path_factory.mktemp("product")), **settings) as started:
        yield started


@pytest.fixture(scope="module")
def on_call(
    installed: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, product: Product
) -> Iterator[Pager]:
    """Somebody who is told by Alertmanager what Prometheus finds in what the product tells."""
    folder = tmp_path_factory.mktemp("watching")
    with ExitStack() as stack:
        somebody = stack.enter_context(pager())
        routes = written(folder / "alertmanager.yml", told_to(somebody.url))
        alerts = stack.enter_context(alertmanager(installed["alertmanager"], folder, routes))
        watching = written(folder / "prometheus.yml", scraping(product.url, alerts, folder))
        for path in rules.RULE_FILES:
            (folder / path.name).write_text(rules.scaled(path.read_text(encoding="utf-8"), FASTER), encoding="utf-8")
        stack.enter_context(prometheus(installed["prometheus"], folder, watching, "--rules.alert.resend-delay=1s"))
        yield somebody


def told_to(url: str) -> dict[str, Any]:
    """The project's configuration, with an address for each receiver."""
    text = (rules.FOLDER / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
    configuration: dict[str, Any] = yaml.safe_load(rules.scaled(text, FASTER))
    for receiver in configuration["receivers"]:
        receiver["webhook_configs"] = [{"url": url, "send_resolved": True}]
    return configuration


def scraping(product: str, alerts: str, folder: Path) -> dict[str, Any]:
    """The project's configuration, for this product and this Alertmanager."""
    text = (rules.FOLDER / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    configuration: dict[str, Any] = yaml.safe_load(rules.scaled(text, FASTER))
    configuration["global"]["scrape_interval"] = f"{SCRAPE_SECONDS * 1000:.0f}ms"
    configuration["rule_files"] = [str(folder / path.name) for path in rules.RULE_FILES]
    configuration["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [address(alerts)]}]
    configuration["scrape_configs"][0]["static_configs"] = [{"targets": [address(product)]}]
    return configuration


def address(url: str) -> str:
    return url.removeprefix("http://")


def written(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@contextmanager
def chatting(product: Product) -> Iterator[None]:
    """Somebody chats all the while: health is learnt from chats alone."""
    over = threading.Event()

    def chat() -> None:
        while not over.wait(0.1):
            product.call("POST", "/api/chat/message", {"message": "Hello?"})

    thread = threading.Thread(target=chat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_the_rules_that_are_watched_here_differ_from_the_projects_in_durations_alone() -> None:
    duration = re.compile(r"(?<![\w.])\d+(ms|[smhd])\b")
    for path in rules.RULE_FILES:
        text = path.read_text(encoding="utf-8")
        faster = rules.scaled(text, FASTER)

        assert duration.sub("", faster) == duration.sub("", text)
        assert not re.search(r"\[\d+[smhd]\]|(offset|for:) \d+[smhd]\b", faster)


def test_a_local_model_that_is_gone_calls_somebody_and_one_that_is_back_calls_off(
    product: Product, on_call: Pager, ollama: ThreadedFake[FakeOllama], gemini: ThreadedFake[FakeGemini]
) -> None:
    ollama.refuse()
    with chatting(product):
        told = on_call.told(ALERT, "firing", within=WITHIN)
        repaired = on_call.calls
        ollama.accept()
        resolved = on_call.told(ALERT, "resolved", within=WITHIN, since=repaired)

    assert told["labels"] == {"alertname": ALERT, "provider": "ollama", "severity": "critical"}
    assert told["annotations"]["summary"] == "The local model ollama does not answer."
    assert "locked to local get no answer" in told["annotations"]["impact"]
    assert resolved["startsAt"] == told["startsAt"]
    assert gemini.chats
