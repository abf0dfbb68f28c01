"""Administration of the table bucket: maintenance, grants, plan and apply, inventory, checks of the account.

settings.py    ─ S3 Tables' maintenance settings: levels, defaults and ranges; read them, put them
maintenance.py ─ declared maintenance settings, put where the live ones differ; maintenance jobs; retention warnings
status.py      ─ each table's maintenance status: settings, jobs, small files, next snapshot to expire
history.py     ─ a table's snapshots and data files: which load wrote them, and when snapshots expire
declared.py    ─ what is declared for the table bucket as a whole
tags.py        ─ tags of tables and of the table bucket
storage.py     ─ storage class, encryption, metrics, access log and replication
inventory.py   ─ table buckets, namespaces and tables, with each table's rows, files, size and last load
access.py      ─ grants, as statements of resource policies
policies.py    ─ the live policies: grant, revoke, compare with the declared grants
plan.py        ─ how the table bucket differs from the declarations, and the steps that apply them
probe.py       ─ the checks of `./gv doctor`
query.py       ─ how each engine reads a table, as text to copy
"""
