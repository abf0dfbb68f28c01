"""A thin gateway that makes SeaweedFS respond like S3 Tables.

    request ─ sigv4 ─ app ─┬─ s3tables   the S3 Tables API, at /
                           └─ iceberg    the Iceberg REST catalog, at /iceberg
                                  └─ upstream ─> SeaweedFS, signed again

It forwards requests that the store handles like AWS, translates those that the store handles differently, and refuses
those that AWS refuses. No data passes through it: clients read and write objects directly on the store.
"""
