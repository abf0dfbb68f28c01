"""A request as both APIs see it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from local.gateway.errors import Refusal


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request whose signature holds.

    :param path: as it came, percent-encoded; an ARN's slashes are `%2F` there.
    :param query: the query string as it came.
    """

    method: str
    path: str
    query: str
    parameters: dict[str, str]
    body: bytes

    @property
    def parts(self) -> tuple[str, ...]:
        """The path's segments, decoded."""
        return tuple(unquote(part) for part in self.path.strip("/").split("/"))

    @cached_property
    def document(self) -> dict[str, Any]:
        """The body as a JSON object; an empty body is an empty object. Raises `Refusal` 400 for anything else."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Refusal(400, "The request body is not a JSON object")
        return found


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer: a JSON document, or None for an answer without a body."""

    status: int = 200
    document: dict[str, Any] | None = None
