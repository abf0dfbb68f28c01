"""docs/access.md is correct: its commands deploy, and its table lists what the roles are allowed to do."""

from __future__ import annotations

import re

from tests.integration.cfn.deployment import TEMPLATES, Stack, role_names, run
from tests.integration.cfn.test_roles import ALLOWED_ACTIONS

PAGE = (TEMPLATES.parents[1] / "docs" / "access.md").read_text()


def test_every_documented_command_deploys(account: None) -> None:
    stacks: list[Stack] = [run(command) for command in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)]
    assert len(stacks) == 5
    outputs = {key for stack in stacks for key in stack.outputs}
    for name in ("TableBucketArn", "LandingUri", "VendorRoleArn", "ClientKeyArn"):
        assert name in outputs
        assert name in PAGE
    assert {name.rsplit("-", 1)[1] for name in role_names()} == {
        "reader", "loader", "creator", "maintainer", "retention", "admin", "horace_mann",
        "acme",
    }  # fmt: skip


def test_the_documented_actions_are_the_ones_that_the_roles_are_allowed() -> None:
    lines = PAGE[PAGE.index("| `s3tables:`") :].partition("\n\n")[0].splitlines()
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    documented: dict[str, set[str]] = {name: set() for name in header[1:]}
    for cell, *marks in rows:
        for name, mark in zip(header[1:], marks, strict=True):
            documented[name] |= actions_in(cell) if mark == "x" else set()
    assert documented == {name.removesuffix("-acme"): actions for name, actions in ALLOWED_ACTIONS.items()}


def actions_in(cell: str) -> set[str]:
    """Return the actions in a cell such as `B Get/PutTablePolicy, ListTables`."""
    actions = set()
    for word in re.findall(r"[A-Za-z/]{3,}", cell):
        *verbs, last = word.split("/")
        noun = re.sub("^(Get|Put|Delete)", "", last)
        actions |= {last, *(verb + noun for verb in verbs)}
    return actions


DEPLOY = (TEMPLATES.parents[1] / "docs" / "deploy.md").read_text()


def test_the_stacks_of_the_deployment_are_templates_with_these_parameters_and_outputs() -> None:
    stacks = dict(re.findall(r"^deploy (gv-\S+) +(\S+\.yaml)", DEPLOY, re.MULTILINE))
    templates = {path.name: path.read_text() for path in TEMPLATES.glob("*.yaml")}
    assert set(stacks.values()) == set(templates)
    for name, template, arguments in re.findall(r"^deploy (gv-\S+) +(\S+\.yaml)(.*)$", DEPLOY, re.MULTILINE):
        for parameter in re.findall(r"(\w+)=", re.sub(r'"[^"]*"', '""', arguments)):
            assert f"\n  {parameter}:\n" in templates[template].partition("\nResources:")[0], (name, parameter)
    used = re.findall(r"\$\(output (gv-\S+) (\w+)\)", DEPLOY)
    assert len(used) == 5
    for name, output in used:
        assert f"\n  {output}:\n" in templates[stacks[name]].partition("\nOutputs:")[2], (name, output)
