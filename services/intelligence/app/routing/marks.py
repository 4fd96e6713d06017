"""What a text shows of itself, counted without a model: code, mathematics in signs, and the script it is written in.

Each expression takes a character a bounded number of times: a hostile text costs no more than a plain one.
"""

import re
from dataclasses import dataclass
from typing import Literal, get_args

Script = Literal["arabic", "cjk", "cyrillic", "devanagari", "hebrew", "thai"]
"""Scripts that tell much of a language. Greek is none of them: its letters are signs of mathematics everywhere."""

SCRIPTS: tuple[Script, ...] = get_args(Script)

LINE_CHARS = 300
"""How much of a line is looked at for the shape of a statement."""

EXTENSIONS = (
    "bash", "c", "cpp", "cs", "css", "go", "h", "hpp", "html", "ipynb", "java", "js", "json", "jsx", "kt", "lua",
    "php", "ps1", "py", "rb", "rs", "scala", "scss", "sh", "sql", "swift", "toml", "ts", "tsx", "vue", "yaml", "yml",
)  # fmt: skip
"""Of files that hold code, or what programs are set up with."""

MATH_SIGNS = "∫∬∮∑∏√∛∂∇∀∃∄∈∉⊂⊆∪∩≡∝∞∅ℝℕℤℚℂ"  # noqa: RUF001 (these very signs are meant)
"""Signs that prose does without; ``≤`` and ``≈`` are not among them."""

_FENCE = re.compile(r" {0,3}(```|~~~)[^`]*$")
_ADDRESS = re.compile(r"\b[a-z]{1,10}://\S+")
_TRACE = re.compile(
    r"""
      Traceback\ \(most\ recent\ call\ last\):                                # Python
    | File\ "[^"]{1,200}",\ line\ \d
    | at\ .{0,200}\.[A-Za-z]{1,6}:(?:line\ )?\d+(?::\d+)?\)?$                 # Java, JavaScript, C#
    | goroutine\ \d+\ \[                                                      # Go
    | thread\ '[^']{1,100}'\ panicked\ at                                     # Rust
    | (?:from\ )?\S{1,200}\.rb:\d+:in\                                        # Ruby
    | \#\d+\ \S{1,200}\.php\(\d+\)                                            # PHP
    | \S{1,200}\.[a-z]{1,5}(?::\d+){1,2}:\ (?:fatal\ )?(?:error|warning)\b    # compilers
    """,
    re.VERBOSE,
)
_NAME = r"[A-Za-z_$][\w$]{0,60}"
_PATH = rf"{_NAME}(?:(?:\.|::|->){_NAME}){{0,8}}"
_STATEMENT = re.compile(
    rf"""
      (?:async\ )?def\ \w{{1,60}}\(                                           # declarations
    | class\ \w{{1,60}}(?:\(.{{0,200}}\))?:$
    | (?:export\ |default\ |async\ |pub\ ){{0,4}}(?:function|func|fn)\b\*?\ ?[\w$]{{0,60}}[(<]
    | (?:export\ )?(?:const|let|var)\ [\w$]{{1,60}}(?::\ ?[\w<>\[\]|]{{1,60}})?\ =
    | import\ [\w.]{{1,100}}(?:\ as\ \w{{1,60}})?;?$                          # imports
    | import\ .{{1,200}}\ from\ ['"]
    | from\ [\w.]{{1,100}}\ import\ [\w*(]
    | \#(?:include\ [<"]|define\ |ifdef\ |ifndef\ |endif$|pragma\ )
    | \#!/
    | (?:using|use|package|namespace)\ [\w.:]{{1,100}};$
    | for\ \w{{1,60}}(?:,\ ?\w{{1,60}}){{0,4}}\ in\ .{{1,200}}:$              # blocks
    | (?:el)?if\ [^=<>_(\[]{{0,200}}(?:[=<>_]|(?<=\w)[(\[]).{{0,200}}:$
    | (?:while|with)\ (?:not\ |True\b|\(|{_PATH}(?:\(|\ ?[=!<>])).{{0,200}}:$
    | (?:try|else|finally|except(?:\ [\w.]{{1,60}}(?:\ as\ \w{{1,60}})?)?):$
    | (?:if|for|while)\ .{{1,200}};\ (?:do|then)$
    | (?:done|fi|esac)$
    | @?{_PATH}\(.{{0,250}}\);?$                                              # calls and assignments
    | {_PATH}(?:\[[^\]]{{0,60}}\]|:\ [^=]{{1,80}})?\ [:+*-]?=\ (?:{_PATH}\(|[\[{{"']|(?:new|await|lambda)\ |None$)
    | {_NAME}(?:,\ {_NAME}){{0,3}}\ :=\ \S
    | return\b.{{0,200}};$
    | [\w$*&<>\[\],.:\ ]{{1,100}}=.{{1,200}};$
    | <(?:!DOCTYPE|html|head|body|div|span|script|style|table|form|input|button|svg|p|a|ul|li|img)\b[^<]{{0,200}}>
    | (?:SELECT\ .{{1,200}}\ FROM\ \w|INSERT\ INTO\ \w|UPDATE\ \w{{1,60}}\ SET\ |CREATE\ TABLE\ \w)
    | \$\ [a-z]                                                               # typed into a shell
    | .{{0,299}}\{{$                                                          # a block's beginning and end
    | [\])}}]{{1,4}}[;,]?$
    """,
    re.VERBOSE,
)
_INDENTED = re.compile(r"[ \t]+(?:return|yield|raise|pass|break|continue)\b")
# The lookbehinds stand after the character that is searched for: so they are tried at that one alone.
_CODE_WORDS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\.(?<=[\w-][\w-]\.)(?:{'|'.join(EXTENSIONS)})\b",  # a file's name
        r"_(?<=[a-z][a-z0-9]_)[a-z0-9]{2}|\b[a-z]{2,60}[A-Z][a-z]",  # snake_case, camelCase
        r"\((?<=\w\w\()[)'\"\[{]|\.(?<=\w\w\.)[A-Za-z_]\w{1,60}\(",  # call(), call("text"), object.call(
        r"(?:Error|Exception)\b(?:(?<=[a-z]Error)|(?<=[a-z]Exception))",
        r"(?<![=!])[=!]==?(?!=)|&&|\|\||\w::\w|\w [+-]= ",  # operators
        r"`[^`\n]{1,200}`",
    )
)
_LATEX = re.compile(
    r"\\(?<![:\\]\\)(?:[dt]?frac|sqrt|sum|prod|int|lim|infty|partial|nabla|cdot|times|leq?|geq?|neq|approx|equiv|mathbb"
    r"|mathrm|alpha|beta|gamma|delta|theta|lambda|sigma|pi|in|forall|exists)(?![A-Za-z])"
    r"|\\begin\{(?:equation|align|gather|cases|[bpv]?matrix)"
)
_SIGN = re.compile(f"[{MATH_SIGNS}]")
_EXPRESSIONS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\^(?<=[\w)]\^)[-({]?\w|(?<![^\W\d_])[abnrxyz]²",  # a power
        r"(?<![\w.])\d{1,9}[nxyz] ?[-+=] ?\d",  # a term with its coefficient
        r"(?<![\w.])(?:\d{0,9}[A-Za-z]²?|\d{1,9}|[A-Za-z]\([A-Za-z]\)) ?= ?[-+]?[\w(\\]",  # an equation
    )
)
_LETTERS: dict[Script, re.Pattern[str]] = {
    "arabic": re.compile("[\u0600-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufeff]+"),
    "cjk": re.compile(
        "[\u1100-\u11ff\u3005-\u3007\u3031-\u303c\u3041-\u30ff\u3105-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
        "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff]+"
    ),
    "cyrillic": re.compile("[\u0400-\u052f\u1c80-\u1c8f\u1d2b\u1d78\ua640-\ua69f]+"),
    "devanagari": re.compile("[\u0900-\u097f\ua8e0-\ua8ff]+"),
    "hebrew": re.compile("[\u0590-\u05ff\ufb1d-\ufb4f]+"),
    "thai": re.compile("[\u0e00-\u0e7f]+"),
}


@dataclass(frozen=True, slots=True)
class Parted:
    """A text without its fenced blocks and its web addresses, and whether there was a block with something in it."""

    prose: str
    fenced: bool


def part(text: str) -> Parted:
    """Take the fenced blocks and the web addresses out of a text. A block that is not closed goes on to the end."""
    prose: list[str] = []
    fence = ""
    fenced = False
    for line in text.split("\n"):
        edge = _FENCE.match(line)
        if edge is not None and fence in {"", edge[1]}:
            fence = "" if fence else edge[1]
        elif not fence:
            prose.append(line)
        elif line.strip():
            fenced = True
    return Parted(_ADDRESS.sub(" ", "\n".join(prose)), fenced)


def traced(text: str) -> bool:
    """Whether a line of it is one of a stack trace, or a compiler's complaint."""
    return any(_TRACE.match(line.strip()[:LINE_CHARS]) for line in text.split("\n"))


def code_marks(text: str) -> int:
    """How many marks of code it bears: one for each line that is a statement, and one for each kind of word."""
    statements = sum(_is_statement(line) for line in text.split("\n"))
    return statements + sum(word.search(text) is not None for word in _CODE_WORDS)


def has_formula(text: str) -> bool:
    """Whether it holds one of LaTeX's commands for mathematics."""
    return _LATEX.search(text) is not None


def math_marks(text: str) -> int:
    """How many marks of mathematics it bears: one for each different sign, and one for each kind of expression."""
    return len(set(_SIGN.findall(text))) + sum(found.search(text) is not None for found in _EXPRESSIONS)


def script_share(text: str, script: Script) -> float:
    """The share of a script in the letters of a text, from 0 to 1; 0 where there are none."""
    if text.isascii():
        return 0.0
    letters = "".join(filter(str.isalpha, text))
    return sum(map(len, _LETTERS[script].findall(letters))) / max(1, len(letters))


def _is_statement(line: str) -> bool:
    bare = line.strip()[:LINE_CHARS]
    return bool(bare) and (_STATEMENT.match(bare) is not None or _INDENTED.match(line) is not None)
