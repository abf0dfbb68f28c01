"""docker-compose.yaml and the Dockerfile: valid, hardened, pinned, and without any secret of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from growth_verticals.cli.secrets import LOCAL, NAMES, filled_in
from tests.system.compose import interpolate, services

REPOSITORY = Path(__file__).resolve().parents[3]
TEXT = (REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8")
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
VARIABLES = dict.fromkeys(NAMES, "x") | LOCAL
AIRFLOW = ("migrate", "api-server", "scheduler", "dag-processor", "triggerer", "worker")


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_compose_file_follows_the_compose_specification() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    run(checker, "--builtin-schema", "vendor.compose-spec", REPOSITORY / "docker-compose.yaml")


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    run(Path(sys.executable).with_name("hadolint"), REPOSITORY / "Dockerfile")


def test_every_component_of_airflow_runs_and_the_stand_in_only_with_its_profile() -> None:
    commands = {name: service.get("command") for name, service in SERVICES.items()}
    for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
        assert commands[name] == ["airflow", name]
    assert commands["worker"] == ["airflow", "celery", "worker"]
    assert [name for name, service in SERVICES.items() if service.get("profiles") == ["local"]] == ["stand-in", "demo"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_limits_and_no_rights_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert str(service["user"]).partition(":")[0] not in ("", "0", "root")
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert service["read_only"] is True
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert service["restart"] == ("no" if name in ("migrate", "demo") else "unless-stopped")
    assert ("healthcheck" in service) is (name not in ("migrate", "demo"))


def test_only_the_api_server_is_reachable_and_only_from_this_machine() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "api-server": ["127.0.0.1:8080:8080"]
    }
    assert COMPOSE["networks"]["data"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["data"]


@pytest.mark.parametrize("name", NAMES)
def test_compose_refuses_to_start_without_a_secret_and_says_what_to_run(name: str) -> None:
    with pytest.raises(KeyError, match=rf"{name}: run \./gv secrets"):
        services(VARIABLES | {name: ""})


def test_no_secret_has_a_default() -> None:
    assert set(re.findall(r"\$\{([A-Z_]+):\?run \./gv secrets\}", TEXT)) == set(NAMES)
    assert not re.search(rf"\$\{{({'|'.join(NAMES)})(:-|\}})", TEXT)
    example = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    assert all(re.search(rf"^{name}=$", example, re.MULTILINE) for name in NAMES)


def test_a_service_gets_only_the_secrets_that_it_needs() -> None:
    environments = services(dict.fromkeys(VARIABLES, "") | {name: f"<{name}>" for name in VARIABLES})

    def secrets_of(name: str) -> set[str]:
        return set(re.findall("<([A-Z_]+)>", str(environments[name]["environment"]))) & set(NAMES)

    database = {"API_SECRET_KEY", "FERNET_KEY", "POSTGRES_PASSWORD"}
    assert secrets_of("worker") == {"API_SECRET_KEY", "REDIS_PASSWORD"}
    assert secrets_of("triggerer") == secrets_of("dag-processor") == database
    assert secrets_of("scheduler") == database | {"JWT_SECRET", "REDIS_PASSWORD"}
    assert secrets_of("api-server") == database | {"JWT_SECRET", "SERVICE_PASSWORD"}
    assert secrets_of("migrate") == database | {"ADMIN_PASSWORD", "SERVICE_PASSWORD"}


def test_images_are_pinned_and_the_tag_is_airflow_s_version() -> None:
    version = re.search(r"^apache-airflow==(\S+)", (REPOSITORY / "requirements.in").read_text("utf-8"), re.MULTILINE)
    assert version is not None
    assert {SERVICES[name]["image"] for name in AIRFLOW} == {f"${{GV_IMAGE:-growth-verticals}}:{version[1]}"}
    foreign = [SERVICES["postgres"]["image"], SERVICES["redis"]["image"]]
    foreign += re.findall(r"^FROM (\S*:\S+)", DOCKERFILE, re.MULTILINE)
    assert len(foreign) == 3
    assert all(re.fullmatch(r"[a-z]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}", image) for image in foreign)


def test_the_image_has_production_packages_only_by_hash_and_a_user_who_is_not_root() -> None:
    production, _, local = DOCKERFILE.partition("FROM packages AS local-packages")
    assert "--require-hashes" in production
    assert "requirements-dev" not in production
    assert production.rstrip().endswith('USER 50000:0\nENTRYPOINT ["tini", "--"]\nCMD ["airflow", "version"]')
    assert local.rstrip().endswith("FROM airflow AS default")


def test_interpolation_follows_the_rules_of_compose() -> None:
    assert interpolate("a ${X:-b} ${Y}", {"Y": "c"}) == "a b c"
    assert interpolate("${X:-b}", {"X": "d"}) == "d"


def test_secrets_fill_empty_lines_and_keep_everything_else() -> None:
    assert filled_in("# a\nA=\nB=1\n", {"A": "x", "C": "y"}) == "# a\nA=x\nB=1\nC=y\n"
