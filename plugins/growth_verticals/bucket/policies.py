"""The policies of the table bucket and its tables: grant, revoke, and compare grants with the live policies.

A policy is read, merged by Sid and put as a whole. Statements that gv does not manage keep their content and order. The
service has no conditional put: if two writers put at the same time, the later one wins. `grant_differences` then
shows what is missing, and granting again restores it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from growth_verticals.bucket.access import Grant, bucket_statements, is_managed, principal_of, table_statements
from growth_verticals.bucket.inventory import table_names
from growth_verticals.bucket.settings import table_params
from growth_verticals.catalog.service_errors import http_status, service_errors
from growth_verticals.errors import ConfigurationError, DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from growth_verticals.account import Account
    from growth_verticals.bucket.access import Statement

    Policy = dict[str, Any]

_MAX_POLICY_BYTES = 20_480  # ResourcePolicy in botocore's service model


# --- one grant ------------------------------------------------------------------------------------------------------


def changed_policies(account: Account, grant: Grant, *, revoke: bool = False) -> dict[str | None, Policy]:
    """Return the new form of each policy that granting, or revoking, changes, by table; None is the bucket.

    Raises `ConfigurationError` for a table that does not exist, and for a role that would be loader and maintainer
    in one policy, because the loader is denied what the maintainer does.
    """
    statements: dict[str | None, list[Statement]] = {}
    if grant.identifier:
        # A grant on a dropped table can still be revoked.
        arn = account.table_bucket_arn if revoke else _table_arn(account, grant.identifier)
        statements[grant.identifier] = table_statements(grant, arn)
    statements[None] = bucket_statements(account, grant)
    changed = {}
    for table, grant_statements in statements.items():
        policy = read_policy(account, table)
        if revoke:
            new_policy = merged(policy, [], {each["Sid"] for each in grant_statements})
        else:
            _refuse_loader_as_maintainer(policy, grant)
            new_policy = merged(policy, grant_statements)
        if _canonical(new_policy) != _canonical(policy):
            changed[table] = new_policy
    return changed


def put_policies(account: Account, policies: Mapping[str | None, Policy]) -> None:
    """Put policies as `changed_policies` returns them; a policy without statements is deleted.

    Raises `ConfigurationError` for a policy larger than the service accepts.
    """
    client = account.client("s3tables")
    for table, policy in policies.items():
        text = json.dumps(policy, separators=(",", ":"))
        if len(text.encode()) > _MAX_POLICY_BYTES:
            raise ConfigurationError(
                f"the policy of {table or 'the table bucket'} would be too large",
                expected=f"at most {_MAX_POLICY_BYTES:,} bytes",
                found=f"{len(text.encode()):,}",
                next_step="grant a namespace instead of many tables, or an account instead of many roles",
            )
        scope = table_params(account, table) if table else {"tableBucketARN": account.table_bucket_arn}
        with service_errors(f"putting the policy of {table or 'the table bucket'}", account.endpoint_name("s3tables")):
            if policy["Statement"]:
                put = client.put_table_policy if table else client.put_table_bucket_policy
                put(**scope, resourcePolicy=text)
            else:
                delete = client.delete_table_policy if table else client.delete_table_bucket_policy
                delete(**scope)


def read_policy(account: Account, table: str | None) -> Policy:
    """Return the policy of a table or, with None, of the bucket. If none exists, return one without statements."""
    client = account.client("s3tables")
    with service_errors(f"reading the policy of {table or 'the table bucket'}", account.endpoint_name("s3tables")):
        try:
            if table is None:
                answer = client.get_table_bucket_policy(tableBucketARN=account.table_bucket_arn)
            else:
                answer = client.get_table_policy(**table_params(account, table))
        except ClientError as error:
            if http_status(error) != 404:
                raise
            return {"Version": "2012-10-17", "Statement": []}
    policy: Policy = json.loads(answer["resourcePolicy"])
    policy["Statement"] = _listed(policy.get("Statement", []))
    return policy


def merged(policy: Policy, statements: Iterable[Statement], removed: Iterable[str] = ()) -> Policy:
    """Return `policy` with `statements` replacing those of the same Sid or added, and without the Sids in `removed`."""
    new = {statement["Sid"]: statement for statement in statements}
    removed = set(removed)
    kept = [new.pop(each.get("Sid"), each) for each in policy["Statement"] if each.get("Sid") not in removed]
    return policy | {"Statement": [*kept, *new.values()]}


def _refuse_loader_as_maintainer(policy: Policy, grant: Grant) -> None:
    if grant.level == "reader":
        return
    other = "maintainer" if grant.level == "loader" else "loader"
    for each in filter(is_managed, policy["Statement"]):
        if each["Sid"].startswith(f"Gv{other.title()}") and grant.principal in _principals(each):
            raise ConfigurationError(
                f"{grant.principal} is already {other} in this policy, and a loader is denied maintenance",
                next_step=f"grant {grant.level} to another role, or revoke the grant as {other} first",
            )


def _table_arn(account: Account, table: str) -> str:
    with service_errors(f"looking up the table {table}", account.endpoint_name("s3tables")):
        return str(account.client("s3tables").get_table(**table_params(account, table))["tableARN"])


# --- declared grants ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class GrantChange:
    """A statement that a policy lacks (`grant`), has in another form (`change`) or has undeclared (`revoke`).

    :param table: the table whose policy it is, as `namespace.table`; None for the bucket's policy.
    :param statement: as declared; for `revoke`, as it is in the policy.
    """

    table: str | None
    action: Literal["grant", "change", "revoke"]
    statement: Statement

    def __str__(self) -> str:
        each = self.statement
        namespace = each.get("Condition", {}).get("StringEquals", {}).get("s3tables:namespace")
        within = f" in namespace {', '.join(_listed(namespace))}" if namespace else ""
        actions = ", ".join(_listed(each["Action"]))
        principals = ", ".join(_principals(each))
        return f"{self.table or 'table bucket'}: {self.action} {each['Effect']} {actions}{within} for {principals}"


def declared_grants(folder: Path, account: Account) -> list[Grant]:
    """Return the grants that a folder's JSON files declare, one per file, in order of file name.

    A file is `{"principal": …, "as": level, "table": "namespace.table", "why": text}`, with `"namespace"` instead of
    `"table"`, or neither for the whole bucket; `why` is optional. Raises `DeclarationError` that names the file.
    """
    return [_read_grant(path, account) for path in sorted(folder.glob("*.json"))]


def grant_differences(account: Account, grants: Iterable[Grant]) -> list[GrantChange]:
    """Return how the live policies differ from `grants`: missing, changed and undeclared statements.

    Reads the policy of every table in the bucket, one call each. A table that does not exist yet lacks its grants.
    """
    names = table_names(account)
    declared: dict[str | None, dict[str, Statement]] = {None: {}}
    for grant in grants:
        declared[None] |= {each["Sid"]: each for each in bucket_statements(account, grant)}
        if grant.identifier:
            placeholder = f"{account.table_bucket_arn}/table/not-created-yet"
            arn = _table_arn(account, grant.identifier) if grant.identifier in names else placeholder
            statements = {each["Sid"]: each for each in table_statements(grant, arn)}
            declared[grant.identifier] = declared.get(grant.identifier, {}) | statements
    return [
        change
        for table in dict.fromkeys([*declared, *names])
        for change in _differences(table, read_policy(account, table), declared.get(table, {}))
    ]


def apply_grants(account: Account, grants: Iterable[Grant], *, revoke: bool = False) -> list[GrantChange]:
    """Put the declared grants into the live policies; return the changes. A retry finds those already put.

    :param revoke: also revoke gv's grants that are not declared.
    """
    changes = [each for each in grant_differences(account, grants) if revoke or each.action != "revoke"]
    for table in dict.fromkeys(change.table for change in changes):
        table_changes = [change for change in changes if change.table == table]
        added = [change.statement for change in table_changes if change.action != "revoke"]
        removed = [change.statement["Sid"] for change in table_changes if change.action == "revoke"]
        put_policies(account, {table: merged(read_policy(account, table), added, removed)})
    return changes


def _read_grant(path: Path, account: Account) -> Grant:
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict) or not all(isinstance(value, str) for value in document.values()):
            raise DeclarationError("a grant is a JSON object whose values are strings")
        if set(document) - {"principal", "as", "table", "namespace", "why"} or not {"principal", "as"} <= set(document):
            raise DeclarationError("a grant needs principal and as; table or namespace, and why, are optional")
        if "table" in document and ("namespace" in document or document["table"].count(".") != 1):
            raise DeclarationError("a grant's table is namespace.table, and excludes the key namespace")
        namespace: str | None = document.get("namespace")
        table: str | None = None
        if "table" in document:
            namespace, table = document["table"].split(".")
        principal = principal_of(account, document["principal"])
        return Grant(principal=principal, level=document["as"], namespace=namespace, table=table)
    except ValueError as error:
        raise DeclarationError("a grant is a JSON object", file=path.name) from error
    except DeclarationError as error:
        error.file = path.name
        raise


def _differences(table: str | None, policy: Policy, declared: Mapping[str, Statement]) -> Iterator[GrantChange]:
    live = {each["Sid"]: each for each in policy["Statement"] if is_managed(each)}
    for sid, statement in declared.items():
        if sid not in live:
            yield GrantChange(table=table, action="grant", statement=statement)
        elif _canonical(live[sid]) != _canonical(statement):
            yield GrantChange(table=table, action="change", statement=statement)
    for sid, statement in live.items():
        if sid not in declared:
            yield GrantChange(table=table, action="revoke", statement=statement)


# --- the service can return a policy in another form ----------------------------------------------------------------


def _canonical(value: Any) -> Any:
    """Return `value` in one form: the service can return a list of one as a string, and reorder lists."""
    if isinstance(value, dict):
        return {key: _canonical(inner) for key, inner in value.items()}
    inner = [_canonical(each) if isinstance(each, dict) else str(each) for each in _listed(value)]
    return sorted(inner, key=json.dumps)


def _principals(statement: Statement) -> list[str]:
    principal = statement.get("Principal", {})
    return _listed(principal.get("AWS", [])) if isinstance(principal, dict) else [str(principal)]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
