"""Remote file → landing zone, byte for byte, with its sha256.

origins.py ─ where a vendor puts files: list, stat, open (SFTP, S3, this machine)
listing.py ─ which of them are a period's delivery, and whether it is complete; the inbox
land.py    ─ the copy: streamed, hashed, checked before and after, never over other bytes
"""
