def test_a_new_namespace_is_empty(account, namespace):
    assert (
        account.client("s3tables").list_tables(tableBucketARN=account.table_bucket_arn, namespace=namespace)["tables"]
        == []
    )
