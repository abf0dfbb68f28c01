-- Popsycle intent triggers: one row per signal, appended daily; expect rows with earlier event dates.
-- Natural key: trigger_id; if it is missing, identifier_type, identifier_value, topic_id and event_ts.
-- A provisional layout, until the vendor's own layout is available.
-- A comment starts with the column's PII class: D direct identifier, Q quasi-identifier, H health, P political,
-- O other sensitive (race, religion, finances), N none.
CREATE TABLE popsycle.intent_triggers (
    trigger_id           STRING                  COMMENT '[N] Vendor id of the trigger',
    event_ts             TIMESTAMP     NOT NULL  COMMENT '[N] When the signal was seen',
    identifier_type      STRING        NOT NULL  COMMENT '[N] email_sha256, email_md5, maid, cookie or ip',
    identifier_value     STRING        NOT NULL  COMMENT '[D] The identifier; lower-case hex for hashes',
    email_sha256         STRING                  COMMENT '[D] SHA-256 of the e-mail address, hex',
    email_md5            STRING                  COMMENT '[D] MD5 of the e-mail address, hex',
    maid                 STRING                  COMMENT '[D] Mobile advertising id',
    maid_type            STRING                  COMMENT '[N] IDFA or AAID',
    ip_address           STRING                  COMMENT '[D] IP address: ask the vendor to truncate or omit it',
    statara_person_id    STRING                  COMMENT '[Q] Vendor id of the person, if resolved',
    topic_id             STRING        NOT NULL  COMMENT '[N] Topic code',
    topic_name           STRING                  COMMENT '[Q] Topic name',
    intent_category      STRING                  COMMENT '[Q] Intent category',
    intent_score         DECIMAL(7,3)            COMMENT '[Q] Intent strength',
    topic_strength_text  STRING                  COMMENT '[N] Strength as text',
    is_trending          BOOLEAN                 COMMENT '[N] Whether the topic is trending',
    signal_type          STRING                  COMMENT '[N] page view, search, location or app',
    source_url           STRING                  COMMENT '[Q] Page URL; can reveal health or politics',
    source_domain        STRING                  COMMENT '[N] Domain of the page',
    iab_category         STRING                  COMMENT '[N] IAB content taxonomy id and version',
    signal_count         INT                     COMMENT '[N] Number of signals that caused the trigger',
    geo_state            STRING                  COMMENT '[Q] Two-letter USPS code; CA and WA rows need their own rules',
    geo_zip5             STRING                  COMMENT '[Q] ZIP code, leading zeros kept',
    latitude             DECIMAL(9,6)            COMMENT '[O] Precise geolocation: ask the vendor to omit it',
    longitude            DECIMAL(9,6)            COMMENT '[O] Precise geolocation: ask the vendor to omit it',
    client_code          STRING                  COMMENT '[N] Client that the trigger set is for',
    expires_at           TIMESTAMP               COMMENT '[N] After this the identifier must not be used',
    gpp_string           STRING                  COMMENT '[N] IAB Global Privacy Platform signal'
)
PARTITIONED BY (delivery_period)
SORTED BY (event_ts)
COMMENT 'One row per intent signal'
