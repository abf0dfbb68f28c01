"""`./gv local`: the stand-in's command line. Exit codes: 0 success, 1 failure, 2 usage error."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys

from local import standin
from local.settings import HOST, Settings, StandInError


def main(arguments: list[str] | None = None) -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="gv local", description="Local stand-in for AWS and the vendors.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start the servers that are not running, and wait until they are ready")
    commands.add_parser("down", help="stop the servers that `up` started; their data is kept")
    commands.add_parser("status", help="print which servers are running; exit code 1 unless all are")
    env = commands.add_parser("env", help="print the settings that make the platform use the stand-in")
    env.add_argument("--json", action="store_true", help="print one JSON object instead of export lines")
    demo = commands.add_parser("demo", help="load every source's sample through a real Airflow, and leave it running")
    demo.add_argument("--airflow", metavar="URL", help="use the Airflow at URL, as admin with $GV_ADMIN_PASSWORD")
    demo.add_argument("--host", default=HOST, help="with --airflow: the name under which it reaches the stand-in")
    commands.add_parser("serve", help="start the servers, also for other machines and containers, until it is stopped")
    commands.add_parser("stop", help="stop Airflow and the stand-in; their data is kept")
    options = parser.parse_args(arguments)
    _remove_aws_settings()
    try:
        settings = Settings.from_environment()
        return _COMMANDS[options.command](settings, options)
    except StandInError as error:
        print(f"local: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "local: interrupted; the servers that were started keep running. "
            "Next: make stop, or run the same command again",
            file=sys.stderr,
        )
        return 130


def _remove_aws_settings() -> None:
    """Remove the shell's AWS settings: a profile or session token of a real account is not valid here."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]


def _up(settings: Settings, _: argparse.Namespace) -> int:
    started = standin.up(settings)
    print(f"started: {', '.join(started)}" if started else "already up")
    print(f"S3 {settings.s3_endpoint}, S3 Tables {settings.gateway_url}, Iceberg REST {settings.gateway_url}/iceberg")
    print(f'SFTP 127.0.0.1:{settings.sftp_port}. Settings: eval "$(./gv local env)"')
    return 0


def _down(settings: Settings, _: argparse.Namespace) -> int:
    stopped = standin.down(settings)
    print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
    return 0


def _status(settings: Settings, _: argparse.Namespace) -> int:
    pids = standin.status(settings)
    for name, pid in pids.items():
        print(f"{name:8} {'down' if pid is None else f'up (pid {pid})'}")
    return 0 if all(pids.values()) else 1


def _env(settings: Settings, options: argparse.Namespace) -> int:
    variables = standin.environment(settings) | _demo_airflow(settings)
    if options.json:
        print(json.dumps(variables, indent=1))
    else:
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")
    return 0


def _demo_airflow(settings: Settings) -> dict[str, str]:
    """Return the connection to the demo's Airflow, if this is the demo's stand-in and Airflow is running."""
    from local.airflow import Airflow

    airflow = Airflow.from_environment()
    return airflow.connection() if settings.state == Settings.state and airflow.is_running else {}


def _serve(settings: Settings, _: argparse.Namespace) -> int:
    from local.forward import serve

    return serve(settings)


def _demo(settings: Settings, options: argparse.Namespace) -> int:
    import httpx  # imported here, like rich in local.demo, because the other commands do not need it

    from local.airflow import Airflow
    from local.airflow_client import RemoteAirflow
    from local.demo import demo, demo_elsewhere

    try:
        if not options.airflow:
            return demo(settings)
        login = ("admin", os.environ.get("GV_ADMIN_PASSWORD", ""))
        return demo_elsewhere(settings, RemoteAirflow(url=options.airflow, login=login), options.host)
    except httpx.HTTPError as error:
        log = Airflow.from_environment().log_file
        raise StandInError(
            f"Airflow failed: {error}. Next: read {log}, then run make stop and make demo again."
        ) from error


def _stop(settings: Settings, options: argparse.Namespace) -> int:
    from local.airflow import Airflow

    if Airflow.from_environment().down():
        print("stopped: airflow")
    return _down(settings, options)


_COMMANDS = {"up": _up, "down": _down, "status": _status, "env": _env, "demo": _demo, "stop": _stop, "serve": _serve}

if __name__ == "__main__":
    sys.exit(main())
