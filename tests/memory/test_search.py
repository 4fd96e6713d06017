"""A person's words are words to look for, whatever characters stand between them."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from novakit.words import MOST_WORDS, words_of

from services.memory.app.facts.repository import FactsRepository, Telling
from services.memory.app.facts.words import telling_words_of
from tests.support.databases import BOTH, MadeDatabase

pytestmark = BOTH

SYNTAX = [
    '"',
    '""',
    "' OR 1=1 --",
    'user_id : "x"',
    "NEAR(a b, 2)",
    "a AND",
    "NOT a",
    "a* b^ -c +d",
    "{user_id text} : x",
    "(((",
    "facts_search",
    "a:b:*c & !d | <-> e",
    "²³ ª ⅷ ٣",
    "猫が好き",
]


@pytest.fixture
async def facts(database: MadeDatabase) -> AsyncIterator[FactsRepository]:
    engine = database.database.engine()
    repository = FactsRepository(engine)
    await repository.remember("01890000-0000-7000-8000-00000000000c", "user-1", Telling("The cat NOT here", False, 1))
    yield repository
    await engine.dispose()


any_text = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(SYNTAX)).map(" ".join))


@given(any_text)
def test_words_are_letters_and_digits_alone_and_few(text: str) -> None:
    for words in (words_of(text), telling_words_of(text)):
        assert all(word.isalnum() for word in words)
        assert len(words) <= MOST_WORDS
        assert set(words) <= set(words_of(text)) or len(words_of(text)) == MOST_WORDS


def test_common_words_tell_nothing_and_do_not_use_up_the_limit() -> None:
    assert telling_words_of("What is my cat called?") == ("cat", "called")
    assert telling_words_of("Wie heißt meine Katze?") == ("heißt", "Katze")
    assert telling_words_of("the " * 500 + "The END end") == ("END",)


@pytest.mark.parametrize("text", SYNTAX)
async def test_no_syntax_of_a_database_means_anything(facts: FactsRepository, text: str) -> None:
    found = await facts.recall("user-1", f"{text} cat", 5)
    assert [row["text"] for row in found] == ["The cat NOT here"]
    assert await facts.recall("user-2", f"{text} cat", 5) == []
    await facts.page("user-1", limit=5, cursor=None, query=text)


@examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=any_text)
@example(text='" OR "')
async def test_any_text_can_be_looked_for(facts: FactsRepository, text: str) -> None:
    for user in ("user-1", "user-2"):
        found = await facts.recall(user, text, 5)
        page = await facts.page(user, limit=5, cursor=None, query=text)
        assert user == "user-1" or not (found or (page.rows and text))
