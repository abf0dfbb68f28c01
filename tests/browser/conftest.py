"""The demo, run once for all tests of this folder, and people who look at it with Chromium, inside Airflow's UI.

The files run in the order of their names: `test_working.py`, which changes deliveries of the demo, is the last one.
With the variables of a demo that is running (GV_AIRFLOW_STATE and the others of docs/stand-in.md), the tests use it and
leave it running.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from local import standin
from local.airflow import Airflow
from local.settings import Settings, no_proxy_variables
from tests.system.conftest import three_free_ports

from .person import Person

REPOSITORY = Path(__file__).resolve().parents[2]
#: The demo takes two minutes on an idle machine.
_DEMO_WITHIN_S = 1800


@dataclass(frozen=True, kw_only=True)
class Demo:
    """A running demo."""

    settings: Settings
    airflow: Airflow

    def gv(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `./gv` with the demo's stand-in and its Airflow."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
        environment = inherited | standin.environment(self.settings) | self.airflow.connection()
        command = [str(REPOSITORY / "gv"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo, as `make demo` runs it, on free ports and in a temporary folder."""
    os.environ.update(no_proxy_variables())
    if os.environ.get("GV_AIRFLOW_STATE"):
        running = Demo(settings=Settings.from_environment(), airflow=Airflow.from_environment())
        yield running
        running.airflow.close()
        return
    folder: Path = tmp_path_factory.mktemp("demo")
    settings = Settings.with_free_ports(folder / "local")
    airflow = Airflow(state=folder / "airflow", port=three_free_ports())
    variables = {"GV_AIRFLOW_STATE": str(airflow.state), "GV_AIRFLOW_PORT": str(airflow.port)}
    variables["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY / "plugins"), str(REPOSITORY)])
    environment = os.environ | settings.to_environment() | variables
    command = [sys.executable, "-m", "local", "demo"]
    try:
        result = subprocess.run(
            command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=_DEMO_WITHIN_S
        )
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
        yield Demo(settings=settings, airflow=airflow)
    finally:
        airflow.down()
        standin.down(settings)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, or the one that GV_CHROMIUM names."""
    path = os.environ.get("GV_CHROMIUM") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


LogIn = Callable[..., Person]


@pytest.fixture
def log_in(demo: Demo, chromium: Browser) -> Iterator[LogIn]:
    """Return people, each with a browser window. At the end of the test, nothing may have gone wrong in any of them."""
    with ExitStack() as stack:

        def log_in(
            *, viewer: bool = False, theme: str = "light", width: int = 1280, zone: str = "America/New_York"
        ) -> Person:
            login = demo.airflow.viewer_login if viewer else demo.airflow.login
            look = {"color_scheme": theme, "viewport": {"width": width, "height": 900}, "timezone_id": zone}
            person = Person.log_in(chromium, demo.airflow.url, login, look)
            stack.callback(person.leave)
            return person

        yield log_in


@pytest.fixture
def person(log_in: LogIn) -> Person:
    """Somebody in New York who may do everything, with a light theme and a wide window."""
    return log_in()
