"""Give a role or an account access to a table, a namespace or the whole table bucket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from growth_verticals.cli.output import print_json, print_text
from growth_verticals.cli.tables.common import account_of
from growth_verticals.errors import DeclarationError

if TYPE_CHECKING:
    import argparse

    from growth_verticals.account import Account
    from growth_verticals.bucket.access import Grant

EXAMPLE = """The grant is merged into the existing policy; statements that gv did not write are kept.

examples: ./gv tables grant aiq.household --as reader --to role/analyst
          ./gv tables grant -n aiq --as loader --to arn:aws:iam::111122223333:role/loader --dry-run
          ./gv tables grant --whole-bucket --as maintainer --to role/platform"""
LEVELS = ("reader", "loader", "maintainer")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    add_scope(parser)
    parser.add_argument("--as", dest="level", choices=LEVELS, required=True, help="access level of the principal")
    parser.add_argument("--to", dest="principal", required=True, metavar="PRINCIPAL", help=PRINCIPAL_HELP)


PRINCIPAL_HELP = "a role's ARN, role/NAME in the bucket's own account, or an account's 12 digits"


def add_scope(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for the table, namespace or bucket, which grant and revoke share."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="the table; without it, -n means the whole namespace")
    parser.add_argument("-t", "--table", dest="option", metavar="NAME", help="same as NAME")
    parser.add_argument("--whole-bucket", action="store_true", help="every table of the table bucket")
    parser.add_argument("--dry-run", action="store_true", help="print the new policies and change nothing")
    parser.set_defaults(usage_error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Grant; exit code 0, also if the grant already exists."""
    account = account_of(arguments)
    return update_policies(account, [grant_of(account, arguments, arguments.level)], arguments, revoke=False)


def grant_of(account: Account, arguments: argparse.Namespace, level: str) -> Grant:
    """Return the grant that the arguments mean; usage error for an invalid principal or an unclear scope."""
    from growth_verticals.bucket.access import Grant, principal_of
    from growth_verticals.bucket.inventory import resolve_table

    name = arguments.name or arguments.option
    if bool(name or arguments.namespace) == arguments.whole_bucket:
        arguments.usage_error("name a table (NAME), a namespace (-n NAMESPACE), or --whole-bucket")
    try:
        principal = principal_of(account, arguments.principal)
        namespace, table = arguments.namespace, None
        if name and "." in name:
            namespace, table = name.split(".", 1)
        elif name:
            namespace, table = resolve_table(account, name, namespace).split(".")
        return Grant(principal=principal, level=level, namespace=namespace, table=table)  # type: ignore[arg-type]
    except DeclarationError as error:
        arguments.usage_error(str(error))
        raise


def update_policies(account: Account, grants: list[Grant], arguments: argparse.Namespace, *, revoke: bool) -> int:
    """Put the policies that granting, or revoking, changes; with `--dry-run`, print them instead."""
    from growth_verticals.bucket.policies import changed_policies, put_policies

    changed = {}
    for grant in grants:
        policies = changed_policies(account, grant, revoke=revoke)
        if not arguments.dry_run:
            put_policies(account, policies)
        changed[str(grant)] = {table or "table bucket": policy for table, policy in policies.items()}
    if arguments.json:
        print_json({"changed": not arguments.dry_run, "policies": changed})
        return 0
    for grant_text, policies_by_target in changed.items():
        if arguments.dry_run:
            for target, policy in policies_by_target.items():
                print(f"new policy of {target} for {grant_text}:\n{json.dumps(policy, indent=2)}")
        targets = " and ".join(policies_by_target)
        if not targets and not any(changed.values()):
            print_text(f"{grant_text}: {'not granted' if revoke else 'already granted'}, nothing to change")
        elif targets and not arguments.dry_run:
            print_text(f"{grant_text}: {'revoked' if revoke else 'granted'}; changed the policy of {targets}")
    return 0
