"""What bears marks of code, and what only looks like it."""

import pytest

from services.intelligence.app.routing.marks import EXTENSIONS, LINE_CHARS, code_marks, traced

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
