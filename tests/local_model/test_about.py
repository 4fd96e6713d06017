"""What the server says of itself and its model."""

import asyncio
import hashlib
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from novakit.settings import SettingsError

from services.local_model.app.engine import model_file
from services.local_model.app.engine.gguf import GgufError
from services.local_model.app.engine.model_file import Facts, ModelFile, bundled, read_facts

from .serving import MODEL, World, world

CONTENT = b"GGUF" + struct.pack("<IQQ", 3, 0, 0) + b"weights"
DETAILS = {
    "parent_model": "", "format": "gguf", "family": "unknown", "families": ["unknown"],
    "parameter_size": "0", "quantization_level": "unknown",
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "small.gguf"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
async def place(path: Path) -> AsyncIterator[World]:
    async with world(local_model_path=path) as place:
        yield place


async def test_it_says_what_ollama_says_at_its_root_and_answers_head(place: World) -> None:
    assert await place.get("/") == (200, "Ollama is running")
    for path in ("/", "/api/version", "/api/tags"):
        async with place.http.head(place.url + path) as answer:
            assert (answer.status, await answer.read()) == (200, b"")


async def test_it_has_a_version(place: World) -> None:
    status, version = await place.get("/api/version")

    assert status == 200
    assert list(version) == ["version"]


async def test_tags_list_the_model_with_the_true_digest_of_its_file(place: World) -> None:
    status, listing = await place.get("/api/tags")
    (model,) = listing["models"]

    assert status == 200
    assert (model["name"], model["model"], model["size"]) == (MODEL, MODEL, len(CONTENT))
    assert model["digest"] == hashlib.sha256(CONTENT).hexdigest()
    assert model["details"] == DETAILS
    assert model["modified_at"].endswith("Z")
    assert place.engine.loads == 0


async def test_ps_lists_the_model_only_while_it_is_loaded(place: World) -> None:
    assert await place.get("/api/ps") == (200, {"models": []})
    await place.chat(keep_alive="5m")
    _status, listing = await place.get("/api/ps")
    (model,) = listing["models"]

    assert (model["name"], model["context_length"], model["size_vram"]) == (MODEL, 256, 0)
    assert model["expires_at"] == "2023-11-14T22:18:20.000000Z"
    assert model["details"] == DETAILS


async def test_a_model_that_stays_for_ever_expires_as_late_as_a_go_duration_lasts(place: World) -> None:
    await place.chat(keep_alive=-1)
    _status, listing = await place.get("/api/ps")

    assert listing["models"][0]["expires_at"].startswith("2316-")


@pytest.mark.parametrize("field", ["model", "name"])
async def test_show_describes_the_model(place: World, field: str) -> None:
    status, shown = await place.post("/api/show", {field: MODEL})

    assert status == 200
    assert set(shown) == {
        "license", "modelfile", "parameters", "template", "details", "model_info", "capabilities", "modified_at",
    }  # fmt: skip
    assert shown["model_info"] == {"general.parameter_count": 0}
    assert shown["capabilities"] == ["completion"]
    assert "PARAMETER temperature 0.2\n" in shown["modelfile"]


async def test_show_knows_no_other_model(place: World) -> None:
    assert await place.post("/api/show", {"model": "llama3"}) == (404, {"error": "model 'llama3' not found"})
    assert await place.post("/api/show", {"model": "smollm2"}) == (404, {"error": "model 'smollm2' not found"})
    assert await place.post("/api/show", {}) == (400, {"error": "model is required"})
    assert await place.post("/api/show", b"") == (400, {"error": "missing request body"})


@pytest.mark.parametrize("path_", ["/api/embed", "/api/embeddings"])
async def test_embeddings_are_refused(place: World, path_: str) -> None:
    status, error = await place.post(path_, {"model": MODEL, "input": "x"})

    assert (status, error) == (400, {"error": f'"{MODEL}" does not support embeddings'})


async def test_what_is_not_there_is_told_in_ollama_s_shape(place: World) -> None:
    assert await place.post("/api/pull", {"model": "x"}) == (404, {"error": "not found"})
    assert await place.get("/api/chat") == (405, {"error": "method not allowed"})


async def test_a_body_without_end_is_refused(place: World) -> None:
    body = b'{"model": "' + b"x" * (4 * 1024 * 1024) + b'"}'
    for path_ in ("/api/show", "/api/chat", "/api/generate"):
        status, error = await place.post(path_, body)

        assert status == 413
        assert "4194304" in error["error"]


async def test_no_answer_invites_pages_of_other_origins(place: World) -> None:
    async with place.http.get(place.url + "/api/tags", headers={"Origin": "http://localhost:3000"}) as answer:
        assert answer.status == 200
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    async with place.http.get(place.url + "/api/tags", headers={"Host": "example.com"}) as answer:
        assert (answer.status, await answer.read()) == (403, b"")


async def test_it_is_alive_and_ready_without_a_loaded_model_and_not_ready_when_it_ends(place: World) -> None:
    assert await place.get("/healthz") == (200, {"status": "ok"})
    assert (await place.get("/readyz"))[0] == 200
    place.running.stopping.stop()
    assert (await place.get("/readyz"))[0] == 503
    assert (await place.get("/healthz"))[0] == 200


async def test_a_damaged_file_is_an_error_and_looked_at_again(path: Path) -> None:
    found: list[Facts] = []

    def read(asked: Path) -> Facts:
        if not found:
            found.append(read_facts(asked))
            raise GgufError("damaged")
        return found[0]

    file = ModelFile(path, read)
    with pytest.raises(GgufError):
        await file.facts()
    assert await file.facts() is found[0]


async def test_a_file_that_is_no_model_is_a_server_error_in_ollama_s_shape(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    await asyncio.to_thread(wrong.write_bytes, b"nonsense")
    async with world(local_model_path=wrong) as place:
        status, error = await place.get("/api/tags")

    assert status == 500
    assert "no GGUF file" in error["error"]


async def test_the_file_is_read_once(path: Path) -> None:
    reads: list[Path] = []

    def read(asked: Path) -> Facts:
        reads.append(asked)
        return read_facts(asked)

    file = ModelFile(path, read)
    assert await file.facts() is await file.facts()
    assert reads == [path]


def test_the_bundled_model_is_found_without_importing_its_package() -> None:
    assert bundled().suffix == ".gguf"


def test_without_the_package_the_start_stops_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "PACKAGE", "no_such_package")

    with pytest.raises(SettingsError, match=r"make setup.*LOCAL_MODEL_PATH.*OLLAMA_URL"):
        bundled()
