"""The table bucket's and its tables' policies: a grant made, taken back, or compared with what stands.

A policy is read, merged by Sid and put whole: statements that are not ours stay as they are, in their places. The
service has no conditional put, so that of two writers at the same moment the later one wins; `grant_differences`
shows what is missing then, and giving the grant again mends it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from growth_verticals.bucket.access import Grant, bucket_statements, is_ours, principal_of, table_statements
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

_LARGEST_POLICY = 20_480  # bytes: ResourcePolicy in botocore's service model


# --- one grant ----------------------------------------------------------------------------------------------------


def changed_policies(account: Account, grant: Grant, *, revoke: bool = False) -> dict[str | None, Policy]:
    """Return each policy that a grant, or its end, changes: by table (None is the bucket), as it would be then.

    Raises `ConfigurationError` for a table that does not exist, and for a role that would be loader and maintainer
    in one policy, since the loader is denied what the maintainer does.
    """
    statements: dict[str | None, list[Statement]] = {}
    if grant.identifier:
        # A grant on a table that was dropped can still be taken back.
        arn = account.table_bucket_arn if revoke else _table_arn(account, grant.identifier)
        statements[grant.identifier] = table_statements(grant, arn)
    statements[None] = bucket_statements(account, grant)
    found = {}
    for table, ours in statements.items():
        policy = read_policy(account, table)
        if revoke:
            after = merged(policy, [], {each["Sid"] for each in ours})
        else:
            _refuse_contradiction(policy, grant)
            after = merged(policy, ours)
        if _canonical(after) != _canonical(policy):
            found[table] = after
    return found


def put_policies(account: Account, policies: Mapping[str | None, Policy]) -> None:
    """Put policies as `changed_policies` returned them; a policy without a statement is deleted.

    Raises `ConfigurationError` for one that is larger than the service takes.
    """
    client = account.client("s3tables")
    for table, policy in policies.items():
        text = json.dumps(policy, separators=(",", ":"))
        if len(text.encode()) > _LARGEST_POLICY:
            raise ConfigurationError(
                f"the policy of {table or 'the table bucket'} would be too large",
                expected=f"at most {_LARGEST_POLICY:,} bytes",
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
    """Return the policy of a table or, with None, of the bucket; one without statements if there is none."""
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
    """Return `policy` with `statements` in the place of those with their Sids, and without the Sids in `removed`."""
    new = {statement["Sid"]: statement for statement in statements}
    gone = set(removed)
    kept = [new.pop(each.get("Sid"), each) for each in policy["Statement"] if each.get("Sid") not in gone]
    return policy | {"Statement": [*kept, *new.values()]}


def _refuse_contradiction(policy: Policy, grant: Grant) -> None:
    if grant.level == "reader":
        return
    other = "maintainer" if grant.level == "loader" else "loader"
    for each in filter(is_ours, policy["Statement"]):
        if each["Sid"].startswith(f"Gv{other.title()}") and grant.principal in _principals(each):
            raise ConfigurationError(
                f"{grant.principal} is {other} here, and a loader is denied maintenance",
                next_step=f"make another role {grant.level}, or take the grant as {other} back first",
            )


def _table_arn(account: Account, table: str) -> str:
    with service_errors(f"looking up the table {table}", account.endpoint_name("s3tables")):
        return str(account.client("s3tables").get_table(**table_params(account, table))["tableARN"])


# --- declared grants ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class GrantChange:
    """A statement that a policy lacks (`grant`), has in another form (`change`) or has undeclared (`revoke`).

    :param table: `namespace.table` whose policy it is, or None for the bucket's.
    :param statement: as it should be; as it is for `revoke`.
    """

    table: str | None
    action: Literal["grant", "change", "revoke"]
    statement: Statement

    def __str__(self) -> str:
        each = self.statement
        namespace = each.get("Condition", {}).get("StringEquals", {}).get("s3tables:namespace")
        within = f" in namespace {', '.join(_listed(namespace))}" if namespace else ""
        actions = ", ".join(_listed(each["Action"]))
        who = ", ".join(_principals(each))
        return f"{self.table or 'table bucket'}: {self.action} {each['Effect']} {actions}{within} for {who}"


def declared_grants(folder: Path, account: Account) -> list[Grant]:
    """Return the grants that a folder's JSON files declare, one a file, by the files' names.

    A file is `{"principal": …, "as": level, "table": "namespace.table", "why": text}`, with `"namespace"` in place of
    `"table"`, or neither for the whole bucket; `why` may be left out. Raises `DeclarationError` that names the file.
    """
    return [_declared(path, account) for path in sorted(folder.glob("*.json"))]


def grant_differences(account: Account, grants: Iterable[Grant]) -> list[GrantChange]:
    """Return what the live policies lack of `grants`, and what they hold of ours besides; nothing if they agree.

    The policy of every table of the bucket is read, one call each. A table that does not exist yet lacks its grants.
    """
    names = table_names(account)
    wanted: dict[str | None, dict[str, Statement]] = {None: {}}
    for grant in grants:
        wanted[None] |= {each["Sid"]: each for each in bucket_statements(account, grant)}
        if grant.identifier:
            there = grant.identifier in names
            arn = _table_arn(account, grant.identifier) if there else f"{account.table_bucket_arn}/table/not-there-yet"
            found = {each["Sid"]: each for each in table_statements(grant, arn)}
            wanted[grant.identifier] = wanted.get(grant.identifier, {}) | found
    return [
        change
        for table in dict.fromkeys([*wanted, *names])
        for change in _differences(table, read_policy(account, table), wanted.get(table, {}))
    ]


def apply_grants(account: Account, grants: Iterable[Grant], *, revoke: bool = False) -> list[GrantChange]:
    """Make the declared grants stand, and return what that changed. A retry finds what stands already.

    :param revoke: also take back what is ours and not declared.
    """
    changes = [each for each in grant_differences(account, grants) if revoke or each.action != "revoke"]
    for table in dict.fromkeys(change.table for change in changes):
        here = [change for change in changes if change.table == table]
        added = [change.statement for change in here if change.action != "revoke"]
        removed = [change.statement["Sid"] for change in here if change.action == "revoke"]
        put_policies(account, {table: merged(read_policy(account, table), added, removed)})
    return changes


def _declared(path: Path, account: Account) -> Grant:
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise DeclarationError("a grant is an object of strings")
        if set(found) - {"principal", "as", "table", "namespace", "why"} or not {"principal", "as"} <= set(found):
            raise DeclarationError("a grant has principal and as, and may have table or namespace, and why")
        if "table" in found and ("namespace" in found or found["table"].count(".") != 1):
            raise DeclarationError("a grant's table is namespace.table, without a namespace beside it")
        namespace: str | None = found.get("namespace")
        table: str | None = None
        if "table" in found:
            namespace, table = found["table"].split(".")
        principal = principal_of(account, found["principal"])
        return Grant(principal=principal, level=found["as"], namespace=namespace, table=table)
    except ValueError as error:
        raise DeclarationError("a grant is a JSON object", file=path.name) from error
    except DeclarationError as error:
        error.file = path.name
        raise


def _differences(table: str | None, policy: Policy, wanted: Mapping[str, Statement]) -> Iterator[GrantChange]:
    live = {each["Sid"]: each for each in policy["Statement"] if is_ours(each)}
    for sid, statement in wanted.items():
        if sid not in live:
            yield GrantChange(table=table, action="grant", statement=statement)
        elif _canonical(live[sid]) != _canonical(statement):
            yield GrantChange(table=table, action="change", statement=statement)
    for sid, statement in live.items():
        if sid not in wanted:
            yield GrantChange(table=table, action="revoke", statement=statement)


# --- forms that the service may give back -------------------------------------------------------------------------


def _canonical(value: Any) -> Any:
    """Return `value` in one form: a list of one may come back as a string, and lists in another order."""
    if isinstance(value, dict):
        return {key: _canonical(inner) for key, inner in value.items()}
    inner = [_canonical(each) if isinstance(each, dict) else str(each) for each in _listed(value)]
    return sorted(inner, key=json.dumps)


def _principals(statement: Statement) -> list[str]:
    principal = statement.get("Principal", {})
    return _listed(principal.get("AWS", [])) if isinstance(principal, dict) else [str(principal)]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
