"""What is generated from code says what the code says."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent.parent


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks for its module there.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_env_example_is_what_the_settings_classes_say() -> None:
    assert (ROOT / "env.example").read_text() == script("env_example").render(), "run: python scripts/env_example.py"


def test_the_telemetry_reference_has_every_metric_and_every_log_line() -> None:
    written = (ROOT / "docs" / "TELEMETRY_REFERENCE.md").read_text()
    assert written == script("telemetry_reference").render(), "run: python scripts/telemetry_reference.py"


def test_the_telemetry_reference_names_every_attribute_and_event_of_a_span() -> None:
    """Those are words in the code, too many to declare: each that looks like one must be in the reference."""
    written = (ROOT / "docs" / "TELEMETRY_REFERENCE.md").read_text()
    spans = (ROOT / "services/intelligence/app/utils/spans.py", ROOT / "services/gateway/app/watch.py")
    attributes = {
        name
        for path in spans
        for name in re.findall(r'"((?:gen_ai|http|novacore|error|enduser)\.[a-z_.]+)"', path.read_text())
    }
    marks = re.findall(
        r'_mark\(\s*"(\w+)"', (ROOT / "services/intelligence/app/services/route_record.py").read_text()
    )

    assert len(attributes) > 20
    assert len(set(marks)) >= 5
    assert [name for name in (*attributes, *marks) if f"`{name}`" not in written] == []
