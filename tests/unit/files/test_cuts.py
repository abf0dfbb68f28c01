"""A file that is read in pieces has the same rows, line numbers and rejects as the whole file, wherever it is cut."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import random
import zipfile
import zlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from growth_verticals.errors import FileChangedError, GrowthVerticalsError
from growth_verticals.files import open_reader
from growth_verticals.files.blocks import BLOCK_BYTES
from growth_verticals.files.cuts import CutIndex, Piece
from growth_verticals.files.cutting import CutFinder, FoundCuts, find_cuts, why_uncuttable
from growth_verticals.files.delimited import DelimitedReader
from growth_verticals.files.pieces import check_pieces, open_piece
from growth_verticals.files.unpack import gzip_points
from growth_verticals.source import Delimited, Excel, FixedWidth, JsonLines, Parquet, Pgp
from tests.unit.files.reading import ReadResult, contract, drain, source

if TYPE_CHECKING:
    from growth_verticals.contract.table import TableContract
    from growth_verticals.formats import Format

settings.register_profile("cuts", deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
PERSON = contract(id="int!", name="string")
FILE = {"sha256": "0" * 64, "etag": '"1"'}


def found(data: bytes, form: Format, name: str = "f.txt", spacing: int = 1, block_bytes: int = 1) -> FoundCuts:
    """Cut with small blocks: every record starts one."""
    return find_cuts(io.BytesIO(data), name, form, "probe", spacing=spacing, block_bytes=block_bytes)  # type: ignore[arg-type]


def index_of(data: bytes, form: Format, name: str = "f.txt", spacing: int = 1) -> CutIndex:
    return found(data, form, name, spacing).of_file(name, form, size=len(data), **FILE)


def read_whole(data: bytes, form: Format, name: str, table: TableContract, **options: Any) -> Any:
    """Return rows, rejects and stated sums of the whole file; or the error as which it is refused."""
    try:
        reader = open_reader(io.BytesIO(data), name, source(form, **options), table)
        return drain(reader), dict(reader.stated_sums)
    except GrowthVerticalsError as error:
        return error.fields()


def read_pieces(
    data: bytes, form: Format, index: CutIndex, table: TableContract, piece_bytes: int = 0, **options: Any
) -> Any:
    """Return what `read_whole` does, of all pieces in their order."""
    together, sums, facts = ReadResult([], []), {}, []
    try:
        for piece in index.pieces(piece_bytes):
            windows = io.BytesIO(index.windows)
            reader = open_piece(io.BytesIO(data), source(form, **options), table, piece, windows=windows)
            got = drain(reader)
            together.rows += got.rows
            together.rejects += got.rejects
            sums |= reader.stated_sums
            facts.append(reader.facts)
        rows_read = len(together.rows) + len(together.rejects)
        check_pieces(facts, rows_read, source(form, **options), table, index.name)
    except GrowthVerticalsError as error:
        return error.fields()
    return together, sums


def assert_pieces_are_the_whole(
    data: bytes, form: Format, name: str = "f.txt", table: TableContract = PERSON, **options: Any
) -> int:
    """Compare the whole file with its pieces, for every spacing that gives other cuts; return the most pieces."""
    whole = read_whole(data, form, name, table, **options)
    seen: set[tuple[int, ...]] = set()
    most = 1
    for spacing in range(1, len(data) + 2):
        index = index_of(data, form, name, spacing)
        starts = tuple(cut.offset for cut in index.cuts)
        if starts in seen:
            continue
        seen.add(starts)
        if not (pieces := index.pieces()):
            assert isinstance(whole, dict) or index.reason.startswith("no place"), index.reason  # type: ignore[union-attr]
            continue
        most = max(most, len(pieces))
        assert read_pieces(data, form, index, table, **options) == whole
        assert [piece.start for piece in pieces] == list(starts)
        assert pieces[-1].end == index.content_size
    return most


CSV = [
    "1,a",
    '2,"b\nc"',
    '3,"d""e"',
    "x,f",
    "4",
    "5,g,h",
    "",
    '6,"\r\n\n"',
    '7,i"j',
    '"8",k',
    '9,"l"m',
    '10,""',
    "11,\0",
    "12,é",
]
LINE_ENDS = ["\n", "\r\n", "\r"]


@pytest.mark.parametrize("line_end", LINE_ENDS)
@pytest.mark.parametrize("last", ["", "{}", "{}{}"])
def test_delimited_text(line_end: str, last: str) -> None:
    data = line_end.join(["id,name", *CSV]) + last.format(line_end, line_end)
    assert assert_pieces_are_the_whole(data.encode(), Delimited()) >= 10


@pytest.mark.parametrize(
    ("form", "text", "encoding"),
    [
        (Delimited(quote=None), 'id,name\n1,"a\n2,b"\n3,c\n', "utf-8"),
        (Delimited(delimiter="|", escape="\\"), 'id|name\n1|a\\|b\n2|"c\\"\nd"\n3|e\\\n4|f\\\\\n', "utf-8"),
        (Delimited(quote=None, escape="\\"), "id,name\n1,a\\,b\n2,\\\\\n3,é\\,\n", "utf-8"),
        (Delimited(skip_lines=2), 'Report "x\r\n\nid,name\n1,a\n2,b\n3,c', "utf-8"),
        (Delimited(header=False, columns=("id", "name")), "\n1,a\n\n2,b\n", "utf-8"),
        (Delimited(header=False, skip_lines=1), "a\n1,a\n2,b\n", "utf-8"),
        (Delimited(), "\n\r\nid,name\n1,a\n2,b\n", "utf-8-sig"),
        (Delimited(encoding="latin-1"), "id,name\n1,é\n2,ü\xad\n3,c\n", "latin-1"),
        (Delimited(encoding="cp1252"), 'id,name\n1,€\n2,"ü\n"\n', "cp1252"),
        (Delimited(encoding="utf-16"), 'id,name\n1,\U0001f600é\n2,"b\n\u0a0d"\n3,\ufeffc\n', "utf-16"),
        (Delimited(encoding="utf-16-be", skip_lines=1), "x\r\nid,name\r\n1,\u0d0a\r\n2,b\r\n", "utf-16-be"),
        (Delimited(encoding="utf-16", escape="\\"), 'id,name\n1,\\,\\\\\n2,b\\"\n3,c\n', "utf-16"),
        (Delimited(trailer="TRL,*,{rows}"), "id,name\n1,a\n2,b\n\n3\nTRL,x,3\n\n\n", "utf-8"),
        (Delimited(trailer="T|{rows}|{sum:id}"), "id,name\n1,a\n2,b\nT|2|3.50", "utf-8"),
        (FixedWidth(columns={"id": 3, "name": 3}), "  1abc\r\n\n  2d\n  x  f\r  3éàç\n", "utf-8"),
        (FixedWidth(columns={"id": 1, "name": 2}, trailer="T{rows}", skip_lines=1), "HD\n1ab\n2cd\nT00002\n", "utf-8"),
        (FixedWidth(columns={"id": 1, "name": 2}, encoding="utf-16"), "1éb\n2cd\nx \U0001f600\n", "utf-16"),
        (JsonLines(), '{"id": 1}\n{"id": "2", "name": "b"}\r\n\n[]\n{"id": "x"}\n{"id": 3, "name": "c"}', "utf-8"),
        (JsonLines(), '{"id": 1, "name": "é"}\n{"id": 2, "name": null}\n{"id": 3, "odd": [1]}\n', "utf-8-sig"),
    ],
)
def test_every_dialect_and_encoding(form: Format, text: str, encoding: str) -> None:
    assert assert_pieces_are_the_whole(text.encode(encoding), form) > 1


@settings(settings.get_profile("cuts"))
@given(
    st.lists(st.sampled_from([*CSV, "1,a", "2,b", '3,"', 'TRL"', "\ufeff4,c"]), max_size=9),
    st.sampled_from(LINE_ENDS),
    st.sampled_from(["utf-8", "latin-1", "utf-16"]),
    st.sampled_from([None, "TRL,{rows}"]),
    st.booleans(),
)
def test_any_file_is_the_same_or_refused_alike(
    lines: list[str], line_end: str, encoding: Any, trailer: str | None, has_header: bool
) -> None:
    form = Delimited(encoding=encoding, trailer=trailer, header=has_header)
    text = line_end.join(["id,name", *lines, *(["TRL,2"] if trailer else [])])
    assert_pieces_are_the_whole(text.encode(encoding, "replace"), form)


@pytest.mark.parametrize("text", ["id,name\n1,a\n", "id,name\n", "id,name", "", "\n", "id,name\n\n\n"])
@pytest.mark.parametrize("trailer", [None, "T,{rows}"])
def test_files_of_one_record_of_none_and_of_nothing(text: str, trailer: str | None) -> None:
    assert_pieces_are_the_whole(text.encode(), Delimited(trailer=trailer))


@pytest.mark.parametrize(
    ("form", "text", "options"),
    [
        (Delimited(trailer="T,{rows}"), "id,name\n1,a\n2,b\nT,3\n", {}),
        (Delimited(trailer="T,{rows}"), "id,name\n1,a\n2,b\n", {}),
        (Delimited(), 'id,name\n1,a\n2,"b\n3,c"x\n4,d\n', {}),
        (Delimited(), 'id,name\n1,a\n2,"b\n3,c\n', {}),
        (Delimited(), "name,other\na,1\nb,2\n", {}),
        (Delimited(encoding="utf-16"), "id,name\n1,a\n2,b\n", {}),
        (FixedWidth(columns={"id": 1, "name": 1}, trailer="T{rows}"), "1a\n2b\nT9\n", {}),
        (JsonLines(), '{"id": 1}\n{"id": 2, "nam": "b"}\n{"id": 3}\n', {}),
        (JsonLines(), '{"name": "a"}\n{"name": "b"}\n', {}),
        (JsonLines(), '{"id": 1, "name": "a"}\n{"id": 2, "odd": 1}\n', {"extra_columns": "refuse"}),
    ],
)
def test_a_file_that_is_refused_is_refused_for_the_same_reason(
    form: Format, text: str, options: dict[str, Any]
) -> None:
    assert isinstance(read_whole(text.encode(), form, "f.txt", PERSON, **options), dict)
    assert_pieces_are_the_whole(text.encode(), form, **options)


def test_text_that_does_not_decode_is_refused_at_its_line() -> None:
    data = b"id,name\n1,a\n2,b\n3,\xff\n4,d\n"
    assert read_whole(data, Delimited(), "f.txt", PERSON)["line"] == 4
    assert_pieces_are_the_whole(data, Delimited())
    assert "declared encoding" in str(
        found("id,n\n1,a\n".encode("utf-16") + b"\0\xd8", Delimited(encoding="utf-16")).reason
    )


TEXT = "\n".join(["id,name", *CSV, "13,n", "14,o"]).encode()
PARTS = [TEXT[start : start + 7] for start in range(0, len(TEXT), 7)]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("f.csv.gz", b"".join(map(gzip.compress, PARTS))),
        ("f.csv.gz", b"".join(gzip.compress(part) + b"\0" * 3 for part in PARTS)),
        ("f.csv.zst", b"".join(pa.compress(part, "zstd", asbytes=True) for part in PARTS)),
        (
            "f.csv.zst",
            b"".join(b"\x53\x2a\x4d\x18\2\0\0\0ab" + pa.compress(part, "zstd", asbytes=True) for part in PARTS),
        ),
    ],
)
def test_compressed_files_are_cut_after_a_member_or_a_frame(name: str, data: bytes) -> None:
    assert assert_pieces_are_the_whole(data, Delimited(), name) > 8


def people(count: int) -> bytes:
    made = random.Random(7)
    names = ["Ana", "Bo", "Cy", 'D"e', '"F, g"', '"h\ni"', ""]
    lines = [f"{number},{made.choice(names)} {made.randrange(10**9)}" for number in range(count)]
    return "\n".join(["id,name", *lines]).encode()


def streamed_gzip(data: bytes, level: int, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, 31, 9, strategy)
    return compressor.compress(data) + compressor.flush()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for block starts in less data than usual."""
    monkeypatch.setattr(gzip_points, "_CHUNK", 2**15)
    monkeypatch.setattr(gzip_points, "_CONFIRMED_BYTES", 2**12)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("level", [1, 6, 9])
def test_one_gzip_member_is_cut_at_the_starts_of_its_blocks(level: int) -> None:
    text = people(40_000)
    data = streamed_gzip(text, level) + gzip.compress(b"\n50000,last\n")
    index = found(data, Delimited(), "f.csv.gz", 100_000, 2**13).of_file(
        "f.csv.gz", Delimited(), size=len(data), **FILE
    )
    pieces = index.pieces()
    assert len(pieces) >= 5
    assert any(piece.resume is not None and piece.resume.bit for piece in pieces)
    assert read_pieces(data, Delimited(), index, PERSON) == read_whole(data, Delimited(), "f.csv.gz", PERSON)
    assert read_pieces(data, Delimited(), index, PERSON, 250_000) == read_pieces(data, Delimited(), index, PERSON)
    assert len(index.pieces(250_000)) < len(pieces)


@pytest.mark.usefixtures("small_chunks")
def test_a_piece_of_a_gzip_file_decompresses_little_before_its_start() -> None:
    data = streamed_gzip(people(40_000), 6)
    for cut in found(data, Delimited(), "f.csv.gz", 100_000, 2**13).cuts[1:]:
        assert cut.resume is not None
        assert 0 <= cut.offset - cut.resume.offset < 100_000


@pytest.mark.usefixtures("small_chunks")
def test_text_that_repeats_is_cut_where_it_can_be_resumed_or_not_at_all() -> None:
    text = b"id,name\n" + b"1,aaaaaaaaaaaaaaaaaaaaaaaaa\n" * 200_000 + people(3_000)[8:]
    data = streamed_gzip(text, 9)
    form = Delimited(max_ratio=1_000)
    index = found(data, form, "f.gz", 100_000, 2**13).of_file("f.gz", form, size=len(data), **FILE)
    pieces = index.pieces()
    whole = read_whole(data, form, "f.gz", PERSON)
    assert not pieces or read_pieces(data, form, index, PERSON) == whole


@pytest.mark.parametrize(
    ("name", "form", "reason"),
    [
        ("f.csv.zip", Delimited(), "a zip archive's members can only be read from their start"),
        ("f.csv.bz2", Delimited(), "bzip2 data can only be read from its start"),
        ("f.csv.gz.zst", Delimited(), "data that is compressed twice can only be read from its start"),
        ("f.csv.pgp", Delimited(pgp=Pgp(key="ours")), "an OpenPGP message can only be decrypted from its start"),
        ("f.parquet", Parquet(), "a file in the format Parquet cannot be cut at a record"),
        ("f.xlsx", Excel(), "a file in the format Excel cannot be cut at a record"),
    ],
)
def test_what_cannot_be_cut_says_why(name: str, form: Format, reason: str) -> None:
    assert why_uncuttable(name, form) == reason
    with CutFinder(name, form, "probe", spacing=1) as finder:
        finder.feed(b"anything")
    assert finder.finish(size=8, **FILE).reason == reason


def test_one_zstandard_frame_cannot_be_cut() -> None:
    data = pa.compress(TEXT, "zstd", asbytes=True)
    assert (
        found(data, Delimited(), "f.zst", 5).reason == "no place was found where reading its Zstandard data can start"
    )


@pytest.mark.parametrize("spoil", [lambda data: data[:-9], lambda data: data + b"x", lambda data: data[:-5] + b"12345"])
@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_damaged_data_has_no_cuts(suffix: str, spoil: Any) -> None:
    parts = [gzip.compress(part) if suffix == "gz" else pa.compress(part, "zstd", asbytes=True) for part in PARTS]
    data = spoil(b"".join(parts))
    assert isinstance(read_whole(data, Delimited(), f"f.{suffix}", PERSON), dict)
    index = index_of(data, Delimited(), f"f.{suffix}")
    assert index.pieces() == ()
    assert "cannot be read to its end" in str(index.reason)


def test_what_is_not_what_its_name_says_has_no_cuts() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("a.csv", TEXT)
    for data in (archive.getvalue(), bz2.compress(TEXT), TEXT):
        assert "not what its name" in str(found(data, Delimited(), "f.gz").reason)


def test_an_index_is_json_and_comes_back_unchanged() -> None:
    data = b"".join(map(gzip.compress, PARTS))
    index = index_of(data, Delimited(), "f.gz")
    assert CutIndex.from_json(index.to_json(), size=len(data), **FILE) == index
    for piece in index.pieces():
        assert Piece.from_fields(json.loads(json.dumps(asdict(piece)))) == piece


def test_a_damaged_index_or_that_of_another_file_is_refused() -> None:
    stored = index_of(TEXT, Delimited()).to_json()
    for damaged in (
        stored[:-9],
        stored.replace(b"offset", b"offzet"),
        stored.replace(b'"line\\":3', b'"line\\":4'),
        b"",
        b"[]",
    ):
        assert damaged != stored
        with pytest.raises(FileChangedError, match="damaged"):
            CutIndex.from_json(damaged, size=len(TEXT), **FILE)
    for other in ({"sha256": "1" * 64}, {"etag": '"2"'}, {"size": 1}):
        with pytest.raises(FileChangedError, match="of another file"):
            CutIndex.from_json(stored, **{"size": len(TEXT), **FILE, **other})  # type: ignore[arg-type]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_piece_of_other_content_is_refused(pack: Any) -> None:
    data, other = pack(TEXT[:50]) + pack(TEXT[50:]), pack(TEXT[:50]) + pack(TEXT[50:].replace(b"o", b"p"))
    piece = index_of(data, Delimited(), "f.gz" if pack is gzip.compress else "f.txt").pieces()[-1]
    for changed in (other, data[: len(data) // 2]):
        with pytest.raises(FileChangedError, match="not what it was"):
            drain(open_piece(io.BytesIO(changed), source(), PERSON, piece))


def test_a_piece_is_refused_under_another_declaration() -> None:
    piece = index_of(TEXT, Delimited()).pieces()[1]
    with pytest.raises(FileChangedError, match="another declaration"):
        open_piece(io.BytesIO(TEXT), source(Delimited(quote=None)), PERSON, piece)
    assert drain(open_piece(io.BytesIO(TEXT), source(Delimited(nulls=("b",))), PERSON, piece)).rows


@pytest.mark.parametrize("chunk", [1, 7, 40, 1_000])
def test_a_file_is_cut_alike_in_whatever_chunks_it_is_fed(chunk: int) -> None:
    data = b"".join(map(gzip.compress, PARTS))
    with CutFinder("f.gz", Delimited(), "probe", spacing=20) as finder:
        for start in range(0, len(data), chunk):
            finder.feed(data[start : start + chunk])
        fed = finder.finish(size=len(data), **FILE)
    read = found(data, Delimited(), "f.gz", spacing=20, block_bytes=BLOCK_BYTES)
    assert fed == read.of_file("f.gz", Delimited(), size=len(data), **FILE)


def test_a_finder_that_is_left_early_ends_its_thread() -> None:
    with CutFinder("f.txt", Delimited(), "probe", spacing=1) as finder:
        finder.feed(b"id,name\n1")
    assert finder.finish(size=9, **FILE).name == "f.txt"


def test_records_that_are_too_long_are_rejected_alike_wherever_a_block_or_a_piece_starts() -> None:
    lines = ["1,a", "2," + "b" * 40, '3,"' + "c\n" * 30 + '"', "4,d", "5," + "e" * 28, "5," + "e" * 27, "6,f"]
    data = "\n".join(["id,name", *lines]).encode()
    for block_bytes in range(1, 15):  # a block is smaller than the longest record, by far
        limits = {"block_bytes": block_bytes, "max_record_bytes": 30}
        got = drain(DelimitedReader([("f", io.BytesIO(data))], source(), Delimited(), PERSON, **limits))
        assert got.column("source_row") == [2, 35, 37, 38]
        assert got.reasons == [(line, None, "too_long") for line in (3, 4, 36)]
        cuts = find_cuts(io.BytesIO(data), "f", Delimited(), "probe", spacing=1, **limits).cuts
        assert {cut.line for cut in cuts} <= {1, 3, 4, 35, 36, 37, 38}
