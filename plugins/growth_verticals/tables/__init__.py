"""The path of rows: from landed files into an Iceberg table, and out of it again.

stage.py        ─ parse landed files and write their rows as data files
prefetch.py     ─ small files, opened ahead of the one that is read
writer.py       ─ rows into Parquet files, in bounded memory
partition.py    ─ rows split by partition
sort_order.py   ─ rows sorted by the table's sort order
dictionaries.py ─ which columns are dictionary-encoded
staged.py       ─ staged batches and their staged manifests
commit.py       ─ staged batches into the table, in one snapshot, exactly once
counts.py       ─ checks of the counts of a delivery, before its commits
commit_loop.py  ─ one commit, on the snapshot that was checked or not at all
ledger.py       ─ which files and rows the table holds
restated.py     ─ what leaves when a file comes again with other content
rejects_sync.py ─ the rejects table follows the table: rows and rejects of a file come from one staging
scan.py         ─ some columns of a table, one row group at a time
rewrite.py      ─ rows removed from a table, in bounded memory
undo.py         ─ loaded files, removed from their tables
retention.py    ─ periods and rejects that are older than declared, removed from their tables
reload.py       ─ loaded files, staged again, in the place of their rows
rejected.py     ─ the rejects table: counts, reasons and records
replay.py       ─ rejected records that are valid now, loaded exactly once
rereading.py    ─ one file's rejected records, read and staged again
sql.py          ─ one SELECT over the tables' current snapshots, run by DuckDB
duckdb_files.py ─ the snapshots' files, as a file system for DuckDB
duckdb_views.py ─ a snapshot, as a SELECT for DuckDB
"""
