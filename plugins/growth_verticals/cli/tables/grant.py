"""Give a role or an account access to a table, a namespace or the whole table bucket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from growth_verticals.cli.output import print_json
from growth_verticals.cli.tables.common import account_of
from growth_verticals.errors import DeclarationError

if TYPE_CHECKING:
    import argparse

    from growth_verticals.account import Account
    from growth_verticals.bucket.access import Grant

EXAMPLE = """The grant is merged into the policy that stands; statements of others are kept.

examples: ./gv tables grant aiq.household --as reader --to role/analyst
          ./gv tables grant -n aiq --as loader --to arn:aws:iam::111122223333:role/loader --dry-run
          ./gv tables grant --whole-bucket --as maintainer --to role/platform"""
LEVELS = ("reader", "loader", "maintainer")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    add_scope(parser)
    parser.add_argument("--as", dest="level", choices=LEVELS, required=True, help="what the principal may do")
    parser.add_argument("--to", dest="principal", required=True, metavar="WHO", help=WHO)


WHO = "a role's ARN, role/NAME in the bucket's own account, or an account's 12 digits"


def add_scope(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say of what, which grant and revoke share."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="the table; without it, -n names a whole namespace")
    parser.add_argument("-t", "--table", dest="option", metavar="NAME", help="the same")
    parser.add_argument("--whole-bucket", action="store_true", help="every table of the table bucket")
    parser.add_argument("--dry-run", action="store_true", help="print the policies as they would be; change nothing")
    parser.set_defaults(usage_error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Make the grant stand; 0 also when it stood."""
    account = account_of(arguments)
    return carry_out(account, [grant_of(account, arguments, arguments.level)], arguments, revoke=False)


def grant_of(account: Account, arguments: argparse.Namespace, level: str) -> Grant:
    """Return the grant that the arguments mean; usage error for a principal that is none, or no clear scope."""
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


def carry_out(account: Account, grants: list[Grant], arguments: argparse.Namespace, *, revoke: bool) -> int:
    """Put the policies that the grants, or their end, change; with `--dry-run` print them instead."""
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
    for words, of in changed.items():
        if arguments.dry_run:
            for about, policy in of.items():
                print(f"policy of {about}, as it would be for {words}:\n{json.dumps(policy, indent=2)}")
        if not of and not any(changed.values()):
            print(f"{words}: {'does not stand' if revoke else 'stands already'}, nothing to change")
        elif of and not arguments.dry_run:
            print(f"{words}: {'taken back' if revoke else 'given'}; changed the policy of {' and '.join(of)}")
    return 0
