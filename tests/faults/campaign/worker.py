"""The process that loads, replays and undoes, run as `python -m tests.faults.campaign.worker`.

It imports the platform once, and forks a process of its own for every job that it reads (a line of JSON), so that a
signal ends a real process and a start takes milliseconds. Each child has its own clients, as a task's process has.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

import paramiko
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.io import FileIO

from growth_verticals import account as account_module
from growth_verticals import steps
from growth_verticals.account import Account, Credentials
from growth_verticals.catalog import rest
from growth_verticals.contract import declared
from growth_verticals.delivery import RemoteFile, StagedFile
from growth_verticals.errors import DeliveryRefusedError, GrowthVerticalsError
from growth_verticals.files import open_reader  # noqa: F401 - imported before the fork
from growth_verticals.landing import find, land  # noqa: F401 - imported before the fork
from growth_verticals.landing.file_errors import sftp_errors
from growth_verticals.landing.origins import LocalOrigin, Origin, SftpOrigin
from growth_verticals.landing.sftp_protocol import start_session
from growth_verticals.tables import commit, commit_loop, replay, stage, undo  # noqa: F401 - imported before the fork
from tests.faults.campaign.delivery import PERIOD, contract_for, source_for

#: Short pauses and time-outs: the same attempts in less time.
_TIMEOUT_S = 4
#: Fewer than in production, so that a server that stays down ends an attempt soon.
_ATTEMPTS = 4
_PAUSES_S = (0.005, 0.05)


def main() -> None:
    """Fork a process for each job that arrives; print its process id."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children here
    Account.from_environment().client("s3")  # what boto3 reads once per process
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _run(json.loads(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _run(job: dict[str, Any]) -> None:
    """Do one job and write its outcome to a file: `ok`, or the error. Without the file, the process was killed."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, _stop)
    handler = logging.FileHandler(job["log"])
    logging.basicConfig(level=logging.INFO, handlers=[handler], format="%(asctime)s %(threadName)s %(message)s")
    try:
        _prepare(job)
        with _full_disk() if job["disk_is_full"] else nullcontext():
            _ACTIONS[job["action"]](job, _account(job))
        outcome = {"ok": True}
    except BaseException as error:
        logging.getLogger().exception("failed")
        if isinstance(error, DeliveryRefusedError):
            Path(job["staged"]).unlink(missing_ok=True)  # its next step: run the load again, from the start
        known = isinstance(error, (GrowthVerticalsError, SystemExit))
        outcome = {"ok": False, "error": type(error).__name__, "known": known, "text": str(error)[:500]}
    _write(Path(job["outcome"]), outcome)
    os._exit(0)


@contextmanager
def _full_disk() -> Iterator[None]:
    """Let every write to a file fail, as on a full disk, except to the log and to what stands for XCom."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write then raises an OSError
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    logging.disable()
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def _stop(*_: object) -> None:
    """End as an Airflow task does: with an exception in the main thread, so that cleanup code runs."""
    raise SystemExit("SIGTERM")


def _prepare(job: dict[str, Any]) -> None:
    contract = contract_for(job["namespace"], job["partition_by"])
    declared.contract_of = steps.contract_of = lambda *_: contract  # type: ignore[assignment]
    commit_loop.FIRST_PAUSE_S, commit_loop.LONGEST_PAUSE_S = _PAUSES_S
    rest.CONNECT_TIMEOUT_S = rest.READ_TIMEOUT_S = account_module.READ_TIMEOUT_S = _TIMEOUT_S
    account_module.ATTEMPTS = _ATTEMPTS
    load_io, store = RestCatalog._load_file_io, job["environment"]["AWS_ENDPOINT_URL_S3"]

    def load_proxied_io(catalog: RestCatalog, properties: dict[str, str], location: str | None = None) -> FileIO:
        return load_io(catalog, {**properties, "s3.endpoint": store}, location)

    RestCatalog._load_file_io = load_proxied_io  # type: ignore[method-assign] # the catalog names the store itself
    if offset := job["clock_offset_s"]:  # signatures keep the right time: servers refuse others, and nothing happens
        now, now_ns = time.time, time.time_ns
        time.time = lambda: now() + offset
        time.time_ns = lambda: now_ns() + int(offset * 10**9)


def _account(job: dict[str, Any]) -> Account:
    keys = Credentials(access_key=os.environ["AWS_ACCESS_KEY_ID"], secret_key=os.environ["AWS_SECRET_ACCESS_KEY"])
    return Account.from_environment({**os.environ, **job["environment"]}, keys)


def _load(job: dict[str, Any], account: Account) -> None:
    source = source_for(job["namespace"], fixed=job["fixed"])
    kept = Path(job["staged"])
    if job["as_tasks"] and kept.exists():
        staged = [StagedFile(**file) for file in json.loads(kept.read_text())]
    else:
        with _open_files(job) as (origin, files):
            if job["sftp"] is None:
                landed = steps.land_all(account, origin, source, PERIOD, files)
            else:
                landed = [steps.land(account, origin, source, PERIOD, file) for file in files]
        _pass(job, "landed")
        batches = [[file] for file in landed] if job["as_tasks"] else [landed]
        staged = [file for batch in batches for file in steps.stage(account, source, PERIOD, batch)]
        _write(kept, [asdict(file) for file in staged])
    _pass(job, "staged")
    steps.commit(account, source, PERIOD, staged)
    _pass(job, "committed")


@contextmanager
def _open_files(job: dict[str, Any]) -> Iterator[tuple[Origin, list[RemoteFile]]]:
    """Yield the load's files, on this machine or on the SFTP server, and their origin."""
    paths = [Path(path) for path in job["paths"]]
    if job["sftp"] is None:
        origin = LocalOrigin()
        yield origin, [origin.file(path) for path in paths]
        return
    server = job["sftp"]
    key_type, key = server["host_key"].split()[:2]
    # As `hooks/sftp.py` connects, because only SSHClient gives up on a server that stalls at any time of the handshake.
    with sftp_errors(server["user"], server["folder"]), closing(paramiko.SSHClient()) as ssh:
        host = f"[127.0.0.1]:{server['port']}"
        ssh.get_host_keys().add(host, key_type, paramiko.PKey.from_type_string(key_type, b64decode(key)))
        ssh.set_missing_host_key_policy(paramiko.RejectPolicy())
        ssh.connect(
            "127.0.0.1",
            port=server["port"],
            username=server["user"],
            pkey=paramiko.Ed25519Key(file_obj=StringIO(server["key"])),
            allow_agent=False,
            look_for_keys=False,
            timeout=_TIMEOUT_S,
            banner_timeout=_TIMEOUT_S,
            auth_timeout=_TIMEOUT_S,
            channel_timeout=_TIMEOUT_S,
        )
        transport = ssh.get_transport()
        if transport is None:
            raise paramiko.SSHException("the connection is closed")
        remote = SftpOrigin(start_session(transport, _TIMEOUT_S), server["user"], stalled_after_s=_TIMEOUT_S)
        names = {path.name for path in paths}
        yield remote, [file for file in remote.list(server["folder"]) if file.name in names]


def _replay(job: dict[str, Any], account: Account) -> None:
    steps.replay(account, source_for(job["namespace"], fixed=job["fixed"]), PERIOD)


def _undo(job: dict[str, Any], account: Account) -> None:
    """Undo every file that is loaded, as `./gv undo --yes` does."""
    contract, catalog = contract_for(job["namespace"], job["partition_by"]), rest.open_catalog(account)
    files = undo.find_loaded_files(catalog, contract, PERIOD)
    if files:
        undo.undo_load(catalog, contract, "campaign", PERIOD, {file.sha256 for file in files})


def _pass(job: dict[str, Any], point: str) -> None:
    """Get the signal that the job plans for this point."""
    if job["signal_point"] == point:
        os.kill(os.getpid(), job["signal"])


def _write(path: Path, document: Any) -> None:
    part = path.with_suffix(".part")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits[1], limits[1]))
    part.write_text(json.dumps(document))
    part.replace(path)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


_ACTIONS: dict[str, Callable[[dict[str, Any], Account], None]] = {"load": _load, "replay": _replay, "undo": _undo}

if __name__ == "__main__":
    main()
