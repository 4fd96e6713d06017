"""What a text shows of itself: its parts, mathematics, scripts; and what only looks like it."""

import unicodedata

import pytest

from services.intelligence.app.routing.marks import (
    MATH_SIGNS,
    SCRIPTS,
    Parted,
    Script,
    has_formula,
    math_marks,
    part,
    script_share,
)

SCRIPT_NAMES: dict[Script, tuple[str, ...]] = {
    "arabic": ("ARABIC",),
    "cjk": ("CJK", "HIRAGANA", "KATAKANA", "VERTICAL KANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "MASU MARK"),
    "cyrillic": ("CYRILLIC",),
    "devanagari": ("DEVANAGARI",),
    "hebrew": ("HEBREW",),
    "thai": ("THAI",),
}
LETTERS = [chr(point) for point in range(0x40000) if chr(point).isalpha()]


class TestParts:
    def test_a_fenced_block_is_taken_out(self) -> None:
        assert part("Why?\n```python\nx = 1\n```\nThanks") == Parted("Why?\nThanks", fenced=True)
        assert part("Why?\n   ~~~\nx = 1\n~~~~\nThanks") == Parted("Why?\nThanks", fenced=True)

    def test_a_block_that_is_not_closed_goes_on_to_the_end(self) -> None:
        assert part("Why?\n```\nx = 1") == Parted("Why?", fenced=True)

    def test_a_block_is_closed_by_what_opened_it(self) -> None:
        assert part("~~~\n```\nx\n~~~\nafter") == Parted("after", fenced=True)
        assert part("```\n~~~\nx\n```\nafter") == Parted("after", fenced=True)

    def test_after_a_block_another_one_may_come(self) -> None:
        assert part("```\n```\nbetween\n```\nx\n```\nafter") == Parted("between\nafter", fenced=True)

    @pytest.mark.parametrize("text", ["```\n```", "```\n  \n\n```", "```", "Why?\n```"])
    def test_an_empty_block_is_none(self, text: str) -> None:
        assert not part(text).fenced

    @pytest.mark.parametrize("text", ["    ```\nx\n", "so ```\nx\n", "``\nx\n``", "```x``` it\ny", "--~~~\nx"])
    def test_what_is_no_fence_stays(self, text: str) -> None:
        assert part(text) == Parted(text, fenced=False)

    def test_web_addresses_are_taken_out(self) -> None:
        assert part("See https://a.example/x_y?b==2&&c and ftp://h/main.py.") == Parted("See   and  ", fenced=False)

    def test_other_text_stays_as_it_is(self) -> None:
        assert part(" a\n\n b: //c \n") == Parted(" a\n\n b: //c \n", fenced=False)


FORMULAS = [
    r"\frac{a}{b}",
    r"\dfrac12",
    r"\tfrac12",
    r"$\int_0^1$",
    r"2\pi",
    r"x \in A",
    r"a\le b",
    r"a\leq b",
    r"\begin{align} a",
    r"\begin{pmatrix}",
    r"\begin{matrix}",
    *(
        rf"\{name} x"
        for name in (
            "sqrt", "sum", "prod", "int", "lim", "infty", "partial", "nabla", "cdot", "times", "ge", "geq", "neq",
            "approx", "equiv", "mathbb", "mathrm", "alpha", "beta", "gamma", "delta", "theta", "lambda", "sigma",
            "pi", "in", "forall", "exists",
        )
    ),
    *(rf"\begin{{{name}}}" for name in ("equation", "gather", "cases", "bmatrix", "vmatrix")),
]  # fmt: skip
NO_FORMULAS = [r"frac", r"C:\pi\x", r"\\sum", r"\index", r"\information", r"\begin{document}", r"\ pi", "pi/2"]


@pytest.mark.parametrize("text", FORMULAS)
def test_latex_is_known(text: str) -> None:
    assert has_formula(text)
    assert has_formula(f"What is ${text}$?")


@pytest.mark.parametrize("text", NO_FORMULAS)
def test_what_only_looks_like_latex_is_not(text: str) -> None:
    assert not has_formula(text)


EXPRESSIONS = [
    "x^2",
    "10^6",
    "(x+1)^2",
    "e^{x}",
    "e^(x)",
    "2^-3",
    "x^n",
    "a²",
    "is r² it",
    "2x + 3",
    "3x-1",
    "2z = 1",
    "x = 3",
    "y = -2",
    "y=+2",
    "f(x) = 2",
    "11 = x",
    "b² = (a",
    r"x = \a",
    "2k = 5",
]
NO_EXPRESSIONS = [
    "^_^ or ^2",
    "[^1]",
    "x ^ 2",
    "m²",
    "km² and 3 m²",
    "bar²",
    "2x faster",
    "2x - fast",
    "5k - 10k",
    "a2x + 3",
    "1.2x + 3",
    "price = 5",
    "v1.x = 5",
    "x = ?",
    "x == 3",
    "5 + 7",
    "gf(x) = 2",
    "f(xy) = 2",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_each_kind_of_expression_is_a_mark(text: str) -> None:
    assert math_marks(text) >= 1
    assert math_marks(f"so {text} and {text}") == math_marks(text)


@pytest.mark.parametrize("text", NO_EXPRESSIONS)
def test_what_is_no_expression_is_no_mark(text: str) -> None:
    assert math_marks(text) == 0


def test_a_power_a_term_and_an_equation_are_three_marks() -> None:
    assert math_marks("x^2") == 1
    assert math_marks("2x + 3 and x^2") == 2
    assert math_marks("x^2, 2x + 3, y = 4") == 3


def test_each_different_sign_is_a_mark() -> None:
    for sign in MATH_SIGNS:
        assert math_marks(f"so {sign} and {sign}") == 1
    assert math_marks(MATH_SIGNS) == len(MATH_SIGNS)
    assert math_marks("≤ ≥ ≈ ± · → ° % $") == 0


def is_of(letter: str, script: Script) -> bool:
    """Whether Unicode names a letter after the script. Past the first plane only Chinese characters are in use."""
    name = unicodedata.name(letter, "")
    if letter > "\uffff":
        return script == "cjk" and name.startswith("CJK ")
    return any(word in name for word in SCRIPT_NAMES[script])


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_has_all_letters_that_unicode_names_after_it_and_no_others(script: Script) -> None:
    own = [letter for letter in LETTERS if is_of(letter, script)]
    others = [letter for letter in LETTERS if not is_of(letter, script)]
    assert len(own) > 50
    assert [hex(ord(letter)) for letter in own if script_share(letter, script) != 1.0] == []
    share = script_share("".join(others), script)
    assert share == 0.0


def test_the_share_is_that_of_the_letters() -> None:
    assert script_share("да or no, 123 !!!", "cyrillic") == 2 / 6
    assert script_share("да", "cyrillic") == 1.0
    assert script_share("дa", "cyrillic") == 0.5
    assert script_share("да", "thai") == 0.0


def test_signs_that_are_no_letters_do_not_count() -> None:
    assert script_share("नमस्ते", "devanagari") == 1.0
    assert script_share("१२ a", "devanagari") == 0.0


@pytest.mark.parametrize("text", ["", "123 !", "—…", "plain"])
def test_without_letters_of_a_script_its_share_is_none(text: str) -> None:
    assert [script_share(text, script) for script in SCRIPTS] == [0.0] * len(SCRIPTS)
