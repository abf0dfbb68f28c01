"""Which right a refused call lacks: the IAM action, the resource, and what gives it.

AWS names the action in most of its refusals. Where it does not, as some answers of the Iceberg REST endpoint do not
(issue 95 of duckdb-httpfs), the actions that the call needs are known, and those that another call proved are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

from botocore.exceptions import ClientError
from pyiceberg.exceptions import ForbiddenError

from growth_verticals.bucket.access import LEVELS, granted_actions
from growth_verticals.catalog.service_errors import error_code, http_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Result = TypeVar("_Result")
#: Roles of the template whose work `./gv doctor` can check.
Role = Literal["reader", "loader", "maintainer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
TEMPLATE = "include/cfn/basic-s3tables-role.yaml"
_READ = ("s3tables:GetTableMetadataLocation", "s3tables:GetTableData")
_KEY = ("kms:Decrypt", "kms:GenerateDataKey")
_LANDING = ("s3:GetBucketLocation", "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload")
#: The roles' policies in the template, with the actions that the doctor's calls need.
POLICIES: dict[str, tuple[tuple[Role, ...], tuple[str, ...]]] = {
    "BrowsePolicy": (
        ROLES,
        ("s3tables:GetTableBucket", "s3tables:ListNamespaces"),
    ),
    "ReadPolicy": (("reader",), (*_READ, "s3tables:GetTable")),
    "LoadPolicy": (("loader",), (*_READ, "s3tables:PutTableData", "s3tables:UpdateTableMetadataLocation")),
    "LandingPolicy": (("loader",), (*_LANDING, *_KEY)),
    "CreatePolicy": (("admin",), ("s3tables:CreateNamespace", "kms:DescribeKey")),
    "MaintainPolicy": (
        ("maintainer", "admin"),
        (
            "s3tables:GetTable",
            "s3tables:GetTableBucketMaintenanceConfiguration",
            "s3tables:GetTableMaintenanceConfiguration",
            "s3tables:GetTableMaintenanceJobStatus",
        ),
    ),
    "AdminPolicy": (
        ("admin",),
        (
            *(
                *_READ,
                "s3tables:GetTable",
                "s3tables:CreateTable",
                "s3tables:PutTableData",
                "s3tables:UpdateTableMetadataLocation",
            ),
            *("s3tables:GetNamespace", "s3tables:ListTables", "s3tables:DeleteTable", "s3tables:GetTableBucketPolicy"),
            *(*_LANDING, "s3:DeleteObject", *_KEY, "glue:GetCatalog"),
        ),
    ),
    "TableKeyPolicy": (("reader", "loader", "admin"), _KEY),
}
_NAMED = re.compile(
    r"not authorized to perform:? (?P<action>[a-z0-9]+:\w+)(?: on resource: \"?(?P<resource>[^\s\"]+))?"
)
#: Refusals that are not about rights: the key pair, the token or the clock is wrong.
_WRONG_KEYS = re.compile(
    r"InvalidAccessKeyId|SignatureDoesNotMatch|InvalidSignature|UnrecognizedClient|InvalidClientTokenId|ExpiredToken"
    r"|RequestTimeTooSkewed|MissingAuthenticationToken"
)


@dataclass(frozen=True, kw_only=True)
class MissingRight:
    """A right that a call lacked.

    :param actions: the action; several if AWS did not name it, and one of them at least is missing.
    :param given_by: what gives it to the role that is checked.
    """

    actions: tuple[str, ...]
    resource: str
    given_by: str

    def __str__(self) -> str:
        return f"{' or '.join(self.actions)} on {self.resource}; given by {self.given_by}"


@dataclass
class Rights:
    """Runs calls, and collects the rights that they lack instead of stopping at the first."""

    role: Role
    missing: list[MissingRight] = field(default_factory=list)
    _proved: set[str] = field(default_factory=set)

    def call(self, function: Callable[[], _Result], *actions: str, on: str) -> _Result | None:
        """Return the function's result, or None if a right is missing. Any other exception passes.

        :param actions: that the call needs, as IAM spells them.
        :param on: the resource, if AWS does not name it.
        """
        try:
            result = function()
        except Exception as error:
            refusal = refusal_of(error)
            if refusal is None:
                raise
            named = _NAMED.search(refusal)
            if named:
                self._add((named["action"],), named["resource"] or on)
            else:
                self._add(tuple(action for action in actions if action not in self._proved) or actions, on)
            return None
        self._proved |= set(actions)
        return result

    def _add(self, actions: tuple[str, ...], resource: str) -> None:
        if all(right.actions != actions for right in self.missing):
            given_by = _given_by(self.role, actions)
            self.missing.append(MissingRight(actions=actions, resource=resource, given_by=given_by))


def refusal_of(error: BaseException) -> str | None:
    """Return the text of a refusal for lack of a right; None for any other error, such as of a wrong key pair."""
    for each in _causes(error):
        text = str(each)
        if isinstance(each, ClientError):
            # Glue answers with status 400 (botocore's service model).
            refused = http_status(each) == 403 or error_code(each) == "AccessDeniedException"
        else:
            refused = isinstance(each, ForbiddenError) or (isinstance(each, OSError) and "ACCESS_DENIED" in text)
        if refused:
            return None if _WRONG_KEYS.search(text) else text
    return None


def _given_by(role: Role, actions: tuple[str, ...]) -> str:
    policies = [name for name, (roles, given) in POLICIES.items() if role in roles and set(given) & set(actions)]
    texts = [f"{' and '.join(policies)} in {TEMPLATE}"] if policies else []
    if levels := [level for level in LEVELS if granted_actions(level) & set(actions)]:
        texts.append(f"`./gv tables grant --as {levels[0]}`")
    return " or ".join(texts) or "a policy of your own"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
