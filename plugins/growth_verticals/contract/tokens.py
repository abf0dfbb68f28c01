"""SQL text as tokens with places, on sqlparse's lexer, and a cursor over them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

from sqlparse import keywords, lexer
from sqlparse import tokens as kinds

from growth_verticals.contract.table import MAX_NAME
from growth_verticals.errors import DdlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LONGEST_NUMBER = 9
T = TypeVar("T")
Kind = Literal["word", "quoted", "string", "number", "mark", "end"]

# sqlparse takes the quote of a string that ends in a backslash for part of it or not, as what follows happens to be.
_STRING = r"'(?:''|\\[\s\S]|[^'\\])*'"
_ESCAPED = re.compile(r"''|\\[\\']")


@dataclass(frozen=True)
class Token:
    """One token. `text` of a quoted name or string is without its quotes; `line` and `column` count from 1."""

    kind: Kind
    text: str
    line: int
    column: int

    def describe(self) -> str:
        """Return the token as an error message shows it."""
        return "the end of the text" if self.kind == "end" else repr(self.text[:40])


def tokenize(text: str) -> list[Token]:
    """Return the tokens of `text` without blanks and comments, ended by one of kind `end`. Never raises.

    What the lexer takes as one keyword of several words (`NOT NULL`) comes as one token a word.
    """
    tokens: list[Token] = []
    line, column = 1, 1
    lexed: Iterable[tuple[Any, str]] = _lexer().get_tokens(text)
    for ttype, value in lexed:
        if ttype not in kinds.Whitespace and ttype not in kinds.Comment:
            tokens.extend(_split(value, line, column))
        newlines = value.count("\n")
        line += newlines
        column = len(value) - value.rfind("\n") if newlines else column + len(value)
    tokens.append(Token("end", "", line, column))
    return tokens


def quote(text: str) -> str:
    """Return `text` as a string in single quotes, which reads back to it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@cache
def _lexer() -> Any:
    """Return sqlparse's lexer with strings as Spark and Athena read them: a backslash escapes the quote."""
    found: Any = lexer.Lexer()
    found.clear()
    others = [(pattern, kind) for pattern, kind in keywords.SQL_REGEX if kind is not kinds.String.Single]
    found.set_SQL_REGEX([(_STRING, kinds.String.Single), *others])
    return found


def _split(value: str, line: int, column: int) -> list[Token]:
    if value[0] in '"`' and len(value) > 1 and value[-1] == value[0]:
        return [Token("quoted", value[1:-1].replace(value[0] * 2, value[0]), line, column)]
    if value[0] == "'" and len(value) > 1:
        return [Token("string", _ESCAPED.sub(lambda found: found[0][1], value[1:-1]), line, column)]
    if value.isascii() and value.isdigit():
        return [Token("number", value, line, column)]
    if not (value[0].isalpha() or value[0] == "_"):
        return [Token("mark", value, line, column)]
    words, place = [], 0
    for word in value.split():
        place = value.index(word, place)
        before = value[:place]
        row = before.count("\n")
        words.append(Token("word", word, line + row, len(before) - before.rfind("\n") if row else column + len(before)))
        place += len(word)
    return words


class Cursor:
    """A place in a list of tokens: what a parser asks and takes. Everything that does not fit raises `DdlError`."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.tokens = tokenize(text)
        self.at = 0

    def peek(self) -> Token:
        return self.tokens[self.at]

    def at_mark(self, mark: str) -> bool:
        return self.peek().kind == "mark" and self.peek().text == mark

    def accept(self, text: str) -> bool:
        """Step over the word or mark `text` if it stands here."""
        token = self.peek()
        if token.kind in ("word", "mark") and token.text.lower() == text:
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            self.fail("this cannot stand here", expected=f"'{text.upper()}'")

    def take(self, kind: str, what: str) -> Token:
        token = self.peek()
        if token.kind != kind:
            self.fail("this cannot stand here", expected=what)
        self.at += 1
        return token

    def string(self, what: str) -> str:
        return self.take("string", f"{what} in single quotes").text

    def number(self) -> int:
        token = self.take("number", "a whole number")
        if len(token.text) > _LONGEST_NUMBER:
            self.fail("this number is too large", back=1)
        return int(token.text)

    def name(self, what: str, is_good: Callable[[str], bool]) -> str:
        token = self.peek()
        if token.kind not in ("word", "quoted"):
            self.fail("this cannot stand here", expected=what)
        name = token.text.lower() if token.kind == "word" else token.text
        if not is_good(name):
            self.fail(
                "Athena and Glue would hide or refuse this name",
                expected=f"{what} of a-z, 0-9 and _, 1 to {MAX_NAME} characters, with a letter first",
            )
        self.at += 1
        return name

    def listed(self, item: Callable[[], T], exactly: int | None = None) -> list[T]:
        self.expect("(")
        items = [item()]
        while self.accept(","):
            items.append(item())
        self.expect(")")
        if exactly not in (None, len(items)):
            self.fail("wrong number of arguments", back=1, expected=str(exactly))
        return items

    def listed_by(self, item: Callable[[], T]) -> tuple[T, ...]:
        self.expect("by")
        return tuple(self.listed(item))

    def fail(self, what: str, *, expected: str | None = None, back: int = 0, at: Token | None = None) -> NoReturn:
        """Raise the error for the token `at`, or the one `back` tokens before this one."""
        token = at or self.tokens[max(self.at - back, 0)]
        raise DdlError(
            what,
            text=self.text,
            file=self.file,
            line=token.line,
            column=token.column,
            expected=expected,
            found=token.describe(),
        )
