"""What of a conversation a model is given."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.intelligence.app.domain.chat import ChatTurn, Locality
from services.intelligence.app.routing.history import ANSWER_SHARE, TURN_OVERHEAD_TOKENS, estimated_tokens, fit

LAWS = settings(derandomize=True, deadline=None, database=None, max_examples=100)
LOCALITIES: st.SearchStrategy[Locality] = st.sampled_from(["local", "cloud"])
TURNS = st.lists(
    st.builds(
        ChatTurn,
        role=st.sampled_from(["system", "user", "assistant"]),
        text=st.text(alphabet="aé中🙂 ", max_size=120),
        local_only=st.booleans(),
    ),
    max_size=12,
)


def user(text: str, *, local_only: bool = False) -> ChatTurn:
    return ChatTurn("user", text, local_only)


def assistant(text: str, *, local_only: bool = False) -> ChatTurn:
    return ChatTurn("assistant", text, local_only)


SYSTEM = ChatTurn("system", "Be brief.")
TALK = (SYSTEM, user("one " * 40), assistant("two " * 40), user("three " * 40), assistant("four " * 40), user("five"))


def cost(*turns: ChatTurn) -> int:
    return sum(estimated_tokens(turn.text) + TURN_OVERHEAD_TOKENS for turn in turns)


def context_for(*turns: ChatTurn) -> int:
    """The smallest context in which these turns and an answer have room."""
    context = int(cost(*turns) / (1 - ANSWER_SHARE))
    while int(context * (1 - ANSWER_SHARE)) < cost(*turns):
        context += 1
    return context


class TestEstimatedTokens:
    def test_four_characters_are_a_token_and_a_part_counts_whole(self) -> None:
        assert [estimated_tokens(text) for text in ("", "a", "abcd", "abcde")] == [0, 1, 1, 2]

    def test_latin_letters_with_accents_count_like_any_letter(self) -> None:
        assert estimated_tokens("é" * 8) == 2

    def test_each_character_of_another_script_is_a_token(self) -> None:
        assert estimated_tokens("断路器是什么") == 6
        assert estimated_tokens("abcd断") == 2
        assert estimated_tokens("🙂") == 1

    def test_half_a_surrogate_pair_does_not_break_it(self) -> None:
        assert estimated_tokens("\ud83d") == 1


class TestFit:
    def test_a_conversation_with_room_is_given_whole(self) -> None:
        assert fit(TALK, context_tokens=context_for(*TALK), locality="local") == TALK

    def test_a_quarter_of_the_context_is_kept_for_the_answer(self) -> None:
        whole = (user("a" * 400), assistant("b" * 400), user("c" * 400))
        assert fit(whole, context_tokens=432, locality="local") == whole
        assert fit(whole, context_tokens=431, locality="local") == (whole[2],)

    def test_the_oldest_turns_go_first_and_an_answer_goes_with_its_question(self) -> None:
        assert fit(TALK, context_tokens=context_for(*TALK) - 1, locality="local") == (SYSTEM, *TALK[3:])

    def test_without_room_the_system_and_the_last_turn_stay(self) -> None:
        assert fit(TALK, context_tokens=0, locality="local") == (SYSTEM, user("five"))

    def test_an_older_turn_that_would_fit_does_not_jump_over_one_that_does_not(self) -> None:
        talk = (user("hi"), assistant("long " * 400), user("now"))
        assert fit(talk, context_tokens=100, locality="local") == (talk[2],)

    def test_what_was_marked_local_is_not_given_to_the_cloud(self) -> None:
        secret = (user("a secret", local_only=True), assistant("kept", local_only=True))
        assert fit((SYSTEM, *secret, user("next")), context_tokens=8192, locality="cloud") == (SYSTEM, user("next"))
        assert fit((SYSTEM, *secret, user("next")), context_tokens=8192, locality="local") == (
            SYSTEM,
            *secret,
            user("next"),
        )

    def test_where_all_was_marked_local_the_cloud_gets_nothing(self) -> None:
        assert fit((user("a secret", local_only=True),), context_tokens=8192, locality="cloud") == ()

    def test_an_empty_conversation_stays_empty(self) -> None:
        assert fit((), context_tokens=8192, locality="local") == ()


@LAWS
@given(TURNS, st.integers(0, 600), LOCALITIES)
def test_nothing_that_was_marked_local_reaches_the_cloud(
    turns: list[ChatTurn], context: int, where: Locality
) -> None:
    given = fit(turns, context_tokens=context, locality=where)
    assert where == "local" or not any(turn.local_only for turn in given)


@LAWS
@given(TURNS, st.integers(0, 600), LOCALITIES)
def test_what_is_kept_beyond_the_system_and_the_last_turn_never_exceeds_the_room(
    turns: list[ChatTurn], context: int, where: Locality
) -> None:
    given = fit(turns, context_tokens=context, locality=where)
    if any(turn.role != "system" for turn in given[:-1]):
        assert cost(*given) <= context * (1 - ANSWER_SHARE)


@LAWS
@given(TURNS, st.integers(0, 600), LOCALITIES)
def test_the_system_turns_and_the_last_one_always_stay(turns: list[ChatTurn], context: int, where: Locality) -> None:
    allowed = [turn for turn in turns if where == "local" or not turn.local_only]
    assume(allowed)
    given = fit(turns, context_tokens=context, locality=where)
    assert given[-1] is allowed[-1]
    assert [turn for turn in given[:-1] if turn.role == "system"] == [
        turn for turn in allowed[:-1] if turn.role == "system"
    ]


@LAWS
@given(TURNS, st.integers(0, 600), LOCALITIES)
def test_no_answer_without_its_question_opens_a_conversation_that_a_user_ends(
    turns: list[ChatTurn], context: int, where: Locality
) -> None:
    given = fit([*turns, user("now")], context_tokens=context, locality=where)
    spoken = [turn for turn in given if turn.role != "system"]
    assert spoken[0].role == "user"


@LAWS
@given(TURNS, st.integers(0, 600), LOCALITIES)
def test_what_is_kept_of_the_talk_is_its_newest_part_in_its_order(
    turns: list[ChatTurn], context: int, where: Locality
) -> None:
    talk = [turn for turn in turns if turn.role != "system" and (where == "local" or not turn.local_only)]
    given = [turn for turn in fit(turns, context_tokens=context, locality=where) if turn.role != "system"]
    assert given == talk[len(talk) - len(given) :]
