"""Make include/samples/: one made-up delivery of each source, some rows bad on purpose, and expected.json.

    PYTHONPATH=plugins python include/scripts/make_samples.py [FOLDER]

Columns and types come from include/schemas, spellings from dags/sources, files and faults from sampling/plan.py: after
a change of any of them, make the samples again. The same three give the same bytes.
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
from sampling.values import STATES, Person, make_cell

from growth_verticals.contract.declared import contract_of
from growth_verticals.contract.table import Column
from growth_verticals.declarations import read_sources
from growth_verticals.source import S3, Delimited, Excel, JsonLines, Parquet, Sftp, expand_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampling.formats import Record
    from sampling.plan import Bad, File, Sample

    from growth_verticals.source import Source

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
_NULL_SHARE = 0.08


def main(folder: Path) -> None:
    """Write every sample and expected.json under `folder`."""
    sources = read_sources()
    expected = {name: write_sample(folder, sources[name], sample) for name, sample in PLAN.items()}
    (folder / "expected.json").write_text(json.dumps(expected, indent=2) + "\n", encoding="utf-8")


def write_sample(folder: Path, source: Source, sample: Sample) -> dict[str, object]:
    """Write one delivery and return what a load of it must count."""
    place = drop_of(source, sample.period)
    (folder / source.name).mkdir(parents=True, exist_ok=True)
    files: list[dict[str, object]] = []
    for file in sample.files:
        (folder / source.name / file.name).write_bytes(file_bytes(source, sample, file))
        told = {"path": f"{source.name}/{file.name}", "drop": place + file.name if place else "inbox"}
        files.append({**told, "rows_read": file.rows, "rows_rejected": len(file.bad)})
    if sample.marker:
        (folder / source.name / sample.marker).write_bytes(b"")
        told = {"path": f"{source.name}/{sample.marker}", "drop": place + sample.marker}
        files.append({**told, "rows_read": 0, "rows_rejected": 0, "marker": True})
    reasons = Counter(bad.reason for file in sample.files for bad in file.bad)
    return {"period": sample.period, "rejects": dict(sorted(reasons.items())), "files": files}


def drop_of(source: Source, period: str) -> str:
    """Return the URI, with a slash at its end, where the vendor puts the period's files; nothing for the inbox."""
    match source.delivery:
        case Sftp(conn_id=conn_id, directory=directory):
            return f"sftp://{conn_id.removeprefix('sftp_')}{directory}/"
        case S3(bucket=bucket, prefix=prefix):
            return f"s3://{bucket}/{expand_tokens(prefix, source.cadence.parse(period))}"
    return ""


def file_bytes(source: Source, sample: Sample, file: File) -> bytes:
    """Return one file as the vendor sends it."""
    declared = [column for column in contract_of(source).columns if column.name != "extra"]
    columns = declared + [Column(name=name, type="string") for name in sample.extra]
    if file.backwards:
        columns.reverse()
    records = make_records(source.name, columns, sample, file)
    header = headers(source, columns, sample)
    match source.format:
        case Parquet():
            return formats.parquet(columns, spoil(records, columns, file.bad))
        case JsonLines():
            return formats.gzipped(formats.json_lines(header, spoil(records, columns, file.bad)))
        case Excel(sheet=sheet) as style:
            cells = [[formats.spell(v, "", style) if isinstance(v, bool) else v for v in record] for record in records]
            rows: list[Record] = [list(header), *spoil(cells, columns, file.bad)]
            note: list[Record] = [[sample.note]]
            return formats.workbook({"Notes": note, str(sheet): rows})
        case Delimited() as style:
            cells = [[formats.spell(v, c.name, style) for v, c in zip(r, columns, strict=True)] for r in records]
            text = formats.delimited(header, spoil(cells, columns, file.bad), style, sample.newline)
            return pack(file.name, (b"\xef\xbb\xbf" if sample.bom else b"") + text, sample.note)
    raise NotImplementedError(source.format.label)


def make_records(source: str, columns: Sequence[Column], sample: Sample, file: File) -> list[Record]:
    """Return good rows. Every column draws from a seed of its own, so that a new one leaves the others as they were."""
    people = []
    for row in range(file.rows):
        number = file.first + row // sample.rows_a_person
        state = file.state or list(STATES)[number % len(STATES)]
        people.append(Person(number, state, row % sample.rows_a_person))
    drawn = []
    for column in columns:
        rng, make = Random(f"{source}/{file.name}/{column.name}"), make_cell(column)
        cells = [(rng.random(), make(rng, person)) for person in people]
        share = 0 if column.required else 1 if column.name in file.empty else _NULL_SHARE
        drawn.append([None if luck < share else cell for luck, cell in cells])
    records: list[Record] = [list(record) for record in zip(*drawn, strict=True)]
    if sample.repeats_every:
        for row in range(sample.repeats_every - 1, file.rows, sample.repeats_every):
            records[row] = list(records[row - 1])
    return records


def headers(source: Source, columns: Sequence[Column], sample: Sample) -> list[str]:
    """Return the vendor's names of `columns`."""
    vendors = {ours: theirs for theirs, ours in source.aliases.items()}
    names = [vendors.get(column.name, column.name) for column in columns]
    match sample.header:
        case "upper":
            return [name.upper() for name in names]
        case "title":
            return [name.replace("_", " ").title() for name in names]
    return names


def spoil(records: list[Record], columns: Sequence[Column], faults: Sequence[Bad]) -> list[Record]:
    """Put the faults into rows that lie evenly among the good ones."""
    names = [column.name for column in columns]
    for place, bad in enumerate(faults, 1):
        record = records[len(records) * place // (len(faults) + 1)]
        match bad.reason:
            case "too_few_columns":
                del record[-2:]
            case "too_many_columns":
                record.append("surplus")
            case "not_json":
                record[:] = ['{"cut": ']
            case _:
                record[names.index(bad.column)] = bad.cell
    return records


def pack(name: str, text: bytes, note: str | None) -> bytes:
    """Return `text` as the file's name says: bare, in a .zip with the note beside it, or in a .gz of two members."""
    if name.endswith(".zip"):
        member = name.removesuffix(".zip")
        readme = {"README.txt": note.encode()} if note else {}
        return formats.zipped({**readme, (member if "." in member else f"{member}.csv"): text})
    if name.endswith(".gz"):
        return formats.gzipped(text[: len(text) // 2], text[len(text) // 2 :])
    return text


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES)
