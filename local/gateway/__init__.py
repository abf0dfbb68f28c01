"""A thin gateway that makes SeaweedFS answer as S3 Tables does.

    request ─ sigv4 ─ app ─┬─ s3tables   the S3 Tables API, at /
                           └─ iceberg    the Iceberg REST catalog, at /iceberg
                                  └─ upstream ─> SeaweedFS, signed anew

It forwards what the store answers as AWS does, translates what the store answers elsewhere, and refuses what AWS
refuses. Data do not pass through it: clients read and write objects on the store itself.
"""
