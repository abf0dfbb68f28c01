"""Lands remote files: stores byte-exact copies in the landing zone, with their SHA-256.

origins.py  ─ where vendors put files: list, stat and open them (SFTP, S3, local folders)
listing.py  ─ which files belong to a period's delivery; the inbox
complete.py ─ whether that delivery is complete, from poll to poll
rules.py    ─ the checks of the declared rules
manifest.py ─ the vendor's own list of a delivery's files
land.py     ─ the copy: streamed, hashed, verified, never overwritten
find.py     ─ finds a landed copy by its name and content
retention.py─ removes landed copies that are older than declared
inbox.py    ─ puts files of this machine into the inbox
"""
