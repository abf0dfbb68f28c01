-- Statara digital campaign: one row per person and digital identifier, a full snapshot each month.
-- Natural key: statara_person_id, identifier_type, identifier_value.
-- A provisional layout, until the vendor's own layout is available.
-- A comment starts with the column's PII class: D direct identifier, Q quasi-identifier, H health, P political,
-- O other sensitive (race, religion, finances), N none.
CREATE TABLE statara.digital_campaign (
    statara_person_id      STRING   NOT NULL  COMMENT '[Q] Persistent vendor id of the person',
    household_id           STRING             COMMENT '[Q] Vendor id of the household',
    state                  STRING   NOT NULL  COMMENT '[Q] Two-letter USPS code',
    zip5                   STRING             COMMENT '[Q] ZIP code, leading zeros kept',
    identifier_type        STRING   NOT NULL  COMMENT '[N] email_sha256, email_md5, idfa, aaid, ctv_id, ip or cookie',
    identifier_value       STRING   NOT NULL  COMMENT '[D] The identifier; lower-case hex for hashes',
    identifier_first_seen  DATE               COMMENT '[N] Date first seen',
    identifier_last_seen   DATE               COMMENT '[N] Date last seen',
    match_confidence       INT                COMMENT '[N] Match confidence, 0 to 100',
    first_name             STRING             COMMENT '[D] First name',
    last_name              STRING             COMMENT '[D] Last name',
    address_line_1         STRING             COMMENT '[D] Street address',
    city                   STRING             COMMENT '[Q] City',
    zip4                   STRING             COMMENT '[Q] ZIP+4 add-on, leading zeros kept',
    email                  STRING             COMMENT '[D] E-mail address',
    cell_phone             STRING             COMMENT '[D] Cell phone number',
    landline_phone         STRING             COMMENT '[D] Landline phone number',
    segment_ids            STRING             COMMENT '[Q] Segment codes, separated by commas',
    id_type                STRING             COMMENT '[N] Class of the identifier',
    sii_age                INT                COMMENT '[Q] Age in years',
    sii_gender             STRING             COMMENT '[Q] M, F, U or X',
    sii_homeowner          STRING             COMMENT '[Q] H homeowner, R renter, U unknown',
    sii_education_level    STRING             COMMENT '[Q] A, B, C, D, E or U',
    do_not_mail            BOOLEAN            COMMENT '[N] On a do-not-mail list',
    do_not_call            BOOLEAN            COMMENT '[N] On a do-not-call list',
    ccpa_opt_out           BOOLEAN            COMMENT '[N] CCPA opt-out; whether licensees get a flag or a deletion file is not public'
)
PARTITIONED BY (delivery_period)
SORTED BY (state, zip5)
COMMENT 'One row per person and identifier'
