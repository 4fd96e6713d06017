"""Metrics of several services as one exposition, in Prometheus' text format or in OpenMetrics. Pure.

Both formats want all series of a name together, under one head. So what the services tell is taken apart by names,
each series gets the label ``service``, and it is put together again. Lines are not understood beyond that: parsing
each value would hold up every answer that is being forwarded meanwhile.
"""

import re
from collections.abc import Iterable

END = "# EOF"
_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(\{|(?= ))")
_HEAD = re.compile(r"# (HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) .*")

Families = dict[str, tuple[list[str], list[str]]]
"""By name: the lines of its head, and those of its series."""


def joined(told: Iterable[tuple[str, Families]], *, open_metrics: bool) -> str:
    """One exposition of what each (service) told. Of a name that two describe differently the first head counts."""
    whole: Families = {}
    for service, families in told:
        label = f'service="{service}"'
        for name, (head, samples) in families.items():
            lines = whole.setdefault(name, (head, []))[1]
            lines += [_labelled(sample, label) for sample in samples]
    parts = [line for head, samples in whole.values() for line in (*head, *samples)]
    return "\n".join([*parts, END] if open_metrics else parts) + "\n"


def families(text: str) -> Families:
    """One service's exposition, taken apart; raises ValueError for what is none."""
    found: Families = {}
    current: tuple[list[str], list[str]] | None = None
    # By line feeds alone: a label's value may hold whatever else Unicode takes for the end of a line.
    for line in text.split("\n"):
        if line == END:
            break
        head = _HEAD.fullmatch(line)
        if head is not None:
            current = found.setdefault(head[2], ([], []))
            current[0].append(line)
        elif current is not None and _SAMPLE.match(line):
            current[1].append(line)
        elif line:
            raise ValueError("a line is neither a metric's head nor a series below one")
    return found


def _labelled(sample: str, label: str) -> str:
    match = _SAMPLE.match(sample)
    assert match is not None, "families() lets no other line through"  # noqa: S101
    rest = sample[match.end() :]
    if match[2] != "{":
        return f"{match[1]}{{{label}}}{rest}"
    return f"{match[1]}{{{label}{rest if rest.startswith('}') else ',' + rest}"
