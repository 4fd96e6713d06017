"""Reads the head of a GGUF model file: its metadata and the number of its parameters.

The format is that of ggml's ``docs/gguf.md``: little-endian, strings with a length of 64 bits, typed values.
"""

import math
import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING = 8
_ARRAY = 9
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 32: "BF16",
}  # fmt: skip


class GgufError(Exception):
    """The file is no GGUF file of version 2 or 3, or is damaged."""


@dataclass(frozen=True, slots=True)
class Head:
    """The metadata, with None for every array, and the number of parameters."""

    metadata: dict[str, Any]
    parameters: int

    @property
    def architecture(self) -> str:
        """Such as ``llama``."""
        return str(self.metadata.get("general.architecture", "unknown"))

    @property
    def quantization(self) -> str:
        """Such as ``Q4_1``."""
        return _FILE_TYPES.get(self.metadata.get("general.file_type", -1), "unknown")

    @property
    def parameter_size(self) -> str:
        """The number of parameters for people, such as ``134.52M``."""
        for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
            if self.parameters >= size:
                return f"{self.parameters / size:.2f}".rstrip("0").rstrip(".") + letter
        return str(self.parameters)


def read(path: Path) -> Head:
    """The head of a model file; raises GgufError and OSError."""
    with path.open("rb") as file:
        try:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:
            raise GgufError("the model file is empty") from None
        with content:
            return _head(content)


def _head(content: mmap.mmap) -> Head:
    cursor = _Cursor(content)
    try:
        if cursor.raw(4) != b"GGUF" or cursor.scalar("<I") not in {2, 3}:
            raise GgufError("the model file is no GGUF file of version 2 or 3")
        tensors, entries = cursor.scalar("<Q"), cursor.scalar("<Q")
        metadata = {cursor.string(): cursor.value() for _ in range(entries)}
        return Head(metadata, sum(cursor.tensor() for _ in range(tensors)))
    except (struct.error, UnicodeDecodeError):
        raise GgufError("the model file is damaged") from None


class _Cursor:
    """A place in the file that moves on as values are read; struct.error past the end."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self._at = 0

    def raw(self, size: int) -> bytes:
        start, self._at = self._at, self._at + size
        if self._at > len(self._content):
            raise struct.error
        return self._content[start : self._at]

    def scalar(self, layout: str) -> Any:
        return struct.unpack(layout, self.raw(struct.calcsize(layout)))[0]

    def string(self) -> str:
        return self.raw(self.scalar("<Q")).decode()

    def value(self) -> Any:
        kind = self.scalar("<I")
        if kind == _ARRAY:
            return self._skip_array()
        return self._reader(kind)()

    def tensor(self) -> int:
        """The number of elements of the next tensor."""
        self.string()
        shape = [self.scalar("<Q") for _ in range(self.scalar("<I"))]
        self.raw(12)
        return math.prod(shape)

    def _skip_array(self) -> None:
        kind, count = self.scalar("<I"), self.scalar("<Q")
        if kind in _SCALARS:
            self.raw(struct.calcsize(_SCALARS[kind]) * count)
            return
        read_one = self._reader(kind)
        for _ in range(count):
            read_one()

    def _reader(self, kind: int) -> Callable[[], Any]:
        if kind == _STRING:
            return self.string
        if kind == _ARRAY:
            return self._skip_array
        if kind not in _SCALARS:
            raise GgufError("the model file holds a value of an unknown type")
        return lambda: self.scalar(_SCALARS[kind])
