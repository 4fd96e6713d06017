"""Rules by kind of message: which kinds a conversation is of, as measured, and whom a rule wants asked first for it.

A rule is a wish, never a wall: whoever it does not name follows in the configured priority.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias, get_args

from ..domain.chat import ChatTurn
from .history import estimated_tokens, turn_tokens
from .marks import Parted, Script, code_marks, has_formula, math_marks, part, script_share, traced

Kind: TypeAlias = Literal["short", "long", "code", "math", Script]

KINDS: tuple[Kind, ...] = get_args(Kind)

SHORT_TOKENS = 50
"""The longest message of a short prompt, in estimated tokens."""
SHORT_HISTORY_TOKENS = 500
"""The most that a short prompt has beside its message: the system prompt and all other turns."""
LONG_TOKENS = 2000
"""The least that a long conversation has in all, the system prompt included."""
SEEN_CHARS = 4000
"""How much of a message is looked at for what it shows: one half at its beginning, one at its end."""
CODE_MARKS = 2
MATH_MARKS = 2
SCRIPT_SHARE = 0.25
"""The least share of a script in the letters of a message of that kind."""
CHARS_PER_TOKEN = 4
"""No estimated token has more."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Prompts of this kind go to these providers first, in this order."""

    kind: Kind
    providers: tuple[str, ...]

    def __str__(self) -> str:
        """As it is written in the settings."""
        return f"{self.kind}:{'>'.join(self.providers)}"


class Prompt:
    """A conversation, oldest turn first, and what is measured of it: each thing once, and only when it is asked for.

    Its message is the user's last turn. All other turns count for its size alone.
    """

    def __init__(self, turns: Sequence[ChatTurn]) -> None:
        self._turns = turns

    def has(self, kind: Kind) -> bool:
        """Whether it is of this kind."""
        match kind:
            case "short":
                return self._short
            case "long":
                return at_least(LONG_TOKENS, reversed(self._turns))
            case "code":
                return self._code
            case "math":
                return self._math
            case _:
                return script_share(self._parted.prose, kind) >= SCRIPT_SHARE

    @cached_property
    def _message(self) -> ChatTurn:
        return next((turn for turn in reversed(self._turns) if turn.role == "user"), ChatTurn("user", ""))

    @property
    def _short(self) -> bool:
        text = self._message.text
        if len(text) > SHORT_TOKENS * CHARS_PER_TOKEN or estimated_tokens(text) > SHORT_TOKENS:
            return False
        others = (turn for turn in reversed(self._turns) if turn is not self._message)
        return not at_least(SHORT_HISTORY_TOKENS + 1, others)

    @cached_property
    def _code(self) -> bool:
        parted = self._parted
        return parted.fenced or traced(parted.prose) or code_marks(parted.prose) >= CODE_MARKS

    @property
    def _math(self) -> bool:
        prose = self._parted.prose
        return (has_formula(prose) or math_marks(prose) >= MATH_MARKS) and not self._code

    @cached_property
    def _parted(self) -> Parted:
        text, half = self._message.text, SEEN_CHARS // 2
        return part(text if len(text) <= SEEN_CHARS else f"{text[:half]}\n{text[-half:]}")


def classify(turns: Sequence[ChatTurn]) -> tuple[Kind, ...]:
    """The kinds that this conversation is of, in the order of KINDS."""
    prompt = Prompt(turns)
    return tuple(kind for kind in KINDS if prompt.has(kind))


def applying(rules: Sequence[Rule], turns: Sequence[ChatTurn]) -> Rule | None:
    """The first rule of whose kind this conversation is."""
    prompt = Prompt(turns)
    return next((rule for rule in rules if prompt.has(rule.kind)), None)


def at_least(tokens: int, turns: Iterable[ChatTurn]) -> bool:
    """Whether these turns have so many estimated tokens, at least one. Reads no more of them than it must."""
    left = tokens
    for turn in turns:
        if len(turn.text) >= left * CHARS_PER_TOKEN:
            return True
        left -= turn_tokens(turn)
        if left <= 0:
            return True
    return False


def parse_rules(text: str) -> tuple[Rule, ...]:
    """The rules of a setting such as ``long:gemini>openai, short:ollama``; raises ValueError with one sentence."""
    rules: list[Rule] = []
    for written in filter(None, (written.strip() for written in text.split(","))):
        rule = _rule(written)
        if any(rule.kind == other.kind for other in rules):
            raise ValueError(f"{rule.kind} has two rules, of which only the first could apply.")
        rules.append(rule)
    return tuple(rules)


def _rule(written: str) -> Rule:
    name, colon, chain = written.partition(":")
    kind = next((kind for kind in KINDS if kind == name.strip().lower()), None)
    if not colon:
        raise ValueError(f"{written!r} is not a kind of message, a colon and providers, as in long:gemini>openai.")
    if kind is None:
        raise ValueError(f"{name.strip()!r} is no kind of message; there are {', '.join(KINDS)}.")
    providers = tuple(provider.strip().lower() for provider in chain.split(">"))
    if not all(providers):
        raise ValueError(f"{written!r} lacks the name of a provider; it is written as in long:gemini>openai.")
    if len(set(providers)) != len(providers):
        raise ValueError(f"{written!r} names a provider twice.")
    return Rule(kind, providers)
