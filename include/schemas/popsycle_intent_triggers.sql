-- Popsycle intent triggers: one row per signal, appended daily; expect rows of earlier event dates.
-- Natural key: trigger_id, else identifier_type, identifier_value, topic_id, event_ts.
-- A working layout until the vendor's own is in hand.
-- A comment starts with the column's PII class: D direct identifier, Q quasi-identifier, H health, P political,
-- O other sensitive (race, religion, finances), N none.
CREATE TABLE popsycle.intent_triggers (
    trigger_id           STRING                  COMMENT '[N] Vendor id of the trigger',
    event_ts             TIMESTAMP     NOT NULL  COMMENT '[N] When the signal was seen',
    identifier_type      STRING        NOT NULL  COMMENT '[N] email_sha256, email_md5, maid, cookie or ip',
    identifier_value     STRING        NOT NULL  COMMENT '[D] The identifier; lower-case hex for hashes',
    email_sha256         STRING                  COMMENT '[D] SHA-256 of the e-mail, hex',
    email_md5            STRING                  COMMENT '[D] MD5 of the e-mail, hex',
    maid                 STRING                  COMMENT '[D] Mobile advertising id',
    maid_type            STRING                  COMMENT '[N] IDFA or AAID',
    ip_address           STRING                  COMMENT '[D] IP address: ask the vendor to cut or leave it out',
    statara_person_id    STRING                  COMMENT '[Q] Vendor id of the person, if resolved',
    topic_id             STRING        NOT NULL  COMMENT '[N] Code of the topic',
    topic_name           STRING                  COMMENT '[Q] Name of the topic',
    intent_category      STRING                  COMMENT '[Q] Category of the intent',
    intent_score         DECIMAL(7,3)            COMMENT '[Q] Strength of the intent',
    topic_strength_text  STRING                  COMMENT '[N] Strength in words',
    is_trending          BOOLEAN                 COMMENT '[N] The topic is trending',
    signal_type          STRING                  COMMENT '[N] page view, search, location or app',
    source_url           STRING                  COMMENT '[Q] Page; may reveal health or politics',
    source_domain        STRING                  COMMENT '[N] Domain of the page',
    iab_category         STRING                  COMMENT '[N] IAB content taxonomy id and version',
    signal_count         INT                     COMMENT '[N] Signals behind the trigger',
    geo_state            STRING                  COMMENT '[Q] Two-letter USPS code; CA and WA rows need rules',
    geo_zip5             STRING                  COMMENT '[Q] ZIP code, leading zeros kept',
    latitude             DECIMAL(9,6)            COMMENT '[O] Precise geolocation: ask the vendor to leave it out',
    longitude            DECIMAL(9,6)            COMMENT '[O] Precise geolocation: ask the vendor to leave it out',
    client_code          STRING                  COMMENT '[N] Which client the trigger set is for',
    expires_at           TIMESTAMP               COMMENT '[N] After this the identifier must not be used',
    gpp_string           STRING                  COMMENT '[N] IAB Global Privacy Platform signal'
)
PARTITIONED BY (delivery_period)
SORTED BY (event_ts)
COMMENT 'One row per intent signal'
