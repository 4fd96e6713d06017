"""The beginning of a chat turn: what is stored of it, and what its prompt is made of, in one transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ...domain.chat import ChatTurn, Locality
from ...routing.facts import NOTHING, Fact, Given, closed_to, give
from ...store import keys, learnt, turns, unfinished
from ...store.keys import Key
from ...store.quotas import Hold
from ...store.sql import Sql
from ...store.turns import Begun, EndedPrompt, NewPrompt
from ..quotas.books import Books
from .turn import Endpoint


@dataclass(frozen=True, slots=True)
class Question:
    """A valid message of a known user. ``rewinds``: the reader of its stream can take back what it has shown.

    ``facts`` is what it reminds of; ``to_remember`` is what it asks to be remembered.
    """

    user_id: str
    request_id: str
    text: str
    session_id: str | None
    parent_id: str | None
    local_only: bool
    prefer: Locality | None
    endpoint: Endpoint
    rewinds: bool = False
    key: Key | None = None
    facts: tuple[Fact, ...] = ()
    to_remember: str | None = None
    traceparent: str | None = None


def store_turn(
    connection: Sql, new: NewPrompt, question: Question, books: Books, fact_tokens: int
) -> tuple[Begun, Hold | None, Given] | EndedPrompt:
    """Begin a turn, once for each key; a key whose turn brought no answer begins another in that one's place."""
    key = question.key
    known = None if key is None else keys.look_up(connection, key, new.at)
    if known is not None:
        if known.repeated and (earlier := unfinished.find(connection, known.prompt_id, new.user_id)) is not None:
            return earlier
        new = replace(new, instead_of=known.prompt_id)
    begun = turns.begin(connection, new)
    if key is not None:
        keys.keep(connection, key, new.prompt_id, new.at)
    if question.to_remember is not None:
        private = new.local_only or begun.session_local_only or begun.user_local_only
        learnt.learn(connection, new.prompt_id, question.to_remember, local_only=private)
    given = _give(connection, question, fact_tokens)
    keep_what_reads_private(connection, new.prompt_id, (*given.turns, *begun.history))
    hold = books.reserve(connection, new.user_id, (*given.turns, *begun.history, ChatTurn("user", new.text)))
    return begun, hold, given


def keep_what_reads_private(connection: Sql, prompt_id: str, given: Iterable[ChatTurn]) -> None:
    """Mark a message whose answer may be made of what must not leave, until it is known who has answered.

    Should this process die, what was said so far may hold some of it.
    """
    if any(turn.local_only for turn in given):
        turns.keep_from_cloud(connection, prompt_id, local_only=True)


def foresee_turn(connection: Sql, question: Question, fact_tokens: int) -> tuple[Begun, Given]:
    """What ``store_turn`` would find, with nothing stored or reserved; raises what ``store.turns.begin`` raises."""
    begun = turns.foresee(connection, question.user_id, question.session_id, question.parent_id)
    return begun, _give(connection, question, fact_tokens)


def _give(connection: Sql, question: Question, tokens: int) -> Given:
    """The facts for a prompt, by the locks that their sessions have now."""
    if not question.facts:
        return NOTHING
    sessions = {fact.session_id for fact in question.facts if fact.session_id is not None}
    known = learnt.open_sessions(connection, question.user_id, sessions)
    return give(closed_to(question.facts, known), tokens)
