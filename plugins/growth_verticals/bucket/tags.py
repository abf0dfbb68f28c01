"""Tags of tables and of the table bucket: whose data it is, for costs, and for policies that ask for tags.

Only the tags with the names below are managed. All others, such as those of CloudFormation, are never changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.catalog.service_errors import service_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from growth_verticals.account import Account
    from growth_verticals.contract.table import TableContract
    from growth_verticals.source import Source

_CLASSES = "DQHPO"


def table_tags(source: Source, contract: TableContract, environment: str | None) -> dict[str, str]:
    """Return the declared tags of a source's table.

    `source`: its name. `client`: whose data it is. `pii`: the PII classes of its columns, such as `D Q H`; `N` if it
    has none. `environment`: such as `prod`, if it is set.
    """
    found = {column.pii for column in contract.columns}
    pii = " ".join(each for each in _CLASSES if each in found) or "N"
    return {"source": source.name, "client": source.client or source.namespace, "pii": pii} | bucket_tags(environment)


def bucket_tags(environment: str | None) -> dict[str, str]:
    """Return the declared tags of the table bucket."""
    return {"environment": environment} if environment else {}


def tag_changes(live: Mapping[str, str], declared: Mapping[str, str]) -> dict[str, str]:
    """Return the declared tags that are missing or have another value."""
    return {key: value for key, value in declared.items() if live.get(key) != value}


def read_tags(account: Account, arn: str) -> dict[str, str]:
    """Return all tags of a table or of the table bucket. Raises `ConfigurationError` or `ServiceError`."""
    with service_errors(f"reading the tags of {arn}", account.endpoint_name("s3tables")):
        tags: dict[str, str] = account.client("s3tables").list_tags_for_resource(resourceArn=arn).get("tags") or {}
    return tags


def put_tags(account: Account, arn: str, tags: Mapping[str, str]) -> None:
    """Set these tags; others stay. Raises `ConfigurationError` or `ServiceError`."""
    with service_errors(f"setting the tags of {arn}", account.endpoint_name("s3tables")):
        account.client("s3tables").tag_resource(resourceArn=arn, tags=dict(tags))
