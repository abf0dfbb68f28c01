"""What a delivery is like as a whole, and whether that is as expected. It is known before any row is committed.

profile.py  ─ rows, NULLs, bounds and rejects, from the metadata of data files
history.py  ─ the data files of earlier periods, from the table's metadata
keys.py     ─ repeated and known keys, in bounded memory
sums.py     ─ exact sums of a column
evaluate.py ─ the findings of a source's checks
report.py   ─ the report of the checks, and whether it lets the delivery be committed
check.py    ─ a delivery's report, from its staged files and the table
store.py    ─ the profile of a committed delivery, next to its receipts
"""
