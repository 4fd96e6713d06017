"""The head of a GGUF file."""

import struct
from pathlib import Path

import pytest

from services.local_model.app.engine.gguf import GgufError, read


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def entry(name: str, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def tensor(name: str, *shape: int) -> bytes:
    return text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape) + bytes(12)


ENTRIES = (
    entry("general.architecture", 8, text("llama")),
    entry("general.file_type", 4, struct.pack("<I", 15)),
    entry("some.flag", 7, b"\1"),
    entry("some.float", 6, struct.pack("<f", 0.5)),
    entry("some.long", 11, struct.pack("<q", -5)),
    entry("some.strings", 9, struct.pack("<IQ", 8, 2) + text("a") + text("bc")),
    entry("some.numbers", 9, struct.pack("<IQ", 5, 3) + bytes(12)),
    entry("some.arrays", 9, struct.pack("<IQ", 9, 1) + struct.pack("<IQ", 0, 2) + bytes(2)),
    entry("last", 8, text("é")),
)
TENSORS = (tensor("a", 1000, 1200), tensor("b", 50_000))


def content(version: int = 3) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, len(TENSORS), len(ENTRIES))
    return head + b"".join(ENTRIES) + b"".join(TENSORS)


def test_the_metadata_is_read_and_arrays_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(content() + b"the weights")
    head = read(path)

    assert head.metadata == {
        "general.architecture": "llama",
        "general.file_type": 15,
        "some.flag": True,
        "some.float": 0.5,
        "some.long": -5,
        "some.strings": None,
        "some.numbers": None,
        "some.arrays": None,
        "last": "é",
    }
    assert (head.architecture, head.quantization) == ("llama", "Q4_K_M")
    assert (head.parameters, head.parameter_size) == (1_250_000, "1.25M")


def test_a_file_cut_anywhere_is_damaged_and_never_misread(tmp_path: Path) -> None:
    whole = content()
    for length in range(len(whole)):
        path = tmp_path / "cut.gguf"
        path.write_bytes(whole[:length])

        with pytest.raises(GgufError):
            read(path)


@pytest.mark.parametrize("wrong", [b"", b"GGML" + bytes(40), content(version=1), content(version=4)])
def test_another_kind_of_file_is_refused(wrong: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(wrong)

    with pytest.raises(GgufError):
        read(path)


def test_a_value_of_an_unknown_type_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "new.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + entry("new", 99, b""))

    with pytest.raises(GgufError, match="unknown type"):
        read(path)
