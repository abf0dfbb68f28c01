"""Checks of the configured account, for `./gv doctor`: does it allow what a role's work needs?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from growth_verticals.bucket import probe_checks as checks
from growth_verticals.bucket.probe_checks import NotApplicableError, Probe
from growth_verticals.bucket.rights import MissingRight, Rights
from growth_verticals.errors import GrowthVerticalsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from growth_verticals.account import Account
    from growth_verticals.bucket.rights import Role


@dataclass(frozen=True)
class Check:
    """One line of `./gv doctor`. `detail` says what was found or, when not `ok`, what went wrong and what to do.

    :param missing: the rights that the role lacks for it.
    """

    name: str
    ok: bool
    detail: str
    missing: tuple[MissingRight, ...] = ()


def probe_account(account: Account, role: Role = "admin", tables: Sequence[str] = ()) -> Iterator[Check]:
    """Run the checks of a role's work in turn and yield each result: none stops the others. Never raises.

    An admin's checks create and drop a table in the namespace `gv_doctor`, which is left over; a check that is killed
    can also leave the table. A loader's leave two small objects in the landing zone, because a loader deletes nothing.

    :param role: the role of the template that the caller has, or should have the rights of.
    :param tables: declared tables. The first that exists is read, where the role reads tables.
    """
    for name, check, roles in _CHECKS:
        if role not in roles:
            continue
        rights = Rights(role)
        try:
            detail = check(Probe(account=account, rights=rights, tables=tables))
        except NotApplicableError as reason:
            yield Check(name, True, f"skipped: {reason}")
        except GrowthVerticalsError as error:
            yield Check(name, False, str(error), tuple(rights.missing))
        except Exception as error:  # noqa: BLE001 - one broken check must not hide the others
            yield Check(name, False, f"{type(error).__name__}: {error}", tuple(rights.missing))
        else:
            missing = tuple(rights.missing)
            yield Check(name, not missing, f"the role lacks {len(missing)} right(s)" if missing else detail, missing)


#: Name, check, and the roles whose work it is part of, in the order of `./gv doctor`.
_CHECKS: tuple[tuple[str, Callable[[Probe], str], tuple[Role, ...]], ...] = (
    ("credentials", checks.check_credentials, ("reader", "loader", "maintainer", "admin")),
    ("landing bucket", checks.check_landing, ("loader", "admin")),
    ("multipart upload", checks.check_multipart, ("loader", "admin")),
    ("table bucket", checks.check_table_bucket, ("reader", "loader", "maintainer", "admin")),
    ("catalog", checks.check_catalog, ("reader", "loader", "maintainer", "admin")),
    ("declared table", checks.check_read, ("reader", "loader")),
    ("maintenance", checks.check_maintenance, ("maintainer", "admin")),
    ("grants", checks.check_grants, ("admin",)),
    ("table", checks.check_table, ("admin",)),
    ("queries", checks.check_queries, ("reader", "admin")),
)
