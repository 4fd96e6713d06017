"""Every provider that has a folder of fixtures."""

from importlib import import_module
from pathlib import Path

from .subject import Subject

FIXTURES = Path(__file__).parent / "fixtures"


def _found() -> list[Subject]:
    names = sorted(path.parent.name for path in FIXTURES.glob("*/subject.py"))
    return [import_module(f"{__package__}.fixtures.{name}.subject").SUBJECT for name in names]


SUBJECTS = _found()
