"""An upload that fails in a way that a second try mends: only that request is sent again, and every byte arrives once.

The store is a real server; a proxy in front of it answers some requests instead of it, or loses its answers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from hashlib import shake_128
from pathlib import Path
from threading import Lock

import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.io import FileIO

from growth_verticals import account as account_module
from growth_verticals.account import Account
from growth_verticals.catalog import upload_stream
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.contract.table import TableContract
from growth_verticals.errors import DeliveryRefusedError, ServiceError
from growth_verticals.landing.land import land_file
from growth_verticals.landing.origins import LocalOrigin
from growth_verticals.reader import Block, ParsedBlock
from growth_verticals.tables import stage as stage_module
from local.keys import STORE_ADMIN, Keys
from local.settings import Settings
from local.store import client
from tests.faults.campaign.plan import Fault
from tests.faults.campaign.proxy import Proxy
from tests.integration.tables.deliveries import PERIOD, SampleFile, commit, stage
from tests.s3_rules import S3RefusedError, S3Rules

#: The smallest part that S3 accepts.
PART = 5 * 2**20
ROWS = 40_000


class CountingStore(Proxy):
    """A proxy that keeps the uploads' requests, and refuses those that AWS refuses and the stand-in accepts."""

    def __init__(self, target: str) -> None:
        super().__init__("store", target)
        self.requests: list[tuple[str, str]] = []
        self.refusals: list[str] = []
        self._rules, self._rules_lock = S3Rules(), Lock()

    def refuse(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> str | None:
        try:
            with self._rules_lock:
                self._rules.check(method, path, headers, body)
        except S3RefusedError as error:
            self.refusals.append(str(error))
            return error.code
        return None

    def answered(self, method: str, path: str, content: bytes) -> None:
        upload_id = re.search(rb"<UploadId>([^<]+)</UploadId>", content)
        if method == "POST" and "uploads" in path and upload_id:
            with self._rules_lock:
                self._rules.name_upload(path.partition("?")[0], upload_id[1].decode())

    def fault_of(self, method: str, path: str) -> Fault | None:
        self.requests.append((method, path))
        return super().fault_of(method, path)

    def sent(self, pattern: str) -> Counter[str]:
        """Return how often each object or part with a matching path was sent."""
        return Counter(path for method, path in self.requests if method == "PUT" and re.search(pattern, path))


@dataclass
class WideFile(SampleFile):
    """A file whose rows do not compress: a kilobyte each."""

    parsed: list[int] = field(default_factory=list)

    def parse(self, block: Block) -> ParsedBlock:
        self.parsed.extend(block.data)
        parsed = super().parse(block)
        ids = pa.array([made_up_id(number) for number in block.data if number < self.good], pa.string())
        columns = {"person_id": ids} | {name: parsed.rows.column(name) for name in parsed.rows.schema.names[1:]}
        return replace(parsed, rows=pa.record_batch(columns))


def made_up_id(number: int) -> str:
    return shake_128(str(number).encode()).hexdigest(512)


@pytest.fixture
def store(account: Account) -> Iterator[CountingStore]:
    proxy = CountingStore(str(account.s3_endpoint))
    yield proxy
    proxy.stop()
    assert proxy.refusals == []


@pytest.fixture
def behind(account: Account, store: CountingStore) -> Account:
    """The account, whose store is behind the proxy."""
    return replace(account, s3_endpoint=store.url)


@pytest.fixture
def catalog(account: Account, store: CountingStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[RestCatalog]:
    """A catalog whose tables' files go through the proxy; the stand-in itself tells clients the store's own address."""
    with closing(open_catalog(account)) as catalog:
        load_io = catalog._load_file_io

        def load_proxied_io(properties: dict[str, str], location: str | None = None) -> FileIO:
            return load_io(properties | {"s3.endpoint": store.url}, location)

        monkeypatch.setattr(catalog, "_load_file_io", load_proxied_io)
        yield catalog


@pytest.fixture(autouse=True)
def _one_small_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_stream, "PART_BYTES", PART)
    monkeypatch.setattr(stage_module, "WORKERS", 1)
    monkeypatch.setattr(account_module, "_FIRST_PAUSE_S", 0.01)


FAULTS = [
    Fault("status", status=400, code="BadDigest"),
    Fault("status", status=400, code="IncompleteBody"),
    Fault("status", status=400, code="XAmzContentSHA256Mismatch"),
    Fault("status", status=400, code="RequestTimeout"),
    Fault("status", status=500, code="InternalError"),
    Fault("status", status=503, code="SlowDown"),
    Fault("cut"),
    Fault("cut", after=True),
]


def part_number(path: str) -> int:
    return int(path.partition("partNumber=")[2].partition("&")[0])


def names(fault: Fault) -> str:
    return fault.code or fault.label


@pytest.mark.parametrize("fault", FAULTS, ids=names)
def test_one_part_of_a_data_file_is_sent_again_and_nothing_else(
    account: Account, catalog: RestCatalog, person: TableContract, store: CountingStore, fault: Fault
) -> None:
    file = WideFile(good=ROWS, block_size=2_000)
    store.arm(replace(fault, server="store", only="part", nth=2))
    staged = stage(catalog, person, file)
    assert store.met == 1
    parts = store.sent("partNumber=")
    assert {part_number(path): times for path, times in parts.items()} == {1: 1, 2: 2, 3: 1}
    assert (file.opened, sorted(file.parsed)) == (1, list(range(ROWS)))
    commit(catalog, person, staged)
    assert_exact(account, person)


@pytest.mark.parametrize("fault", FAULTS, ids=names)
def test_a_small_data_file_is_sent_again_and_nothing_else(
    account: Account, catalog: RestCatalog, person: TableContract, store: CountingStore, fault: Fault
) -> None:
    file = WideFile(good=100, block_size=10)
    store.arm(replace(fault, server="store", only="object"))
    staged = stage(catalog, person, file)
    assert store.met == 1
    assert list(store.sent(r"\.parquet").values()) == [2]
    assert file.opened == 1
    commit(catalog, person, staged)
    assert_exact(account, person, 100)


@pytest.mark.parametrize("fault", [Fault("cut", after=True), Fault("status", status=500, after=True)], ids=names)
def test_a_finished_upload_whose_answer_was_lost_is_found(
    account: Account, catalog: RestCatalog, person: TableContract, store: CountingStore, fault: Fault
) -> None:
    file = WideFile(good=ROWS, block_size=2_000)
    store.arm(replace(fault, server="store", only="complete"))
    staged = stage(catalog, person, file)
    assert (store.met, file.opened) == (1, 1)
    commit(catalog, person, staged)
    assert_exact(account, person)


def test_a_part_that_is_damaged_three_times_in_a_row_arrives(
    account: Account, catalog: RestCatalog, person: TableContract, store: CountingStore
) -> None:
    file = WideFile(good=ROWS, block_size=2_000)
    store.arm(Fault("status", "store", only="part", status=400, code="BadDigest", times=3))
    commit(catalog, person, stage(catalog, person, file))
    parts = store.sent("partNumber=")
    assert {part_number(path): times for path, times in parts.items()} == {1: 4, 2: 1, 3: 1}
    assert_exact(account, person)


@pytest.mark.parametrize(("nth", "missing"), [(1, "manifest"), (3, "data file")])
def test_a_staged_file_that_aws_answers_403_for_is_staged_again(
    account: Account, catalog: RestCatalog, person: TableContract, store: CountingStore, nth: int, missing: str
) -> None:
    """So AWS answers if maintenance has removed the file: a table's storage cannot be listed."""
    staged = stage(catalog, person, WideFile(good=100, block_size=10))
    before = len(store.requests)
    store.arm(Fault("status", "store", status=403, code="AccessDenied", nth=nth, times=1_000))
    with pytest.raises(DeliveryRefusedError, match=f"staged {missing} does not exist.*Next: clear the stage task"):
        commit(catalog, person, staged)
    assert store.met, store.requests[before:]
    store.arm(None)
    commit(catalog, person, staged)
    assert_exact(account, person, 100)


@pytest.mark.parametrize(("good", "only"), [(ROWS, "part"), (100, "object")])
def test_a_part_that_is_always_damaged_is_a_clear_error_and_leaves_nothing(
    account: Account,
    stand_in: Settings,
    catalog: RestCatalog,
    person: TableContract,
    store: CountingStore,
    good: int,
    only: str,
) -> None:
    file = WideFile(good=good, block_size=2_000)
    store.arm(Fault("status", "store", only=only, status=400, code="BadDigest", times=1_000))
    with pytest.raises(ServiceError, match=rf"{person.identifier} failed: .* answered BadDigest \(400\)") as raised:
        stage(catalog, person, file)
    assert raised.value.retryable
    assert store.met == 4
    with closing(open_catalog(account)) as direct:
        table = direct.load_table(person.identifier)
        assert table.current_snapshot() is None
    bucket, _, prefix = table.location().removeprefix("s3://").partition("/")
    admin = client("s3", stand_in, Keys.load_or_generate(stand_in.state).pairs[STORE_ADMIN])
    stored = [entry["Key"] for entry in admin.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]]
    assert stored, "the table's metadata"
    assert [key for key in stored if key.endswith(".parquet")] == []
    assert not admin.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads")

    store.arm(None)
    commit(catalog, person, stage(catalog, person, file))
    assert_exact(account, person, good)


@pytest.mark.parametrize("fault", FAULTS[:4], ids=names)
@pytest.mark.parametrize(("size", "only"), [(100, "object"), (20 * 2**20, "part")])
def test_one_request_of_a_raw_copy_is_sent_again_and_nothing_else(
    behind: Account, store: CountingStore, tmp_path: Path, fault: Fault, size: int, only: str
) -> None:
    data = shake_128(b"raw copy").digest(size)
    (tmp_path / "a.csv").write_bytes(data)
    store.arm(replace(fault, server="store", only=only))
    origin = LocalOrigin()
    landed = land_file(behind, origin, "toy_person", PERIOD, origin.file(tmp_path / "a.csv"))
    assert store.met == 1
    sent = store.sent(r"a\.csv(\?|$)")
    assert sorted(sent.values()) == ([2] if only == "object" else [1, 1, 2])
    bucket, _, key = landed.uri.removeprefix("s3://").partition("/")
    assert behind.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read() == data


def test_a_raw_copy_that_is_always_damaged_is_a_clear_error_and_leaves_nothing(
    account: Account, behind: Account, store: CountingStore, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(bytes(20 * 2**20))
    store.arm(Fault("status", "store", only="part", nth=2, status=400, code="BadDigest", times=1_000))
    origin = LocalOrigin()
    with pytest.raises(ServiceError, match=r"answered BadDigest \(400\)") as raised:
        land_file(behind, origin, "toy_person", PERIOD, origin.file(tmp_path / "a.csv"))
    assert raised.value.retryable
    bucket, _, prefix = account.landing_uri.removeprefix("s3://").partition("/")
    s3 = account.client("s3")
    assert not s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents")
    assert not s3.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads")


def assert_exact(account: Account, contract: TableContract, rows: int = ROWS) -> None:
    """The table holds each row of a `WideFile` once, with its values; read without the proxy."""
    with closing(open_catalog(account)) as catalog:
        table = catalog.load_table(contract.identifier)
        assert len(table.inspect.files()) == 1
        found = table.scan(selected_fields=("source_row", "person_id")).to_arrow().sort_by("source_row")
    assert found.column("source_row").to_pylist() == list(range(2, rows + 2))
    assert found.column("person_id").to_pylist() == [made_up_id(number) for number in range(rows)]
