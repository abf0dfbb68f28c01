"""Splits SQL text into tokens with positions, with sqlparse's lexer; and a cursor over the tokens."""

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

_MAX_DIGITS = 9
T = TypeVar("T")
Kind = Literal["word", "quoted", "string", "number", "mark", "end"]

# After a backslash, sqlparse's own pattern ends a string at the quote or not, depending on the text that follows.
_STRING = r"'(?:''|\\[\s\S]|[^'\\])*'"
_ESCAPED = re.compile(r"''|\\[\\']")


@dataclass(frozen=True)
class Token:
    """One token. The `text` of a quoted name or string has no quotes; `line` and `column` count from 1."""

    kind: Kind
    text: str
    line: int
    column: int

    def describe(self) -> str:
        """Return the token for an error message."""
        return "the end of the text" if self.kind == "end" else repr(self.text[:40])


def tokenize(text: str) -> list[Token]:
    """Return the tokens of `text` without whitespace and comments, and an `end` token last. Never raises.

    A keyword of several words (`NOT NULL`), which is one token for the lexer, becomes one token per word.
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
    """Return `text` as a SQL string in single quotes, which parses back to `text`."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@cache
def _lexer() -> Any:
    """Return sqlparse's lexer, but with strings as in Spark and Athena: a backslash escapes the quote."""
    custom: Any = lexer.Lexer()
    custom.clear()
    others = [(pattern, kind) for pattern, kind in keywords.SQL_REGEX if kind is not kinds.String.Single]
    custom.set_SQL_REGEX([(_STRING, kinds.String.Single), *others])
    return custom


def _split(value: str, line: int, column: int) -> list[Token]:
    if value[0] in '"`' and len(value) > 1 and value[-1] == value[0]:
        return [Token("quoted", value[1:-1].replace(value[0] * 2, value[0]), line, column)]
    if value[0] == "'" and len(value) > 1:
        return [Token("string", _ESCAPED.sub(lambda match: match[0][1], value[1:-1]), line, column)]
    if value.isascii() and value.isdigit():
        return [Token("number", value, line, column)]
    if not (value[0].isalpha() or value[0] == "_"):
        return [Token("mark", value, line, column)]
    tokens, start = [], 0
    for word in value.split():
        start = value.index(word, start)
        before = value[:start]
        newlines = before.count("\n")
        word_column = len(before) - before.rfind("\n") if newlines else column + len(before)
        tokens.append(Token("word", word, line + newlines, word_column))
        start += len(word)
    return tokens


class Cursor:
    """A position in a list of tokens, and the operations of a parser. Raises `DdlError` for an unexpected token."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.tokens = tokenize(text)
        self.position = 0

    def peek(self) -> Token:
        return self.tokens[self.position]

    def at_mark(self, mark: str) -> bool:
        return self.peek().kind == "mark" and self.peek().text == mark

    def accept(self, text: str) -> bool:
        """Step over the word or mark `text` if it is the next token."""
        token = self.peek()
        if token.kind in ("word", "mark") and token.text.lower() == text:
            self.position += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            self.fail("syntax error", expected=f"'{text.upper()}'")

    def take(self, kind: str, what: str) -> Token:
        token = self.peek()
        if token.kind != kind:
            self.fail("syntax error", expected=what)
        self.position += 1
        return token

    def string(self, what: str) -> str:
        return self.take("string", f"{what} in single quotes").text

    def number(self) -> int:
        token = self.take("number", "a whole number")
        if len(token.text) > _MAX_DIGITS:
            self.fail("this number is too large", back=1)
        return int(token.text)

    def name(self, what: str, is_valid: Callable[[str], bool]) -> str:
        token = self.peek()
        if token.kind not in ("word", "quoted"):
            self.fail("syntax error", expected=what)
        name = token.text.lower() if token.kind == "word" else token.text
        if not is_valid(name):
            self.fail(
                "Athena and Glue would hide or refuse this name",
                expected=f"{what} of 1 to {MAX_NAME} characters from a-z, 0-9 and _ that starts with a letter",
            )
        self.position += 1
        return name

    def parenthesized(self, item: Callable[[], T], exactly: int | None = None) -> list[T]:
        self.expect("(")
        items = [item()]
        while self.accept(","):
            items.append(item())
        self.expect(")")
        if exactly not in (None, len(items)):
            self.fail("wrong number of arguments", back=1, expected=str(exactly))
        return items

    def by_parenthesized(self, item: Callable[[], T]) -> tuple[T, ...]:
        self.expect("by")
        return tuple(self.parenthesized(item))

    def fail(self, what: str, *, expected: str | None = None, back: int = 0, at: Token | None = None) -> NoReturn:
        """Raise the error at the token `at`, or else at the one `back` tokens before the next one."""
        token = at or self.tokens[max(self.position - back, 0)]
        raise DdlError(
            what,
            text=self.text,
            file=self.file,
            line=token.line,
            column=token.column,
            expected=expected,
            found=token.describe(),
        )
