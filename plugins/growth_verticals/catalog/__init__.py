"""The table bucket's Iceberg catalog: open it, create tables, compare them with their contracts, read and write files.

rest.py           ─ the REST catalog, opened with the account's credentials
file_io.py        ─ pyiceberg's file IO with bounded memory, and one that never deletes
service_errors.py ─ what servers and client libraries raise, as errors of this package
create.py         ─ a contract's table, created if missing
differences.py    ─ how a live table differs from its contract, and the change that removes each difference
"""
