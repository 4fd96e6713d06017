"""The seam between a broken answer and the one that goes on with it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intelligence.app.routing.seam import HOLD_CHARS, Append, Divergent, Seam

TEXT = (
    "A circuit breaker watches the calls to one provider. While they succeed, it stays closed.\n\n"
    "After three failures in a row it opens, and for 60 seconds nobody is sent there:\n\n"
    "1. the caller is told at once,\n2. the provider can recover, and\n3. the next one answers.\n\n"
    "Then a single call, the *probe*, is let through. If it comes back whole, the circuit closes again; "
    "if it does not, the circuit opens for twice as long, up to 600 seconds. A provider that names a delay is "
    "believed for an hour at most. That is all there is to it, but few gateways get it right: they count a client "
    "that left as a failure, or they probe with prompts of their own."
)
TOKENS = [match.end() for match in re.finditer(r"\s*\w{1,4}|\s*[^\w\s]|\s+", TEXT)][:-1]
SHORT = "The quick brown fox jumps over the lazy dog."


def joined(shown: str, pieces: list[str]) -> tuple[str, Seam]:
    """What a reader has at the end, and the seam."""
    seam = Seam(shown)
    text = shown
    for out in [*(seam.feed(piece) for piece in pieces), seam.close()]:
        for piece in out:
            text = piece.text if isinstance(piece, Divergent) else text + piece.text
    return text, seam


def in_pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


SIZES = pytest.mark.parametrize("size", [1, 3, 7, 1000])


@SIZES
def test_an_exact_continuation_is_joined_as_it_is(size: int) -> None:
    for cut in TOKENS:
        assert joined(TEXT[:cut], in_pieces(TEXT[cut:], size))[0] == TEXT, cut


@SIZES
@pytest.mark.parametrize("words", [1, 2, 3, 5, 8, 20])
def test_the_last_words_said_again_are_said_once(size: int, words: int) -> None:
    for cut in TOKENS:
        starts = [match.start() for match in re.finditer(r"\S+", TEXT[:cut])]
        repeated = starts[-words] if len(starts) >= words else 0
        if _is_accident(TEXT[repeated:cut]):
            continue
        assert joined(TEXT[:cut], in_pieces(TEXT[repeated:], size))[0] == TEXT, cut


def _is_accident(repeated: str) -> bool:
    """A lone number, sign or piece of a short word: nobody could tell that it is a repetition."""
    return len(repeated.split()) == 1 and not (repeated.strip("\"'.,;:!?()*_`\n ").isalpha() and len(repeated) >= 4)


@SIZES
@pytest.mark.parametrize("spaces", [" ", "\n", "  \n "])
def test_a_restart_with_other_white_space_is_skipped_up_to_the_break(size: int, spaces: str) -> None:
    for cut in TOKENS:
        again = re.sub(r"\s+", spaces, TEXT[:cut].lstrip()) + TEXT[cut:]
        if len(TEXT[:cut].split()) < 5:
            continue
        text, _ = joined(TEXT[:cut], in_pieces(again, size))
        assert text.split() == TEXT.split(), cut


@SIZES
def test_a_restart_that_says_something_else_is_never_spliced(size: int) -> None:
    for cut in TOKENS:
        if len(TEXT[:cut].split()) < 7:
            continue
        other = " ".join(TEXT.split()[:5]) + " but in other words than before, and to another end."
        text, seam = joined(TEXT[:cut], in_pieces(other, size))
        assert (text, seam.kind) == (other, "divergent"), cut


@pytest.mark.parametrize(
    ("shown", "more", "text", "kind"),
    [
        ("The quick bro", "wn fox", "The quick brown fox", "continuation"),
        ("The quick bro", "quick brown fox", "The quick brown fox", "overlap"),
        ("The quick brow", "brown fox", "The quick brown fox", "overlap"),
        ("The quick ", "quick brown fox", "The quick brown fox", "overlap"),
        ("The quick\n", "quick\n\nbrown fox", "The quick\n\nbrown fox", "overlap"),
        ("such a", "a big one", "such a big one", "overlap"),
        ("I think that", " that is right", "I think that that is right", "continuation"),
        ("1", "1 apples", "11 apples", "continuation"),
        ("a", "ardvark", "aardvark", "continuation"),
        ("ha ha", " ha ha!", "ha ha ha ha!", "continuation"),
        ("0 0 ", "0 0 0", "0 0 0 0 0", "continuation"),
        ("The quick brown fox", "The lazy dog", "The quick brown foxThe lazy dog", "continuation"),
        ("The quick", "The quick", "The quick", "overlap"),
        ("The quick ", "The quick", "The quick ", "overlap"),
        ("", "All of it", "All of it", "continuation"),
        ("   ", "All of it", "   All of it", "continuation"),
        ("So far", "", "So far", "unknown"),
        ("So far", "  ", "So far  ", "unknown"),
        ("*", "*bold**", "**bold**", "continuation"),
        ("one two three", "th", "one two threeth", "continuation"),
        ("such a", "ab. So", "such aab. So", "continuation"),
        ("I play the Xylo", "Xylophone", "I play the Xylophone", "overlap"),
    ],
)
@SIZES
def test_small_cases(shown: str, more: str, text: str, kind: str, size: int) -> None:
    got, seam = joined(shown, in_pieces(more, size))
    assert (got, seam.kind) == (text, kind)


@pytest.mark.parametrize(("run", "more"), [("\n\n", ""), (" \n", "\n"), (" ", "")])
@SIZES
def test_the_white_space_at_a_break_is_not_doubled_by_a_restart(run: str, more: str, size: int) -> None:
    shown = " ".join(f"word{number}" for number in range(60))
    text, seam = joined(f"{shown} ", in_pieces(f"{shown}{run}and on.", size))
    assert (text, seam.kind) == (f"{shown} {more}and on.", "restart")


def test_a_restart_that_stops_before_the_break_leaves_the_answer_as_it_was() -> None:
    text, seam = joined(TEXT[:400], in_pieces(TEXT[:300], 5))
    assert (text, seam.kind) == (TEXT[:400], "restart")


@pytest.mark.parametrize("words", [4, 5])
def test_five_words_of_the_opening_make_a_restart(words: int) -> None:
    shown = SHORT
    other = " ".join(SHORT.split()[:words]) + " sleeps."
    text, seam = joined(shown, [other])
    assert (seam.kind, text) == (("divergent", other) if words == 5 else ("continuation", shown + other))


@pytest.mark.parametrize(
    ("shown", "other", "restart"),
    [
        ("The quick brown fox jumps over it.", "The quick brown fox jumping is fun.", False),
        ("The quick brown fox jumps over it.", "The quick brown fox jogs.", False),
        ("The quick brown fox jumps over it.", "The quick brown fox jumps, and how.", True),
        ("The quick brown fox jumps over it.", "The quick brown fox jumps on.", True),
        ("a b c d e fgh ijk", "a b c d e fxx.", True),
        ("a b c d efgh ijk", "a b c d exx.", False),
    ],
)
@SIZES
def test_of_the_opening_s_words_only_whole_ones_count(shown: str, other: str, restart: bool, size: int) -> None:
    text, seam = joined(shown, in_pieces(other, size))
    assert (text, seam.kind) == ((other, "divergent") if restart else (shown + other, "continuation"))


class TestAtOnce:
    """What is clear is passed on without waiting for more."""

    def test_a_head_that_repeats_nothing(self) -> None:
        assert Seam("The quick brown fox").feed("Xyz") == (Append("Xyz"),)

    def test_what_follows_a_repetition(self) -> None:
        assert Seam("The quick brown fox").feed("brown fox jumps") == (Append(" jumps"),)

    def test_what_follows_an_answer_that_took_the_place_of_the_first(self) -> None:
        seam = Seam(SHORT)
        other = "The quick brown fox jumps twice."
        assert seam.feed(other) == (Divergent(other),)
        assert seam.feed(" And again.") == (Append(" And again."),)


def test_no_more_is_held_back_than_what_may_be_needed_to_decide() -> None:
    shown = "word " * 3 + "one two three four five six seven eight nine ten " * 8
    for more in (TEXT, "one two three four " * 40, shown[-150:] + TEXT, "nothing of the kind " * 30):
        seam = Seam(shown)
        held = 0
        for character in more:
            out = seam.feed(character)
            held = 0 if out or seam.kind != "unknown" else held + 1
            assert held < HOLD_CHARS


def test_pieces_are_never_empty() -> None:
    seam = Seam("The quick ")
    pieces = ("quick", " ", "", "brown", "")
    out = [*(piece for text in pieces for piece in seam.feed(text)), *seam.close()]
    assert out == [Append("brown")]
    assert Seam("The quick").close() == ()


WORDS = st.text("ab 1\n.", max_size=40)


@given(shown=WORDS, more=WORDS, size=st.integers(1, 10))
def test_how_the_text_is_cut_into_pieces_changes_nothing(shown: str, more: str, size: int) -> None:
    assert joined(shown, in_pieces(more, size))[0] == joined(shown, [more])[0]


@given(shown=WORDS, more=WORDS)
def test_no_word_is_made_up_and_the_end_is_that_of_the_new_text(shown: str, more: str) -> None:
    text, seam = joined(shown, [more])
    if seam.kind == "divergent":
        assert text == more
    else:
        assert text.startswith(shown)
        assert more.rstrip().endswith(text[len(shown) :].rstrip()) or not text[len(shown) :].strip()
