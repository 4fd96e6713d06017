"""Whole messages as people write them: which of them are code or mathematics, and which are neither."""
# ruff: noqa: RUF001 (the signs are meant)

import pytest

from services.intelligence.app.domain.chat import ChatTurn
from services.intelligence.app.routing.rules import Kind, classify

CODE = [
    "```python\nx\n```",
    "Fix this:\n~~~\nfoo\n~~~",
    'Traceback (most recent call last):\n  File "a.py", line 3\nwhat is that?',
    "Why?\n    at com.foo.Bar.baz(Bar.java:12)",
    "Why?\n    at Object.<anonymous> (/srv/app/index.js:10:5)",
    "panic\ngoroutine 1 [running]:\nmain.main()",
    "thread 'main' panicked at src/main.rs:3:5",
    "main.c:12:5: error: expected ';'",
    "src/app.rb:12:in `foo'",
    "def add(a, b):\n    return a + b\n\nIs this right?",
    "for (int i = 0; i < n; i++) {\n  sum += a[i];\n}",
    "What does this do?\nconst x = items.map(i => i.id);\nconsole.log(x);",
    "SELECT name FROM users WHERE id = 3;\nwhy is `name` null?",
    "In main.py the function load_config() fails",
    "Why does print('a' + 5) raise a TypeError?",
    "import os\nfrom pathlib import Path\n\nprint(os.getcwd())",
    "#include <stdio.h>\nint main() {\n  return 0;\n}",
    '<div class="a">\n<span>hi</span>\n</div>\ncentre this',
    'fn main() {\n    println!("hi");\n}',
    "x := 5\nfmt.Println(x)",
    "if x == 3 && y != 4 then what in `foo`?",
    'public static void main(String[] args) {\n    System.out.println("x");\n}',
    "$ npm install\nnpm ERR! code ERESOLVE in package.json",
    "let total = 0;\nfor (const v of values) total += v;",
    "class Foo(Bar):\n    pass",
    "Rename getUserName to get_user_name in user_service.py",
    'for f in *.txt; do\n  echo "$f"\ndone',
    '{\n  "a": 1\n}\nIs this valid?',
    "CREATE TABLE users (id int);\nINSERT INTO users VALUES (1);",
    "Warum gibt len(x) hier ein TypeError, wenn x aus `foo()` kommt?",
    "def f(x):\n\treturn x",
    "app.get('/', (req, res) => {\n  res.send('hi');\n});",
    "while True:\n    data = sock.recv(1024)\n    if not data:\n        break",
    "using System;\nnamespace Foo;\npublic class Bar { }",
    "try:\n    x = foo()\nexcept ValueError as e:\n    print(e)",
]
MATH = [
    "Simplify \\frac{x^2-1}{x-1}",
    "Solve x^2 + 3x = 7",
    "Solve 2x + 3 = 11 for x",
    "E = mc^2",
    "What is $\\int_0^1 x dx$?",
    "Show that ∀x∈ℝ ∃y",
    "∑ 1/n² and ∫ x",
    "f(x) = 3x^2",
    "\\begin{align} a &= b \\end{align}",
    "If a²+b² = c, what is c?",
    "y = 3x + 2",
    "Prove e^{i\\pi} = -1",
    "(x+1)^2 = 0",
]
PROSE = [
    "Hello",
    "What is a circuit breaker?",
    "Import duties are high. For example: cars; trucks; bikes.",
    "If you are in doubt:\n- ask\n- read",
    "for example:\nwith the following:\nwhile testing, I saw:",
    "The party(ies) agree;\nthe buyer (as defined above);\nthe seller(s);",
    "Whereas the buyer agrees;\nWhereas the seller agrees;\nnow therefore;",
    "My iPhone and my iPad, eBay and macOS, openSUSE and LaTeX",
    "Berlin -> Paris => London",
    "See https://example.com/foo_bar/index.html?x=1&&y==2 for more",
    "Title\n=====\n\nSome text\n-----\nmore",
    "How do I sort a dict in Python by value?",
    "Explain the difference between let and const in JavaScript.",
    "Write me a poem about import and export; about class and function; about return and love",
    "from here to there\nimport taxes\nclass action",
    "I paid 5k - 10k for it; from 20k - 30k more",
    "Our budget 2023 = 5000, n = 25 patients, n=30",
    "Return the book to the library.\nPrint the page.\nBreak the ice.",
    'He said: "let it be" and {laughed}',
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "1. first\n2. second\n   return to sender",
    "Patients ≥ 18 years and ≤ 65; 100 m² and 3 m³, about 10^6 cells",
    "Please translate: node.js is a runtime",
    "At the meeting at 10:30\nat noon at 12:00",
    "at the shop at 10:30\nat home at 9:15",
    "<context>\nSome text\n</context>\nSummarise it.",
    "Hi {name},\nyour order {order_id} is ready",
    "Select the best from these options. Update me. Create table settings for the party.",
    "SELECT ONE FROM THE LIST, PLEASE!",
    "The temperature (in °C) is (was) 20; see fig. 3(b);",
    "Dear John,\n\nI am writing to you;\n\nYours",
    "Was bedeutet das Wort „Gemütlichkeit“?",
    "√ done\n√ also done",
    "price = high; quality = low;",
    "She wrote to me@example.com and john_doe@example.com",
    "w/o doubt, and/or, 24/7, 50:50, :: :)",
    "a) one\nb) two\nc) three)",
    "Compare Mercedes-Benz E-class; BMW X5;",
    "Let x be the number of apples. If Tom has 3 apples, how many has Ann?",
    "Is 2x faster than 3x?",
    "What is 15% of 3400?",
    "C:\\Users\\me\\Documents",
    "E.g.(see below) the U.S.C",
    "Chapter 1 (draft)\nChapter 2 (final)\n",
    "Paris (France)\nLondon(England)\n",
    "return on investment; return on equity;",
    "#hashtag #include everyone",
    "@john please look",
    "Q: who?\nA: me\nQ: why?",
    "Mail me at a.b@c.de or go to www.example.com/a_b",
    "Make a list: ['apples', 'pears']",
    "5 + 7 = ?",
    "The file report.pdf and photo.jpg are attached",
    "In Excel, how do I use SUM(A1:A5)?",
    "with love (from me):\nwhile waiting (for you):",
    "use it; package it;",
]


def shows(text: str) -> set[Kind]:
    return set(classify([ChatTurn("user", text)])) & {"code", "math"}


@pytest.mark.parametrize("text", CODE)
def test_code_is_code_and_no_mathematics(text: str) -> None:
    assert shows(text) == {"code"}


@pytest.mark.parametrize("text", MATH)
def test_mathematics_is_mathematics_and_no_code(text: str) -> None:
    assert shows(text) == {"math"}


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_neither_whatever_it_is_about(text: str) -> None:
    assert shows(text) == set()
