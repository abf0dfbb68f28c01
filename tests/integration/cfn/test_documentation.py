"""docs/access.md tells the truth: its commands deploy, and its table is what the roles are allowed."""

from __future__ import annotations

import re

from tests.integration.cfn.deployment import TEMPLATES, Stack, role_names, run
from tests.integration.cfn.test_roles import MAY

PAGE = (TEMPLATES.parents[1] / "docs" / "access.md").read_text()


def test_every_command_deploys(account: None) -> None:
    stacks: list[Stack] = [run(command) for command in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)]
    assert len(stacks) == 4
    outputs = {key for stack in stacks for key in stack.outputs}
    assert {"TableBucketArn", "LandingUri", "VendorRoleArn"} <= outputs
    assert all(name in PAGE for name in outputs & {"TableBucketArn", "LandingUri", "VendorRoleArn"})
    assert {name.rsplit("-", 1)[1] for name in role_names()} == {
        "reader", "loader", "creator", "maintainer", "admin", "acme",
    }  # fmt: skip


def test_the_table_of_actions_is_what_the_roles_are_allowed() -> None:
    lines = PAGE[PAGE.index("| `s3tables:`") :].partition("\n\n")[0].splitlines()
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    documented: dict[str, set[str]] = {name: set() for name in header[1:]}
    for actions, *marks in rows:
        for name, mark in zip(header[1:], marks, strict=True):
            documented[name] |= named(actions) if mark == "x" else set()
    assert documented == {name.removesuffix("-acme"): actions for name, actions in MAY.items()}


def named(cell: str) -> set[str]:
    """Return the actions of a cell such as `B Get/PutTablePolicy, ListTables`."""
    actions = set()
    for word in re.findall(r"[A-Za-z/]{3,}", cell):
        *verbs, last = word.split("/")
        noun = re.sub("^(Get|Put|Delete)", "", last)
        actions |= {last, *(verb + noun for verb in verbs)}
    return actions
