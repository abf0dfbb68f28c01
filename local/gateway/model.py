"""The S3 Tables API as botocore's service model describes it: which operation a request is, and whether it is valid."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import botocore.session
from botocore.validate import ParamValidator

from local.gateway.errors import Refusal

if TYPE_CHECKING:
    from local.gateway.request import Request


@dataclass(frozen=True)
class Call:
    """A request, understood.

    :param parameters: by boto3's names.
    :param document: the body, by the names on the wire.
    :param status: the status of its success.
    """

    operation: str
    parameters: dict[str, Any]
    document: dict[str, Any]
    status: int

    def __getitem__(self, name: str) -> Any:
        return self.parameters[name]


def understand(request: Request) -> Call:
    """Find the operation and check its parameters. Raises `Refusal` 404 for no operation, 400 for a bad parameter."""
    for method, pattern, operation in _routes():
        found = pattern.fullmatch(request.path)
        if method == request.method and found:
            path = {name: unquote(value) for name, value in found.groupdict().items()}
            shape = _service().operation_model(operation).input_shape
            parameters = path | _from_query(shape, request.query) | _from_body(shape, request)
            report = ParamValidator().validate(parameters, shape)
            if report.has_errors():
                raise Refusal(400, report.generate_report())
            _check(shape, parameters, "")
            status = _service().operation_model(operation).http["responseCode"]
            return Call(operation, parameters, request.document, status)
    raise Refusal(404, "There is no such operation", "UnknownOperationException")


@cache
def _service() -> Any:
    return botocore.session.get_session().get_service_model("s3tables")


@cache
def _routes() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    routes = []
    for name in _service().operation_names:
        http = _service().operation_model(name).http
        routes.append((http["method"], re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", http["requestUri"])), name))
    return tuple(routes)


def _from_query(shape: Any, query: str) -> dict[str, Any]:
    given = parse_qs(query, keep_blank_values=True)
    found: dict[str, Any] = {}
    for member, kind in shape.members.items():
        values = given.get(kind.serialization.get("name", member))
        if kind.serialization.get("location") == "querystring" and values:
            if kind.type_name == "integer":
                found[member] = int(values[0]) if values[0].isdecimal() else values[0]
            else:
                found[member] = values if kind.type_name == "list" else values[0]
    return found


def _from_body(shape: Any, request: Request) -> dict[str, Any]:
    inside = any("location" not in kind.serialization for kind in shape.members.values())
    return dict(_named(shape, request.document)) if inside else {}


def _named(shape: Any, value: Any) -> Any:
    """Give the members of structures the names that boto3 uses, where the wire has others; drop unknown ones."""
    if shape.type_name == "structure" and isinstance(value, dict) and not shape.is_document_type:
        return {
            member: _named(kind, value[wire])
            for member, kind in shape.members.items()
            if (wire := kind.serialization.get("name", member)) in value and "location" not in kind.serialization
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_named(shape.member, item) for item in value]
    return value


def _check(shape: Any, value: Any, place: str) -> None:
    """Raise `Refusal` 400 for what botocore leaves to the service: patterns, choices, maxima."""
    limits = shape.metadata
    if shape.type_name == "structure" and not shape.is_document_type:
        for member, inner in value.items():
            _check(shape.members[member], inner, f"{place}.{member}".lstrip("."))
    elif shape.type_name == "list":
        for inner in value:
            _check(shape.member, inner, place)
    elif shape.type_name == "string":
        if limits.get("enum") and value not in limits["enum"]:
            raise Refusal(400, f"{place} is none of {', '.join(limits['enum'])}")
        if "pattern" in limits and not re.fullmatch(limits["pattern"], value):
            raise Refusal(400, f"{place} does not match {limits['pattern']}")
        if not limits.get("min", 0) <= len(value) <= limits.get("max", len(value)):
            raise Refusal(400, f"{place} is too short or too long")
    elif shape.type_name == "integer" and value > limits.get("max", value):
        raise Refusal(400, f"{place} is over {limits['max']}")
