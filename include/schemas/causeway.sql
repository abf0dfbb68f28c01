-- Causeway: one row per person, a full list each time, without a schedule.
-- Natural key: causeway_id.
-- A provisional layout, until the vendor's own layout is available.
-- A comment starts with the column's PII class: D direct identifier, Q quasi-identifier, H health, P political,
-- O other sensitive (race, religion, finances), N none.
CREATE TABLE causeway.person (
    causeway_id             STRING        NOT NULL  COMMENT '[Q] Vendor id of the person',
    household_id            STRING                  COMMENT '[Q] Vendor id of the household',
    state_voter_id          STRING                  COMMENT '[D] State voter id; its format differs by state',
    first_name              STRING                  COMMENT '[D] First name',
    last_name               STRING                  COMMENT '[D] Last name',
    address_line_1          STRING                  COMMENT '[D] Street address',
    city                    STRING                  COMMENT '[Q] City',
    state                   STRING        NOT NULL  COMMENT '[Q] Two-letter USPS code',
    zip5                    STRING                  COMMENT '[Q] ZIP code, leading zeros kept',
    age                     INT                     COMMENT '[Q] Age in years',
    gender                  STRING                  COMMENT '[Q] M, F or U',
    email                   STRING                  COMMENT '[D] E-mail address',
    phone                   STRING                  COMMENT '[D] Phone number',
    registered_party        STRING                  COMMENT '[P] Registered party',
    modeled_party           STRING                  COMMENT '[P] Modeled party: Democrat, Republican or swing',
    turnout_score           DECIMAL(5,2)            COMMENT '[P] Modeled turnout, 0 to 100',
    swing_voter_flag        BOOLEAN                 COMMENT '[P] Modeled as a swing voter',
    issue_segment_codes     STRING                  COMMENT '[P] Issue segments, separated by commas',
    consumer_segment_codes  STRING                  COMMENT '[N] Consumer segments, separated by commas',
    media_usage_segment     STRING                  COMMENT '[N] Media usage segment',
    model_run_date          DATE                    COMMENT '[N] Date of the model run'
)
PARTITIONED BY (delivery_period)
SORTED BY (state, zip5)
COMMENT 'One row per person'
