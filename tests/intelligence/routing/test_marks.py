"""What a text shows of itself: code, mathematics, scripts; and what only looks like it."""

import unicodedata

import pytest

from services.intelligence.app.routing.marks import (
    EXTENSIONS,
    LINE_CHARS,
    MATH_SIGNS,
    SCRIPTS,
    Parted,
    Script,
    code_marks,
    has_formula,
    math_marks,
    part,
    script_share,
    traced,
)

SCRIPT_NAMES: dict[Script, tuple[str, ...]] = {
    "arabic": ("ARABIC",),
    "cjk": ("CJK", "KANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "MASU MARK"),
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


TRACES = [
    "Traceback (most recent call last):",
    '  File "a.py", line 3, in f',
    "    at com.foo.Bar.baz(Bar.java:12)",
    "    at Object.<anonymous> (/srv/app/index.js:10:5)",
    "   at Shop.Cart.Add(Item i) in /src/Cart.cs:line 12",
    "goroutine 1 [running]:",
    "thread 'main' panicked at src/main.rs:3:5",
    "from app.rb:12:in `run'",
    "app.rb:12:in `run'",
    "#0 /srv/index.php(12): run()",
    "main.c:12:5: error: expected ';'",
    "src/a.cpp:7: fatal error: no such file",
    "lib/a.ts:1:2: warning: unused",
]
NO_TRACES = [
    "the Traceback (most recent call last):",
    "a File in line 3",
    'File "a.py"',
    "at the meeting at 10:30",
    "at noon.\nthen home",
    "at a.b:c",
    "at home.sweet:12 o'clock",
    "goroutine 1",
    "thread 'main' ended",
    "app.rb:12:into",
    "#0 index.html(12)",
    "main.c:12:5: done",
    "note: error: none",
]


@pytest.mark.parametrize("line", TRACES)
def test_a_line_of_a_stack_trace_is_known(line: str) -> None:
    assert traced(line)
    assert traced(f"Why does this happen?\n{line}\nPlease help.")


@pytest.mark.parametrize("text", NO_TRACES)
def test_what_only_looks_like_a_stack_trace_is_none(text: str) -> None:
    assert not traced(text)


STATEMENTS = [
    "def add(a, b):",
    "async def add(a,",
    "class Cart:",
    "class Cart(Base, metaclass=Meta):",
    "function add(a, b)",
    "export default async function (a)",
    "func main()",
    "pub fn longest<'a>(x",
    "const x = items[0]",
    "export let total: number = 3",
    "var x =",
    "import os",
    "import numpy as np",
    "import java.util.List;",
    "import { a, b } from './c'",
    'import React from "react"',
    "from pathlib import Path",
    "from . import (",
    "#include <stdio.h>",
    '#include "a.h"',
    "#define MAX 3",
    "#ifdef X",
    "#ifndef X",
    "#endif",
    "#pragma once",
    "#!/bin/sh",
    "using System.Text;",
    "use std::fmt;",
    "package main;",
    "namespace Shop;",
    "for x in xs:",
    "for key, value in pairs.items():",
    "if x == 3:",
    "elif ready(x):",
    "if xs[0] or y:",
    "if is_ready:",
    "if a < b:",
    "while True:",
    "while not done:",
    "while (x):",
    "while x < 3:",
    "while read(f):",
    "with open(path) as f:",
    "try:",
    "else:",
    "finally:",
    "except:",
    "except ValueError:",
    "except a.ValueError as error:",
    "for f in *.txt; do",
    "if [ -f x ]; then",
    "while read x; do",
    "done",
    "fi",
    "esac",
    "print(x)",
    "a.b.c(1, 2);",
    "std::sort(v);",
    "p->run()",
    "@app.get('/')",
    "total = sum(xs)",
    "xs = [1, 2]",
    "xs = {",
    'name = "a"',
    "name = 'a'",
    "x: list[int] = []",
    "xs[0] = new Cart",
    "x = await it",
    "f = lambda x: x",
    "x = None",
    "x += [1]",
    "x -= f(1)",
    "x *= f(1)",
    "x := f(1)",
    "a, b := 1, 2",
    "return x;",
    "int x = 5;",
    "a[i] = b;",
    '<div class="a">text</div>',
    "<!DOCTYPE html>",
    "<p>",
    "SELECT a, b FROM users",
    "INSERT INTO users",
    "UPDATE users SET a = 1",
    "CREATE TABLE users",
    "$ npm install",
    "for (;;) {",
    ".box {",
    "}",
    "});",
    "],",
    "    return x",
    "\tyield x",
    "  raise it",
    "  pass",
    " break",
    " continue",
]
NO_STATEMENTS = [
    "",
    "   ",
    "define add(",
    "class act: a word",
    "class of 1984",
    "function of the heart",
    "functional (mostly)",
    "let it be",
    "const x",
    "import duties are high",
    "import it from there",
    "from here to there",
    "from time import",
    "#included",
    "#hashtag",
    "# include us",
    "use it; now",
    "using it",
    "for example:",
    "for all of us in need",
    "if you are in doubt:",
    "if (so) then",
    "while testing:",
    "with love:",
    "with the following (and more):",
    "try this:",
    "else",
    "except for you:",
    "if so; then go",
    "done.",
    "we are done",
    "print (this)",
    "see fig. (3)",
    "f(x) is it",
    "total = 5",
    "x = nobody",
    "x = None of it",
    "x = newer",
    "a : = b",
    "returned; thanks;",
    "return x",
    "the buyer (as defined above);",
    "apples;",
    "<context>",
    "<pair>",
    "< p >",
    "select it from the list",
    "INSERT COIN",
    "UPDATE users",
    "CREATE TABLES",
    "$ 5",
    "$5 note",
    "{name},",
    "(a)",
    "):-",
    "  returns to sender",
    "  the pass",
    "pass me the salt",
]


@pytest.mark.parametrize("line", STATEMENTS)
def test_each_line_that_is_a_statement_is_a_mark(line: str) -> None:
    words = code_marks(f"- {line} -")
    assert code_marks(line) == words + 1
    assert code_marks(f"{line}\nand so\n{line}  ") == words + 2


@pytest.mark.parametrize("line", NO_STATEMENTS)
def test_a_line_of_prose_is_none(line: str) -> None:
    assert code_marks(line) == 0


def test_a_statement_is_looked_for_at_the_beginning_of_a_line() -> None:
    assert code_marks("x" * (LINE_CHARS - 1) + "{") == 1
    assert code_marks("x" * LINE_CHARS + "{") == 0


WORDS = [
    "main.py",
    "look at user-list.tsx, please",
    "load_config",
    "a2_b1",
    "getName",
    "call it()",
    "it('a')",
    'it("a")',
    "it([1])",
    "it({a})",
    "app.get(x",
    "a TypeError here",
    "NullPointerException",
    "a == b",
    "a != b",
    "a === b",
    "a && b",
    "a || b",
    "std::sort is",
    "x += 1",
    "x -= 1",
    "`git rebase`",
]
NO_WORDS = [
    "report.pdf",
    "vitamin.cx",
    "main.pyx",
    "a.c",
    "_it_",
    "X_Y",
    "a_b",
    "ab_c",
    "JavaScript, YouTube, McDonald, iPhone, eBay, macOS, openSUSE",
    "a (b)",
    "item(s)",
    "f()",
    "e.g.(see below)",
    "i.e(x",
    "an Error",
    "an Exception",
    "ERROR",
    "TypeErrors",
    "=====",
    "a = b",
    "a =! b",
    "a & b | c",
    "a :: b",
    "+=1",
    "``",
    "`a\nb`",
]


@pytest.mark.parametrize("text", WORDS)
def test_each_kind_of_word_is_one_mark_however_often_it_comes(text: str) -> None:
    assert code_marks(f"so {text} and") == 1
    assert code_marks(f"so {text} and {text} then") == 1


@pytest.mark.parametrize("text", NO_WORDS)
def test_a_word_of_prose_is_no_mark(text: str) -> None:
    assert code_marks(f"so {text} and") == 0


def test_marks_of_different_kinds_add_up() -> None:
    assert code_marks("so main.py has load_config, it(), a TypeError, a != b and `c`") == 6


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_every_extension_names_a_file(extension: str) -> None:
    assert code_marks(f"the file main.{extension} is it") == 1


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
    assert math_marks("≤ ≥ ≈ ± × · → ° % $") == 0


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
