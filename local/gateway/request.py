"""Requests and replies, in the form that both APIs use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from local.gateway.errors import ApiError


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request with a valid signature.

    :param path: the path as received, percent-encoded, so that the slashes of an ARN are `%2F`.
    :param query: the query string as received.
    """

    method: str
    path: str
    query: str
    parameters: dict[str, str]
    body: bytes

    @property
    def segments(self) -> tuple[str, ...]:
        """The decoded segments of the path."""
        return tuple(unquote(segment) for segment in self.path.strip("/").split("/"))

    @cached_property
    def document(self) -> dict[str, Any]:
        """The body as a JSON object; an empty body is an empty object. Raises `ApiError` 400 for any other body."""
        try:
            document = json.loads(self.body or b"{}")
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise ApiError(400, "The request body is not a JSON object")
        return document


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A response: a JSON document, or None if it has no body."""

    status: int = 200
    document: dict[str, Any] | None = None
