"""Rules by kind of message: how they are read, what is measured where, and which one applies."""
# ruff: noqa: RUF001 (other scripts are meant)

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.intelligence.app.domain.chat import ChatTurn, Role
from services.intelligence.app.routing.history import turn_tokens
from services.intelligence.app.routing.marks import SCRIPTS
from services.intelligence.app.routing.rules import (
    KINDS,
    LONG_TOKENS,
    SCRIPT_SHARE,
    SEEN_CHARS,
    SHORT_HISTORY_TOKENS,
    SHORT_TOKENS,
    Kind,
    Rule,
    applying,
    at_least,
    classify,
    parse_rules,
)
from tests.support.patience import PATIENCE_SEC, quickest

LAWS = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=200,
    # `make mutate` runs the tests of a class several times in one process.
    suppress_health_check=[HealthCheck.differing_executors],
)
OVERHEAD = 8
"""Tokens of a turn beside those of its text."""
FENCED = "```\nx\n```"


def user(text: str) -> ChatTurn:
    return ChatTurn("user", text)


def tokens(count: int, role: Role = "user") -> ChatTurn:
    """A turn whose text is estimated at so many tokens."""
    return ChatTurn(role, "word" * count)


def kinds(*turns: ChatTurn) -> set[Kind]:
    return set(classify(turns))


class TestReading:
    def test_rules_stand_in_their_order_and_name_providers_in_theirs(self) -> None:
        assert parse_rules("long:gemini>openai, code:openai>gemini, short:ollama") == (
            Rule("long", ("gemini", "openai")),
            Rule("code", ("openai", "gemini")),
            Rule("short", ("ollama",)),
        )

    def test_case_spaces_and_empty_places_do_not_matter(self) -> None:
        assert parse_rules(" LONG : Gemini > my-row ,, ") == (Rule("long", ("gemini", "my-row")),)
        assert parse_rules("") == parse_rules(" , ") == ()

    @pytest.mark.parametrize("kind", KINDS)
    def test_there_is_a_rule_for_every_kind(self, kind: Kind) -> None:
        assert parse_rules(f"{kind}:x") == (Rule(kind, ("x",)),)

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("long", "'long' is not a kind of message, a colon and providers, as in long:gemini>openai."),
            ("a:b, gemini>openai", "'a' is no kind of message; there are " + ", ".join(KINDS) + "."),
            ("gemini", "'gemini' is not a kind of message, a colon and providers, as in long:gemini>openai."),
            ("short:x, huge :gemini", "'huge' is no kind of message; there are " + ", ".join(KINDS) + "."),
            (":gemini", "'' is no kind of message; there are " + ", ".join(KINDS) + "."),
            ("long:", "'long:' lacks the name of a provider; it is written as in long:gemini>openai."),
            ("long:>x", "'long:>x' lacks the name of a provider; it is written as in long:gemini>openai."),
            ("long:x> ", "'long:x>' lacks the name of a provider; it is written as in long:gemini>openai."),
            ("long:x>y>X", "'long:x>y>X' names a provider twice."),
            ("long:x, Long:y", "long has two rules, of which only the first could apply."),
        ],
    )
    def test_what_cannot_be_read_is_told_in_one_sentence(self, text: str, sentence: str) -> None:
        with pytest.raises(ValueError, match=r".") as refused:
            parse_rules(text)
        assert str(refused.value) == sentence

    @LAWS
    @given(
        st.lists(
            st.builds(
                Rule,
                st.sampled_from(KINDS),
                st.lists(st.sampled_from(["ollama", "gemini", "my-row_2"]), min_size=1, unique=True).map(tuple),
            ),
            unique_by=lambda rule: rule.kind,
        )
    )
    def test_a_rule_is_written_as_it_is_read(self, rules: list[Rule]) -> None:
        assert parse_rules(",".join(map(str, rules))) == tuple(rules)


class TestSize:
    def test_a_message_is_short_up_to_its_limit(self) -> None:
        assert "short" in kinds(tokens(SHORT_TOKENS))
        assert "short" not in kinds(user("word" * SHORT_TOKENS + "w"))

    def test_a_letter_outside_latin_1_is_a_token_of_its_own(self) -> None:
        assert "short" in kinds(user("д" * SHORT_TOKENS))
        assert "short" not in kinds(user("д" * (SHORT_TOKENS + 1)))

    @pytest.mark.parametrize("role", ["system", "user", "assistant"])
    def test_all_other_turns_together_have_a_limit_too(self, role: Role) -> None:
        half = tokens(SHORT_HISTORY_TOKENS // 2 - OVERHEAD, role)
        assert "short" in kinds(half, half, user("Hi"))
        assert "short" not in kinds(half, tokens(SHORT_HISTORY_TOKENS // 2 - OVERHEAD + 1, role), user("Hi"))

    def test_a_message_may_be_as_long_as_a_short_one_beside_a_full_history(self) -> None:
        assert "short" in kinds(tokens(SHORT_HISTORY_TOKENS - OVERHEAD, "system"), tokens(SHORT_TOKENS))

    def test_the_message_is_the_last_one_of_the_user(self) -> None:
        short = user("Hi")
        assert "short" in kinds(tokens(60), short, ChatTurn("assistant", "Hello!"))
        assert "short" not in kinds(short, tokens(60), ChatTurn("assistant", "Hello!"))

    def test_two_turns_that_are_the_same_count_twice(self) -> None:
        turn = tokens(SHORT_TOKENS)
        assert "short" in kinds(*[user(turn.text) for _ in range(9)])
        assert "short" not in kinds(*[user(turn.text) for _ in range(10)])

    def test_a_conversation_is_long_from_its_limit_on(self) -> None:
        assert "long" in kinds(tokens(LONG_TOKENS - OVERHEAD))
        assert "long" not in kinds(tokens(LONG_TOKENS - OVERHEAD - 1))

    @pytest.mark.parametrize("role", ["system", "user", "assistant"])
    def test_all_turns_make_a_conversation_long(self, role: Role) -> None:
        before = tokens(LONG_TOKENS - 2 * OVERHEAD - 1, role)
        assert "long" in kinds(before, tokens(1))
        assert "long" not in kinds(before, user(""))

    def test_many_small_turns_make_one_too(self) -> None:
        assert "long" in kinds(*[user("")] * (LONG_TOKENS // OVERHEAD))
        assert "long" not in kinds(*[user("")] * (LONG_TOKENS // OVERHEAD - 1))

    def test_a_conversation_without_a_message_is_measured_all_the_same(self) -> None:
        assert classify([]) == ("short",)
        assert classify([ChatTurn("system", FENCED)]) == ("short",)
        assert classify([tokens(LONG_TOKENS, "assistant")]) == ("long",)

    def test_in_between_it_is_neither(self) -> None:
        assert kinds(tokens(SHORT_TOKENS + 1)) == set()

    @LAWS
    @given(
        st.integers(1, 60),
        st.lists(st.builds(ChatTurn, st.just("user"), st.text(alphabet="aдß", max_size=60)), max_size=6),
    )
    def test_counting_stops_early_without_changing_the_count(self, limit: int, turns: list[ChatTurn]) -> None:
        assert at_least(limit, turns) == (sum(map(turn_tokens, turns)) >= limit)

    def test_no_more_turns_are_read_than_it_takes(self) -> None:
        def turns() -> Iterator[ChatTurn]:
            yield tokens(LONG_TOKENS // 2)
            yield tokens(LONG_TOKENS // 2)
            raise AssertionError("this one is not needed")

        assert at_least(LONG_TOKENS, turns())


class TestContent:
    def test_code_is_measured_in_the_message_alone(self) -> None:
        assert "code" in kinds(user("Hi"), user(FENCED))
        assert "code" in kinds(user(FENCED), ChatTurn("assistant", "Well"))
        assert "code" not in kinds(user(FENCED), ChatTurn("assistant", FENCED), user("Thanks"))
        assert "code" not in kinds(ChatTurn("system", FENCED), user("Hi"))

    def test_one_mark_of_code_is_not_enough_and_two_are(self) -> None:
        assert "code" not in kinds(user("Look at main.py"))
        assert "code" in kinds(user("Look at load_config in main.py"))

    def test_a_line_of_a_stack_trace_is_enough(self) -> None:
        assert "code" in kinds(user("It says\n  at Cart.add (cart.js:3:7)"))

    def test_one_mark_of_mathematics_is_not_enough_and_two_are(self) -> None:
        assert "math" not in kinds(user("What is x^2?"))
        assert "math" in kinds(user("What is x^2 for x = 3?"))

    def test_one_command_of_latex_is_enough(self) -> None:
        assert "math" in kinds(user(r"What is \pi?"))

    def test_code_is_no_mathematics(self) -> None:
        assert kinds(user("x^2 = 3 for x = 3\n" + FENCED)) == {"short", "code"}
        assert kinds(user(r"\pi in load_config of main.py")) == {"short", "code"}

    def test_what_stands_in_a_fenced_block_is_no_mathematics_and_no_script(self) -> None:
        assert kinds(user("Why?\n```\nпривет ∫ ∑ x^2\n```")) == {"short", "code"}

    @pytest.mark.parametrize("script", SCRIPTS)
    def test_a_quarter_of_the_letters_makes_a_script_and_less_does_not(self, script: Kind) -> None:
        letter = {"arabic": "ب", "cjk": "你", "cyrillic": "ж", "devanagari": "क", "hebrew": "ש", "thai": "ก"}[script]
        others = round(1 / SCRIPT_SHARE) - 1
        assert script in kinds(user(letter + " a" * others))
        assert script not in kinds(user(letter + " a" * (others + 1)))

    def test_the_scripts_of_languages_are_told(self) -> None:
        said: dict[Kind, tuple[str, ...]] = {
            "arabic": ("ما هي عاصمة مصر؟", "این چیست؟"),
            "cjk": ("什么是断路器？", "回路とは何ですか？", "회로가 무엇인가요?", "請用 Python 寫一個程式"),
            "cyrillic": ("Что такое автоматический выключатель?", "Translate into English: добрый день, друзья"),
            "devanagari": ("सर्किट ब्रेकर क्या है?",),
            "hebrew": ("מהו מפסק זרם?",),
            "thai": ("เบรกเกอร์คืออะไร",),
        }  # fmt: skip
        for kind, texts in said.items():
            for text in texts:
                assert kinds(user(text)) == {"short", kind}

    def test_languages_in_latin_or_greek_letters_have_no_kind(self) -> None:
        for text in ("What is it?", "Qu’est-ce que c’est ?", "Größe", "Τι είναι αυτό;", "Ne haber?", "42"):
            assert kinds(user(text)) == {"short"}


class TestWhatIsSeen:
    def test_a_message_is_looked_at_whole_up_to_a_length(self) -> None:
        text = "\n" * (SEEN_CHARS // 2 - 4) + FENCED
        assert "code" in kinds(user(text + "\n" * (SEEN_CHARS - len(text))))

    def test_a_longer_one_is_looked_at_from_both_ends(self) -> None:
        half = SEEN_CHARS // 2
        assert "code" in kinds(user(FENCED + "." * SEEN_CHARS * 2))
        assert "code" in kinds(user("." * SEEN_CHARS * 2 + "\n" + FENCED))
        assert "code" not in kinds(user("." * half + "\n" + FENCED + "\n" + "." * half))

    def test_each_half_is_seen_to_its_last_character(self) -> None:
        half = SEEN_CHARS // 2
        sign = "∫∑"
        assert "math" in kinds(user("." * (half - 2) + sign + "." * SEEN_CHARS))
        assert "math" not in kinds(user("." * (half - 1) + sign + "." * SEEN_CHARS))
        assert "math" in kinds(user("." * SEEN_CHARS + sign + "." * (half - 2)))
        assert "math" not in kinds(user("." * SEEN_CHARS + sign + "." * (half - 1)))

    def test_the_two_halves_are_not_read_as_one(self) -> None:
        ends, begins = " load_config main.p", "y, please"
        before, after = ("." * (SEEN_CHARS // 2 - len(text)) for text in (ends, begins))
        assert "code" in kinds(user(ends + begins))
        assert "code" not in kinds(user(f"{before}{ends}{'x' * SEEN_CHARS}{begins}{after}"))

    @pytest.mark.parametrize(
        "piece",
        [
            "a", "(", "a(", "if (", "if ((\n", "a.", "a_", "_", "aA", "`", "``\n", "```\n", "at ",
            "at a.b\n", "= ", "x = ", "x=", "=", "<div ", "SELECT ", "SELECT a FROM ", "import x ",
            "import x from\n", "é ", "你", "\\", "\\frac", "^", "x^", "1", "1x+", "http://", "a://", "a.py",
            "a::", "a->", "\n", "\n ", "\t", "foo(", "foo((\n", "{", "},", "[", "'", '"', 'File "', "Ab",
            "abcAbc", "let x: ", "a, b, c := ", "𠀀", "क", "x²", "a.b.c.d.e(", "for a in b", "= a;",
            "#1 x.php", "a/b.c:1:2: ", "a[", "x: ", "a =\n", "with a(", "while a.b", "from a.b import ",
            " ;", ":\n",
        ],
    )  # fmt: skip
    def test_hostile_text_costs_no_more_than_any_other(self, piece: str) -> None:
        text = (piece * (32_000 // len(piece) + 1))[:32_000]
        assert quickest(lambda: classify([user(text)])) < PATIENCE_SEC


class TestApplying:
    rules = parse_rules("long:a, code:b, short:c")

    def test_the_first_rule_of_whose_kind_a_conversation_is_applies(self) -> None:
        assert applying(self.rules, [user("Hi")]) == self.rules[2]
        assert applying(self.rules, [user(FENCED)]) == self.rules[1]
        assert applying(self.rules, [user("." * 9000), user(FENCED)]) == self.rules[0]

    def test_without_one_none_does(self) -> None:
        assert applying(self.rules, [tokens(SHORT_TOKENS + 1)]) is None
        assert applying((), [user("Hi")]) is None

    @LAWS
    @given(
        st.lists(st.sampled_from(KINDS), unique=True),
        st.sampled_from(["Hi", FENCED, "привет", "你好 x = 3 x^2", "word " * 2000, "word " * 60]),
    )
    def test_it_is_one_of_the_kinds_that_are_told(self, order: list[Kind], text: str) -> None:
        told = classify([user(text)])
        first = next((kind for kind in order if kind in told), None)
        found = applying([Rule(kind, ("x",)) for kind in order], [user(text)])
        assert (None if found is None else found.kind) == first

    def test_kinds_are_told_in_their_documented_order(self) -> None:
        assert classify([user("word " * 2000 + "привет" * 100 + "\n" + FENCED)]) == ("long", "code")
        assert classify([user("привет x^2, x = 3")]) == ("short", "math", "cyrillic")
        assert ("short", "long", "code", "math", *SCRIPTS) == KINDS
