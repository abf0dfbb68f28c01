-- Example of a sales table, for `create_table.py -b my-table-bucket -s schemas/daily_sales.sql`. No source loads it.
CREATE TABLE daily_sales (
    sale_date         date,
    store_id          int,
    product_id        bigint,
    product_category  varchar(64),
    quantity          int,
    unit_price        decimal(10,2),
    sales_amount      decimal(12,2)
)
PARTITIONED BY (month(sale_date))
TBLPROPERTIES ('table_type' = 'iceberg')
