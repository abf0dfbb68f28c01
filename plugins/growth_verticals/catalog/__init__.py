"""The table bucket's Iceberg catalog: open it, create tables, compare them with their contracts, read and write files.

rest.py           ─ opens the REST catalog with the account's credentials
file_io.py        ─ pyiceberg's file IO with bounded memory, and one that never deletes
service_errors.py ─ turns the exceptions of servers and client libraries into this package's
create.py         ─ creates a contract's table if it is missing
differences.py    ─ how a live table differs from its contract, and the change that removes each difference
load_summary.py   ─ the load that made a snapshot, in the snapshot's summary
"""
