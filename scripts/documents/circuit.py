"""The circuit breaker, as its own functions say it: every state is put to every event, and what comes of it told."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from html import escape

from services.intelligence.app.routing import breaker
from services.intelligence.app.routing.breaker import BreakerPolicy, BreakerState, Closed, Open, Probing, Ticket

from .tables import table

NOW = 1000.0
POLICY = BreakerPolicy()
BEFORE: Mapping[str, BreakerState] = {
    "closed": Closed(epoch=1),
    "closed, one failure short": Closed(epoch=1, failures=POLICY.threshold - 1),
    "open, not due yet": Open(epoch=1, until=NOW + 1, trips=1),
    "open, due": Open(epoch=1, until=NOW, trips=1),
    "open for set-up, not due yet": Open(epoch=1, until=NOW + 1, trips=1, setup=True),
    "probing": Probing(epoch=1, lease_until=NOW + 1, trips=1),
    "probing, lease over": Probing(epoch=1, lease_until=NOW, trips=1),
}
EVENTS: Mapping[str, Callable[[BreakerState, Ticket], BreakerState]] = {
    "a call wants in": lambda state, _ticket: breaker.admit(state, NOW, POLICY)[1],
    "last resort wants in": lambda state, _ticket: breaker.admit(state, NOW, POLICY, force=True)[1],
    "first words": lambda state, ticket: breaker.answered(state, ticket, POLICY),
    "whole answer": breaker.succeed,
    "failure": lambda state, ticket: breaker.fail(state, ticket, NOW, POLICY, jitter=0.0),
    "fault of set-up": lambda state, ticket: breaker.open_at_once(state, ticket, NOW, POLICY),
    "told to wait": lambda state, ticket: breaker.cool_down(state, ticket, NOW, hold=10.0),
    "caller left": lambda state, ticket: breaker.release(state, ticket, NOW),
    "key replaced": lambda state, _ticket: breaker.mended(state, NOW),
}


def kind(state: BreakerState) -> str:
    """Its name."""
    return type(state).__name__.lower()


def moves() -> Iterator[tuple[str, str, BreakerState]]:
    """(state, event, state after it) for each pair, where something changes."""
    for name, state in BEFORE.items():
        for event, happens in EVENTS.items():
            after = happens(state, Ticket(state.epoch, probe=isinstance(state, Probing)))
            if type(after) is not type(state) or replace(after, epoch=state.epoch) != state:
                yield name, event, after


def table_of_moves() -> str:
    """A row for each state, a column for each event."""
    told = {(name, event): _told(after) for name, event, after in moves()}
    return table(
        ("", *EVENTS), [(f"**{name}**", *(told.get((name, event), "") for event in EVENTS)) for name in BEFORE]
    )


def _told(state: BreakerState) -> str:
    match state:
        case Open():
            until = "due at once" if state.until <= NOW else f"for {state.until - NOW:.0f} s"
            return f"open, {until}"
        case Probing():
            return "probing"
        case Closed(failures=0):
            return "closed"
        case Closed():
            return f"closed, {state.failures} of {POLICY.threshold}"


_PLACES = {"closed": (120, 150), "probing": (420, 300), "open": (720, 150)}
_EDGES = {
    ("closed", "open"): ("M 190 135 C 330 60, 510 60, 650 135", (420, 44)),
    ("open", "probing"): ("M 700 190 C 660 250, 580 290, 490 298", (748, 284)),
    ("probing", "open"): ("M 480 275 C 530 240, 590 200, 652 168", (470, 176)),
    ("probing", "closed"): ("M 350 298 C 260 290, 180 250, 140 190", (92, 284)),
}


def picture() -> str:
    """The three states and what leads from one to another, as SVG."""
    labels: dict[tuple[str, str], dict[str, None]] = {}
    for name, event, after in moves():
        before = kind(BEFORE[name])
        if before != kind(after):
            labels.setdefault((before, kind(after)), {})[event] = None
    unknown = labels.keys() - _EDGES.keys()
    if unknown:
        raise AssertionError(f"the picture has no place for {sorted(unknown)}")
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 840 360" role="img" aria-label="A circuit\'s states"',
        ' font-family="system-ui, sans-serif" font-size="14">',
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7"',
        ' orient="auto"><path d="M0 0L10 5L0 10z" fill="#557"/></marker></defs>',
        '<rect width="840" height="360" fill="#fff"/>',
    ]
    for edge, events in labels.items():
        path, (x, y) = _EDGES[edge]
        parts.append(f'<path d="{path}" fill="none" stroke="#557" stroke-width="1.5" marker-end="url(#tip)"/>')
        lines = [event for event in EVENTS if event in events]
        top = y - 9 * (len(lines) - 1)
        parts += [
            f'<text x="{x}" y="{top + 18 * number}" text-anchor="middle" fill="#223" stroke="#fff" stroke-width="4" '
            f'paint-order="stroke">{escape(line)}</text>'
            for number, line in enumerate(lines)
        ]
    for name, (x, y) in _PLACES.items():
        parts.append(
            f'<rect x="{x - 70}" y="{y - 40}" width="140" height="80" rx="12" fill="#eef2fb" stroke="#335"/>'
        )
        parts.append(f'<text x="{x}" y="{y + 5}" text-anchor="middle" font-size="17" fill="#112">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])
