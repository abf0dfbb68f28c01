"""Lands remote files: stores byte-exact copies in the landing zone, with their SHA-256.

origins.py ─ where vendors put files: list, stat and open them (SFTP, S3, local folders)
listing.py ─ which files belong to a period's delivery, and whether it is complete; the inbox
land.py    ─ the copy: streamed, hashed, verified, never overwritten
find.py    ─ finds a landed copy by its name and content
"""
