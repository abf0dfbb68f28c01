"""SQL text as a list of tokens with places, on sqlparse's lexer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlparse import lexer
from sqlparse import tokens as kinds

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind = Literal["word", "quoted", "string", "number", "mark", "end"]


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
    lexed: Iterable[tuple[Any, str]] = lexer.tokenize(text)  # type: ignore[no-untyped-call]
    for ttype, value in lexed:
        if ttype not in kinds.Whitespace and ttype not in kinds.Comment:
            tokens.extend(_split(value, line, column))
        newlines = value.count("\n")
        line += newlines
        column = len(value) - value.rfind("\n") if newlines else column + len(value)
    tokens.append(Token("end", "", line, column))
    return tokens


def _split(value: str, line: int, column: int) -> list[Token]:
    if value[0] in '"`' and len(value) > 1 and value[-1] == value[0]:
        return [Token("quoted", value[1:-1].replace(value[0] * 2, value[0]), line, column)]
    if value[0] == "'" and len(value) > 1 and value[-1] == "'":
        return [Token("string", value[1:-1].replace("''", "'").replace("\\'", "'"), line, column)]
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
