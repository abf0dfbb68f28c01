-- Example of an event table with NOT NULL columns. No source loads it.
CREATE TABLE user_events (
    event_id     uuid       NOT NULL,
    user_id      bigint     NOT NULL,
    event_type   string     NOT NULL,
    event_time   timestamp  NOT NULL,
    session_id   string,
    page_url     text,
    is_mobile    boolean,
    duration_ms  int,
    payload      binary
)
PARTITIONED BY (days(event_time))
