"""Find the S3 Tables operation of a request, and check its parameters, with botocore's service model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import botocore.session
from botocore.validate import ParamValidator

from local.gateway.errors import ApiError

if TYPE_CHECKING:
    from local.gateway.request import Request


@dataclass(frozen=True)
class Call:
    """A parsed and checked request.

    :param operation: name of the operation, as in the service model.
    :param parameters: values by boto3's parameter names.
    :param document: the JSON body, unchanged.
    :param status: HTTP status of a successful response.
    """

    operation: str
    parameters: dict[str, Any]
    document: dict[str, Any]
    status: int

    def __getitem__(self, name: str) -> Any:
        return self.parameters[name]


def parse_call(request: Request) -> Call:
    """Find the operation and check its parameters.

    Raises `ApiError`: 404 for an unknown operation, 400 for an invalid parameter.
    """
    for method, pattern, operation in _routes():
        match = pattern.fullmatch(request.path)
        if method == request.method and match:
            path_parameters = {name: unquote(value) for name, value in match.groupdict().items()}
            shape = _service().operation_model(operation).input_shape
            parameters = path_parameters | _from_query(shape, request.query) | _from_body(shape, request)
            report = ParamValidator().validate(parameters, shape)
            if report.has_errors():
                raise ApiError(400, report.generate_report())
            _check_constraints(shape, parameters, "")
            status = _service().operation_model(operation).http["responseCode"]
            return Call(operation, parameters, request.document, status)
    raise ApiError(404, "There is no such operation", "UnknownOperationException")


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
    strings = parse_qs(query, keep_blank_values=True)
    parameters: dict[str, Any] = {}
    for member, member_shape in shape.members.items():
        values = strings.get(member_shape.serialization.get("name", member))
        if member_shape.serialization.get("location") == "querystring" and values:
            if member_shape.type_name == "integer":
                parameters[member] = int(values[0]) if values[0].isdecimal() else values[0]
            else:
                parameters[member] = values if member_shape.type_name == "list" else values[0]
    return parameters


def _from_body(shape: Any, request: Request) -> dict[str, Any]:
    has_body = any("location" not in member_shape.serialization for member_shape in shape.members.values())
    return dict(_with_boto3_names(shape, request.document)) if has_body else {}


def _with_boto3_names(shape: Any, value: Any) -> Any:
    """Rename the members of structures from their JSON names to boto3's, and remove unknown members."""
    if shape.type_name == "structure" and isinstance(value, dict) and not shape.is_document_type:
        return {
            member: _with_boto3_names(member_shape, value[json_name])
            for member, member_shape in shape.members.items()
            if (json_name := member_shape.serialization.get("name", member)) in value
            and "location" not in member_shape.serialization
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_with_boto3_names(shape.member, item) for item in value]
    return value


def _check_constraints(shape: Any, value: Any, path: str) -> None:
    """Raise `ApiError` 400 if a value violates a constraint that botocore does not check: pattern, enum, maximum.

    :param path: names of the members that lead to the value, separated by dots.
    """
    limits = shape.metadata
    if shape.type_name == "structure" and not shape.is_document_type:
        for member, member_value in value.items():
            _check_constraints(shape.members[member], member_value, f"{path}.{member}".lstrip("."))
    elif shape.type_name == "list":
        for item in value:
            _check_constraints(shape.member, item, path)
    elif shape.type_name == "string":
        if limits.get("enum") and value not in limits["enum"]:
            raise ApiError(400, f"{path} is not one of {', '.join(limits['enum'])}")
        if "pattern" in limits and not re.fullmatch(limits["pattern"], value):
            raise ApiError(400, f"{path} does not match {limits['pattern']}")
        if not limits.get("min", 0) <= len(value) <= limits.get("max", len(value)):
            raise ApiError(400, f"{path} is too short or too long")
    elif shape.type_name == "integer" and value > limits.get("max", value):
        raise ApiError(400, f"{path} is over {limits['max']}")
