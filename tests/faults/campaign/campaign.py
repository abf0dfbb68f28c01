"""Runs campaigns: operations meet their faults, are repeated until they succeed, and then the tables are checked."""

from __future__ import annotations

import logging
import shutil
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from growth_verticals.account import Account, Credentials
from local import standin
from local.keys import Keys, public_key
from local.settings import OUTGOING, SFTP_VENDORS, Settings
from local.sftp import root_folder
from tests.faults.campaign.invariants import check
from tests.faults.campaign.other_engine import meddle
from tests.faults.campaign.plan import Fault, Meddling, Operation, Plan, Step
from tests.faults.campaign.processes import Store, Worker, WorkerHost
from tests.faults.campaign.proxy import Proxy
from tests.faults.campaign.stream_proxy import StreamProxy

#: A retry policy that gives up later than any fault lasts. An operation that needs more attempts counts as a failure.
ATTEMPTS = 8
#: An attempt that takes longer hangs. It is longer than every time-out and retry of a worker together.
HANG_S = 90.0
#: Most operations at the same time: three loads.
_LANES = 3
#: The pauses between attempts double from the first to the longest.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0
#: The SFTP user whose folder has the files.
VENDOR = SFTP_VENDORS[0]


@dataclass
class Outcome:
    """What happened in a campaign, or in all of them."""

    failures: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    unexpected_errors: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    worst_recovery: tuple[float, int] = (0.0, 1)
    log: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        for name in ("failures", "faults", "unexpected_errors", "counts"):
            getattr(self, name).update(getattr(other, name))
        self.worst_recovery = max(self.worst_recovery, other.worst_recovery)


@dataclass(frozen=True)
class _Lane:
    """The proxies of one of the operations that run at the same time."""

    catalog: Proxy
    store: Proxy
    sftp: StreamProxy

    @property
    def met(self) -> int:
        """How often the armed fault was met."""
        return self.catalog.met + self.store.met + self.sftp.met

    def arm(self, fault: Fault | None, worker: Worker | None = None, store: Store | None = None) -> None:
        def strike(struck: Fault) -> None:
            if struck.kind == "store" and store is not None:
                store.kill()
            elif worker is not None:
                worker.send(signal.SIGKILL if struck.kind == "kill" else signal.SIGTERM)
                worker.wait(10.0)

        for proxy in (self.catalog, self.store, self.sftp):
            proxy.arm(fault, strike)


class Site:
    """The servers and the worker host that all campaigns of a run use. Each campaign has a namespace of its own."""

    def __init__(
        self, account: Account, host: WorkerHost, store: Store, lanes: list[_Lane], state: Path, folder: Path
    ) -> None:
        self.account, self.host, self.store, self.lanes, self.folder = account, host, store, lanes, folder
        self.keys = Keys.load_or_generate(state)
        self.vendor_folder = root_folder(Settings(state=state), VENDOR) / OUTGOING

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator[Site]:
        """Start a stand-in of its own, whose store may be killed, with its state in `folder`."""
        logging.getLogger("pyiceberg").setLevel(logging.CRITICAL)  # conflicts of the other engine; workers have logs
        with ExitStack() as stack:
            settings = stack.enter_context(standin.running(folder / "state"))
            environment = standin.environment(settings)
            keys = Credentials(
                access_key=environment["AWS_ACCESS_KEY_ID"], secret_key=environment["AWS_SECRET_ACCESS_KEY"]
            )
            account = Account.from_environment(environment, keys)
            host = stack.enter_context(closing(WorkerHost(environment)))
            store = Store(settings, account)
            stack.callback(store.wait)
            lanes = []
            for _ in range(_LANES):
                lane = _Lane(
                    Proxy("catalog", settings.gateway_url),
                    Proxy("store", settings.s3_endpoint),
                    StreamProxy(settings.sftp_port),
                )
                for proxy in (lane.catalog, lane.store, lane.sftp):
                    stack.callback(proxy.stop)
                lanes.append(lane)
            yield cls(account, host, store, lanes, settings.state, folder)


class Campaign:
    """One campaign: runs a plan's steps, and checks the tables after each."""

    def __init__(self, site: Site, plan: Plan) -> None:
        self._site, self._plan = site, plan
        self.namespace = f"campaign_{uuid.uuid4().hex[:12]}"
        self._folder = site.folder / self.namespace
        self._vendor_folder = site.vendor_folder / self.namespace
        self._account = replace(site.account, landing_uri=f"{site.account.landing_uri}/{self.namespace}")
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self.outcome = Outcome()

    def run(self) -> Outcome:
        self._folder.mkdir()
        self._vendor_folder.mkdir()
        for file in self._plan.files:
            for folder in (self._folder, self._vendor_folder):
                (folder / file.name).write_bytes(file.content)
        for number, step in enumerate(self._plan.steps):
            self._run_step(number, step)
            self._site.store.wait()
            failures = check(self._account, self.namespace, self._plan.files, step.expect)
            self.outcome.failures.update(failures)
            if self.outcome.failures:
                self._note(f"after step {number + 1}: {dict(self.outcome.failures)}")
                break
        actions = [operation.action for step in self._plan.steps for operation in step.operations]
        self.outcome.counts.update(campaigns=1, deliveries=actions.count("load"), operations=len(actions))
        if not self.outcome.failures:
            shutil.rmtree(self._folder)
            shutil.rmtree(self._vendor_folder)
        return self.outcome

    # --- a step ---------------------------------------------------------------------------------------------------

    def _run_step(self, number: int, step: Step) -> None:
        runs = [
            threading.Thread(target=self._run_operation, args=(f"{number}-{index}", operation, lane))
            for index, (operation, lane) in enumerate(zip(step.operations, self._site.lanes, strict=False))
        ]
        runs += [threading.Thread(target=self._meddle, args=(meddling,)) for meddling in step.meddling]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
        if step.settle is not None:
            self._run_operation(f"{number}-settle", step.settle, self._site.lanes[0])

    def _run_operation(self, name: str, operation: Operation, lane: _Lane) -> None:
        """Repeat an operation until it succeeds, as Airflow and the operators do."""
        time.sleep(operation.starts_after_s)
        faults = iter(operation.faults)
        started = time.monotonic()
        for attempt in range(1, ATTEMPTS + 1):
            if self._attempt(name, attempt, operation, lane, next(faults, None)):
                if operation.faults:
                    recovery = (round(time.monotonic() - started, 1), attempt)
                    with self._lock:
                        self.outcome.worst_recovery = max(self.outcome.worst_recovery, recovery)
                return
            time.sleep(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**attempt))
        self._count("failures", "not recovered")

    def _attempt(self, name: str, attempt: int, operation: Operation, lane: _Lane, fault: Fault | None) -> bool:
        """Run an operation once, in a process of its own. Return whether it succeeded."""
        self._site.store.wait()
        lane.arm(None)
        worker = self._site.host.start(self._job(name, attempt, operation, lane, fault))
        lane.arm(fault, worker, self._site.store)
        at_a_moment = fault is not None and fault.kind in ("kill", "term") and not fault.server and not fault.point
        if fault is not None and at_a_moment and not worker.wait(fault.seconds):
            worker.send(_signal(fault))
            self._count("faults", fault.label)
        if not worker.wait(HANG_S):
            self._note(f"{name}, attempt {attempt}: hangs")
            self._count("failures", "hangs")
            worker.send(signal.SIGKILL)
            worker.wait(10.0)
        outcome = worker.close()
        met = lane.met
        lane.arm(None)
        self._record(f"{name}, attempt {attempt} ({operation.action})", fault, met, outcome)
        return outcome is not None and bool(outcome["ok"])

    def _job(self, name: str, attempt: int, operation: Operation, lane: _Lane, fault: Fault | None) -> dict[str, Any]:
        return {
            "action": operation.action,
            "namespace": self.namespace,
            "partition_by": self._plan.partition_by,
            "fixed": operation.fixed,
            "as_tasks": operation.as_tasks,
            "paths": [str(self._folder / self._plan.files[index].name) for index in operation.files],
            "sftp": self._sftp(lane) if operation.from_sftp else None,
            "staged": str(self._folder / f"{name}.staged"),
            "outcome": str(self._folder / f"{name}-{attempt}.outcome"),
            "log": str(self._folder / f"{name}-{attempt}.log"),
            "disk_is_full": fault is not None and fault.kind == "disk",
            "clock_offset_s": fault.seconds if fault and fault.kind == "clock" else 0.0,
            "signal_point": fault.point if fault else "",
            "signal": int(_signal(fault)) if fault else 0,
            "environment": {
                "GV_CATALOG_URI": f"{lane.catalog.url}/iceberg",
                "AWS_ENDPOINT_URL_S3TABLES": lane.catalog.url,
                "AWS_ENDPOINT_URL_S3": lane.store.url,
                "GV_LANDING_URI": self._account.landing_uri,
            },
        }

    def _sftp(self, lane: _Lane) -> dict[str, Any]:
        keys = self._site.keys
        return {
            "port": lane.sftp.port,
            "user": VENDOR,
            "key": keys.sftp[VENDOR],
            "host_key": public_key(keys.sftp_host),
            "folder": f"/{OUTGOING}/{self.namespace}",
        }

    # --- what others do -------------------------------------------------------------------------------------------

    def _meddle(self, meddling: Meddling) -> None:
        time.sleep(meddling.after_s)
        try:
            meddle(self._account, self.namespace, meddling)
        except Exception as error:  # noqa: BLE001 - a conflict with a load, or there is no table yet
            self._note(f"{meddling}: {type(error).__name__}: {error}")
        else:
            self._count("faults", f"{meddling.action} by another engine")

    # --- the record -----------------------------------------------------------------------------------------------

    def _record(self, attempt: str, fault: Fault | None, met: int, outcome: dict[str, Any] | None) -> None:
        at_point = fault is not None and bool(
            (fault.point and not (outcome or {}).get("ok")) or fault.kind in ("clock", "disk")
        )
        if fault is not None and (met or at_point):
            self._count("faults", fault.label)
        if outcome is None:
            text = "killed"
        elif outcome["ok"]:
            text = "succeeded"
        else:
            text = f"{outcome['error']}: {outcome['text']}"
            if not outcome["known"]:
                self._count("unexpected_errors", f"{outcome['error']}: {outcome['text'][:160]}")
        planned = f"  [{fault.label}{f', met {met} times' if fault.server else ''}]" if fault else ""
        self._note(f"{attempt}: {text}{planned}")

    def _count(self, counter: str, name: str) -> None:
        with self._lock:
            getattr(self.outcome, counter)[name] += 1

    def _note(self, text: str) -> None:
        with self._lock:
            self.outcome.log.append(f"{time.monotonic() - self._started:6.2f} s  {text}")


def _signal(fault: Fault) -> signal.Signals:
    return signal.SIGKILL if fault.kind == "kill" else signal.SIGTERM


def run_campaign(site: Site, plan: Plan) -> Outcome:
    return Campaign(site, plan).run()
