"""Shortening a conversation."""

from hypothesis import given
from hypothesis import strategies as st

from services.local_model.app.engine.engine import Role, Turn
from services.local_model.app.engine.history import budget, shorten

ROLES: list[Role] = ["system", "user", "assistant"]
conversations = st.lists(st.builds(Turn, st.sampled_from(ROLES), st.text(max_size=50)), min_size=1, max_size=12)


def turn(role: Role, length: int = 84) -> Turn:
    return Turn(role, "x" * length)


def test_the_oldest_turns_go_first() -> None:
    turns = (turn("user"), turn("assistant"), turn("user"), turn("assistant"), Turn("user", "y" * 84))

    assert shorten(turns, tokens=500, limit=300) == turns[2:]


def test_system_turns_and_the_last_turn_stay() -> None:
    turns = (turn("system"), turn("user"), turn("system"), turn("assistant"), turn("user"))

    assert shorten(turns, tokens=500, limit=1) == (turns[0], turns[2], turns[4])


def test_at_least_one_turn_goes_even_where_the_estimate_says_that_all_fits() -> None:
    turns = (turn("user"), turn("assistant"), turn("user"))

    assert shorten(turns, tokens=10, limit=1000) == turns[1:]


def test_where_only_system_turns_and_the_last_are_left_nothing_can_go() -> None:
    assert shorten((turn("system"), turn("user")), tokens=500, limit=100) is None
    assert shorten((turn("user"),), tokens=500, limit=100) is None


@given(conversations, st.integers(1, 10_000), st.integers(1, 10_000))
def test_a_shortened_conversation_is_shorter_keeps_its_order_and_what_must_stay(
    turns: list[Turn], tokens: int, limit: int
) -> None:
    shorter = shorten(turns, tokens, limit)
    if shorter is None:
        assert all(turn.role == "system" for turn in turns[:-1])
        return
    rest = iter(turns)

    assert len(shorter) < len(turns)
    assert all(any(turn is other for other in rest) for turn in shorter)
    assert shorter[-1] is turns[-1]
    assert sum(turn.role == "system" for turn in shorter) == sum(turn.role == "system" for turn in turns)


def test_a_shortened_prompt_leaves_the_answer_what_it_asks_for_but_at_most_a_quarter() -> None:
    assert budget(4096, 100) == 3996
    assert budget(4096, 4000) == 3072
    assert budget(4096, None) == 3072
