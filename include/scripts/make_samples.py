"""Make include/samples/: one fictional delivery per source, with some bad rows on purpose, and expected.json.

    PYTHONPATH=plugins python include/scripts/make_samples.py [FOLDER]

Columns and types come from include/schemas, formats from dags/sources, files and faults from sampling/plan.py. After
changing any of them, make the samples again. The same inputs give the same bytes.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from sampling import formats
from sampling.plan import PLAN
from sampling.values import STATES, Person, cell_maker

from growth_verticals.contract.declared import contract_of
from growth_verticals.contract.table import Column
from growth_verticals.declarations import read_sources
from growth_verticals.patterns import expand_tokens
from growth_verticals.source import S3, Delimited, Excel, JsonLines, Parquet, Sftp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampling.formats import Record
    from sampling.plan import Fault, File, Sample

    from growth_verticals.source import Source

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
_NULL_SHARE = 0.08


def main(folder: Path) -> None:
    """Write every sample and expected.json under `folder`."""
    sources = read_sources()
    expected = {name: write_sample(folder, sources[name], sample) for name, sample in PLAN.items()}
    (folder / "expected.json").write_text(json.dumps(expected, indent=2) + "\n", encoding="utf-8")


def write_sample(folder: Path, source: Source, sample: Sample) -> dict[str, object]:
    """Write one delivery and return the counts that a load of it must report."""
    folder_uri = vendor_folder(source, sample.period)
    (folder / source.name).mkdir(parents=True, exist_ok=True)
    files: list[dict[str, object]] = []
    for file in sample.files:
        (folder / source.name / file.name).write_bytes(make_file(source, sample, file))
        entry = {"path": f"{source.name}/{file.name}", "drop": folder_uri + file.name if folder_uri else "inbox"}
        files.append({**entry, "rows_read": file.rows, "rows_rejected": len(file.faults)})
    if sample.marker:
        (folder / source.name / sample.marker).write_bytes(b"")
        entry = {"path": f"{source.name}/{sample.marker}", "drop": folder_uri + sample.marker}
        files.append({**entry, "rows_read": 0, "rows_rejected": 0, "marker": True})
    reasons = Counter(fault.reason for file in sample.files for fault in file.faults)
    return {"period": sample.period, "rejects": dict(sorted(reasons.items())), "files": files}


def vendor_folder(source: Source, period: str) -> str:
    """Return the URI of the folder where the vendor puts the period's files, ending in a slash; empty for the inbox."""
    match source.delivery:
        case Sftp(conn_id=conn_id, directory=directory):
            return f"sftp://{conn_id.removeprefix('sftp_')}{directory}/"
        case S3(bucket=bucket, prefix=prefix):
            return f"s3://{bucket}/{expand_tokens(prefix, source.cadence.parse(period))}"
    return ""


def make_file(source: Source, sample: Sample, file: File) -> bytes:
    """Return the bytes of one file as the vendor sends it."""
    declared = [column for column in contract_of(source).columns if column.name != "extra"]
    columns = declared + [Column(name=name, type="string") for name in sample.extra]
    if file.reverse_columns:
        columns.reverse()
    records = make_records(source.name, columns, sample, file)
    header = headers(source, columns, sample)
    match source.format:
        case Parquet():
            return formats.parquet(columns, insert_faults(records, columns, file.faults))
        case JsonLines():
            return formats.gzipped(formats.json_lines(header, insert_faults(records, columns, file.faults)))
        case Excel(sheet=sheet) as style:
            cells = [
                [formats.cell_text(v, "", style) if isinstance(v, bool) else v for v in record] for record in records
            ]
            rows: list[Record] = [list(header), *insert_faults(cells, columns, file.faults)]
            note: list[Record] = [[sample.note]]
            return formats.workbook({"Notes": note, str(sheet): rows})
        case Delimited() as style:
            cells = [[formats.cell_text(v, c.name, style) for v, c in zip(r, columns, strict=True)] for r in records]
            text = formats.delimited(header, insert_faults(cells, columns, file.faults), style, sample.newline)
            return pack(file.name, (b"\xef\xbb\xbf" if sample.bom else b"") + text, sample.note)
    raise NotImplementedError(source.format.label)


def make_records(source: str, columns: Sequence[Column], sample: Sample, file: File) -> list[Record]:
    """Return valid rows. Every column has its own random seed, so a new column does not change the others."""
    people = []
    for row in range(file.rows):
        number = file.first + row // sample.rows_per_person
        state = file.state or list(STATES)[number % len(STATES)]
        people.append(Person(number, state, row % sample.rows_per_person))
    values = []
    for column in columns:
        rng, make = Random(f"{source}/{file.name}/{column.name}"), cell_maker(column)
        cells = [(rng.random(), make(rng, person)) for person in people]
        share = 0 if column.required else 1 if column.name in file.empty else _NULL_SHARE
        values.append([None if chance < share else cell for chance, cell in cells])
    records: list[Record] = [list(record) for record in zip(*values, strict=True)]
    if sample.duplicate_every:
        for row in range(sample.duplicate_every - 1, file.rows, sample.duplicate_every):
            records[row] = list(records[row - 1])
    return records


def headers(source: Source, columns: Sequence[Column], sample: Sample) -> list[str]:
    """Return the vendor's names for `columns`."""
    vendor_names = {alias.column: alias.vendor for alias in source.in_period(None).aliases}
    names = [vendor_names.get(column.name, column.name) for column in columns]
    match sample.header:
        case "upper":
            return [name.upper() for name in names]
        case "title":
            return [name.replace("_", " ").title() for name in names]
    return names


def insert_faults(records: list[Record], columns: Sequence[Column], faults: Sequence[Fault]) -> list[Record]:
    """Put the faults into records at even distances, and return the records."""
    names = [column.name for column in columns]
    for number, fault in enumerate(faults, 1):
        record = records[len(records) * number // (len(faults) + 1)]
        match fault.reason:
            case "too_few_columns":
                del record[-2:]
            case "too_many_columns":
                record.append("surplus")
            case "not_json":
                record[:] = ['{"cut": ']
            case _:
                record[names.index(fault.column)] = fault.cell
    return records


def pack(name: str, text: bytes, note: str | None) -> bytes:
    """Return `text` packed as the file's name says: not at all, in a .zip with the note, or in a two-member .gz."""
    if name.endswith(".zip"):
        member = name.removesuffix(".zip")
        readme = {"README.txt": note.encode()} if note else {}
        return formats.zipped({**readme, (member if "." in member else f"{member}.csv"): text})
    if name.endswith(".gz"):
        return formats.gzipped(text[: len(text) // 2], text[len(text) // 2 :])
    return text


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES)
