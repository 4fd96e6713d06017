"""What the service relies on of an engine: kept by the real one, and by the fake that stands for it elsewhere."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.local_model.app.engine import model_file
from services.local_model.app.engine.engine import (
    Engine,
    EngineError,
    Finished,
    Job,
    JobRefusedError,
    LoadFailedError,
    PromptTooLongError,
    Sampling,
    Turn,
)
from services.local_model.app.engine.xllama import BATCH_TOKENS, Shape, XllamaEngine

from .fake_engine import FakeEngine

CONTEXT = 256
HELLO = (Turn("user", "Hello! Who are you?"),)
LONG = (Turn("user", "word " * 150),)
TOO_LONG = (Turn("user", "word " * 300),)


def real(path: Path | None = None) -> XllamaEngine:
    return XllamaEngine(Shape(path or model_file.bundled(), CONTEXT, slots=2, threads=1, batch_threads=1))


def make(kind: str) -> Engine:
    return FakeEngine(context=CONTEXT) if kind == "fake" else real()


KINDS = ["fake", pytest.param("real", marks=pytest.mark.model)]


@pytest.fixture(scope="module", autouse=True)
def patient_threads() -> Iterator[None]:
    """The engine's threads wait without spinning, as in the service's own process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "OMP_WAIT_POLICY", "passive")
        yield


@pytest.fixture(scope="module", params=KINDS)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = make(request.param)
    engine.load()
    yield engine
    engine.unload()


class Listener:
    """Takes what an engine emits, and stops it after ``most`` calls with text or ``progress`` calls without."""

    def __init__(self, *, texts: int = 10_000, progress: int = 10_000) -> None:
        self.emitted: list[str] = []
        self._texts = texts
        self._progress = progress

    def __call__(self, text: str) -> bool:
        self.emitted.append(text)
        silent = self.emitted.count("")
        return len(self.emitted) - silent < self._texts and silent < self._progress

    @property
    def text(self) -> str:
        return "".join(self.emitted)


def answer(engine: Engine, prompt: tuple[Turn, ...] | str = HELLO, **sampling: object) -> tuple[str, Finished]:
    listener = Listener()
    values: dict[str, Any] = {"max_tokens": 8, "seed": 1, **sampling}
    finished = engine.run(Job(prompt, Sampling(**values)), listener)
    assert finished is not None
    return listener.text, finished


@pytest.mark.parametrize("kind", KINDS)
def test_an_engine_that_is_not_loaded_says_so(kind: str) -> None:
    with pytest.raises(EngineError):
        make(kind).run(Job(HELLO, Sampling()), Listener())


@pytest.mark.parametrize("kind", KINDS)
def test_an_engine_can_be_loaded_and_unloaded_again_and_again(kind: str) -> None:
    """Also at once: the real one would wait for ever if it were dropped before it has written anything."""
    engine = make(kind)
    for _ in range(3):
        engine.load()
        engine.unload()
    engine.load()

    assert answer(engine)[0]
    engine.unload()
    with pytest.raises(EngineError):
        engine.run(Job(HELLO, Sampling()), Listener())


def test_it_reports_progress_then_text_and_then_how_it_ended(engine: Engine) -> None:
    listener = Listener()
    finished = engine.run(Job(HELLO, Sampling(max_tokens=40)), listener)

    assert finished is not None
    assert listener.emitted[0] == ""
    assert listener.text
    assert finished.prompt_tokens > 0
    assert 0 < finished.answer_tokens <= 40
    assert finished.prompt_seconds > 0
    assert finished.answer_seconds > 0


def test_an_answer_that_reaches_its_limit_ends_with_length(engine: Engine) -> None:
    _text, finished = answer(engine, max_tokens=2)

    assert (finished.reason, finished.answer_tokens) == ("length", 2)


def test_raw_text_is_continued(engine: Engine) -> None:
    text, finished = answer(engine, "Once upon a time")

    assert text
    assert finished.prompt_tokens < 8


@pytest.mark.parametrize("prompt", [TOO_LONG, TOO_LONG[0].content])
def test_a_prompt_that_does_not_fit_is_refused_with_its_length_before_any_text(
    engine: Engine, prompt: tuple[Turn, ...] | str
) -> None:
    listener = Listener()
    with pytest.raises(PromptTooLongError) as refused:
        engine.run(Job(prompt, Sampling()), listener)

    assert (refused.value.limit, listener.text) == (CONTEXT, "")
    assert 300 <= refused.value.tokens < 400


@pytest.mark.parametrize(
    "job",
    [
        Job(HELLO, Sampling(), {"type": "bogus"}),
        Job((*HELLO, Turn("assistant", "I"), Turn("assistant", "am")), Sampling()),
    ],
)
def test_a_job_that_cannot_be_done_is_refused_without_quoting_it(engine: Engine, job: Job) -> None:
    with pytest.raises(JobRefusedError) as refused:
        engine.run(job, Listener())

    assert "bogus" not in str(refused.value)


def test_it_stops_while_it_reads_a_prompt(engine: Engine) -> None:
    listener = Listener(progress=1)

    assert engine.run(Job(LONG, Sampling()), listener) is None
    assert listener.emitted == [""]
    assert answer(engine)[0]


def test_it_stops_in_the_middle_of_an_answer(engine: Engine) -> None:
    listener = Listener(texts=1)

    assert engine.run(Job(HELLO, Sampling()), listener) is None
    assert listener.emitted[-1] == listener.text != ""
    assert answer(engine)[0]


def test_two_answers_are_written_at_once(engine: Engine) -> None:
    """Each waits, within its first emit, until the other has begun as well."""
    both = threading.Barrier(2, timeout=30)
    results: list[Finished | None] = []

    def write(number: int) -> None:
        began = iter([both.wait])

        def emit(_text: str) -> bool:
            for wait in began:
                wait()
            return True

        results.append(engine.run(Job((Turn("user", f"Hello {number}"),), Sampling(max_tokens=4)), emit))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(results) == 2
    assert all(results)


@pytest.fixture(scope="module")
def model() -> Iterator[XllamaEngine]:
    engine = real()
    engine.load()
    yield engine
    engine.unload()


@pytest.mark.model
def test_a_long_prompt_is_read_with_a_look_at_every_batch(model: XllamaEngine) -> None:
    listener = Listener(texts=1)
    model.run(Job((Turn("user", "another word " * 100),), Sampling()), listener)

    assert listener.emitted.index(listener.text) >= 200 // BATCH_TOKENS


@pytest.mark.model
def test_the_same_seed_gives_the_same_answer_and_another_one_another(model: XllamaEngine) -> None:
    first, again, other = (answer(model, seed=seed, temperature=1.5, max_tokens=16)[0] for seed in (1, 1, 2))

    assert first == again != other


@pytest.mark.model
@pytest.mark.parametrize("prompt", [HELLO, "A person as JSON: "])
def test_a_schema_is_followed(model: XllamaEngine, prompt: tuple[Turn, ...] | str) -> None:
    listener = Listener()
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"],
              "additionalProperties": False}  # fmt: skip
    model.run(Job(prompt, Sampling(max_tokens=80, seed=1, temperature=0.0), schema), listener)

    assert list(json.loads(listener.text)) == ["age"]


@pytest.mark.model
def test_an_answer_that_was_begun_is_gone_on_with_and_not_repeated(model: XllamaEngine) -> None:
    begun = (Turn("user", "Count to ten."), Turn("assistant", "One, two, three,"))
    text, _finished = answer(model, begun, temperature=0.0)

    assert text.startswith(" four")


@pytest.mark.model
def test_a_stop_text_ends_the_answer_and_is_not_part_of_it(model: XllamaEngine) -> None:
    whole, _finished = answer(model, temperature=0.0, max_tokens=12)
    stop = whole.split()[2]
    text, finished = answer(model, temperature=0.0, max_tokens=12, stop=(stop,))

    assert (text, finished.reason) == (whole[: whole.index(stop)], "stop")


@pytest.mark.model
def test_an_answer_that_fills_the_context_ends_with_length(model: XllamaEngine) -> None:
    endless = {"type": "array", "items": {"type": "integer"}, "minItems": CONTEXT}
    finished = model.run(Job((Turn("user", "word " * 150),), Sampling(), endless), Listener())

    assert finished is not None
    assert finished.reason == "length"
    assert CONTEXT - 2 <= finished.prompt_tokens + finished.answer_tokens <= CONTEXT


@pytest.mark.model
@pytest.mark.parametrize(
    "odd", [{"repeat_last_n": -1}, {"top_k": -5}, {"top_p": -1.0}, {"min_p": 7.0}, {"temperature": -3.0},
            {"typical_p": 0.0}, {"presence_penalty": 1e30}, {"seed": 2**32 - 1}],
)  # fmt: skip
def test_odd_sampling_values_do_no_harm(model: XllamaEngine, odd: dict[str, Any]) -> None:
    assert answer(model, max_tokens=2, **odd)[1].answer_tokens == 2


@pytest.mark.model
def test_a_file_that_is_no_model_cannot_be_loaded(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"nonsense")
    for path in (wrong, tmp_path / "missing.gguf"):
        with pytest.raises(LoadFailedError):
            real(path).load()
