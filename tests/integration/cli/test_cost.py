"""`./gv cost`: each source with its parts, in 80 columns, and totals by client."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.cli.conftest import Acme


def test_a_loaded_source_has_costs_and_the_lines_fit(acme: Acme, tmp_path: Path):
    (tmp_path / "people.csv").write_text("person_id,born,visits,note\n1,2000-01-31,3,x\n2,someday,3,x\n")
    before = json.loads(acme.gv("cost", "--json").stdout)
    assert before["sources"][0]["total"] == 0
    assert acme.gv("load", "acme", tmp_path / "people.csv", "--period", "2026-11-20").returncode == 0
    document = json.loads(acme.gv("cost", "acme", "--json").stdout)
    [cost] = document["sources"]
    assert (cost["source"], cost["client"], cost["files"]) == ("acme", acme.table.split(".")[0], 2)
    assert cost["storage"] > 0 < cost["landing"]
    # Two data files, and as landed objects the copy, its receipt and the profile: each was uploaded in one request.
    assert cost["requests"] == 5 / 1_000 * document["prices"]["put_per_1000"]
    assert cost["monitoring"] == 2 / 1_000 * document["prices"]["table_monitoring_per_1000_files"]
    assert list(document["clients"]) == [cost["client"]]
    lines = acme.gv("cost").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["source", "GB", "files", "storage", "raw", "upkeep", "total"]
    assert lines[1].split() == ["acme", "0.0", "2", "0.00", "0.00", "0.00", "0.00"]


def test_the_longest_names_and_numbers_fit_80_columns(acme: Acme, capsys) -> None:
    from growth_verticals.cli.cost import _print
    from growth_verticals.cost import Cost
    from growth_verticals.declarations import SOURCES_FOLDER

    names = [path.stem for path in (Path(__file__).parents[3] / "dags/sources").glob("*.py")]
    assert acme.folder == SOURCES_FOLDER
    large = {"gb": 12_345.6, "files": 123_456, "storage": 1_234.56, "landing": 1_234.56}
    costs = [
        Cost(source=name, client=name, monitoring=123.45, compaction=123.45, requests=1.0, **large) for name in names
    ]
    _print(costs, dict.fromkeys(names, 12345.67))
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
