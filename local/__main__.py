"""`./gv local`: the stand-in's command line. Exit codes: 0 done, 1 not so, 2 wrong usage."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys

from local import standin
from local.settings import Settings, StandInError


def main(arguments: list[str] | None = None) -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="gv local", description="The stand-in account and vendors.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start what does not run yet and wait until it answers")
    commands.add_parser("down", help="end what `up` started; its data stay")
    commands.add_parser("status", help="say what runs; exit 1 unless all does")
    env = commands.add_parser("env", help="print the settings that point the platform here")
    env.add_argument("--json", action="store_true", help="one JSON object instead of export lines")
    commands.add_parser("demo", help="load every source's sample through a real Airflow, and leave it running")
    commands.add_parser("stop", help="end Airflow and the stand-in; their data stay")
    chosen = parser.parse_args(arguments)
    _forget_other_accounts()
    try:
        settings = Settings.from_environment()
        return _COMMANDS[chosen.command](settings, chosen)
    except StandInError as error:
        print(f"local: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("local: interrupted; what was started keeps running. Next: make stop, or the same again", file=sys.stderr)
        return 130


def _forget_other_accounts() -> None:
    """Drop the shell's own AWS settings: a profile or session token of a real account is nothing to the stand-in."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]


def _up(settings: Settings, _: argparse.Namespace) -> int:
    started = standin.up(settings)
    print(f"started: {', '.join(started)}" if started else "already up")
    print(f"S3 {settings.s3_endpoint}, S3 Tables {settings.gateway}, Iceberg REST {settings.gateway}/iceberg")
    print(f'SFTP 127.0.0.1:{settings.sftp_port}. Settings: eval "$(./gv local env)"')
    return 0


def _down(settings: Settings, _: argparse.Namespace) -> int:
    stopped = standin.down(settings)
    print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
    return 0


def _status(settings: Settings, _: argparse.Namespace) -> int:
    state = standin.status(settings)
    for name, pid in state.items():
        print(f"{name:8} {'down' if pid is None else f'up (pid {pid})'}")
    return 0 if all(state.values()) else 1


def _env(settings: Settings, chosen: argparse.Namespace) -> int:
    values = standin.environment(settings)
    if chosen.json:
        print(json.dumps(values, indent=1))
    else:
        for name, value in values.items():
            print(f"export {name}={shlex.quote(value)}")
    return 0


def _demo(settings: Settings, _: argparse.Namespace) -> int:
    import httpx  # it and rich: the other commands need neither

    from local.airflow import Airflow
    from local.demo import demo

    try:
        return demo(settings)
    except httpx.HTTPError as error:
        log = Airflow.from_environment().log_file
        raise StandInError(
            f"Airflow failed: {error}. Next: look at {log}, then make stop, and make demo again."
        ) from error


def _stop(settings: Settings, chosen: argparse.Namespace) -> int:
    from local.airflow import Airflow

    if Airflow.from_environment().down():
        print("stopped: airflow")
    return _down(settings, chosen)


_COMMANDS = {"up": _up, "down": _down, "status": _status, "env": _env, "demo": _demo, "stop": _stop}

if __name__ == "__main__":
    sys.exit(main())
