-- CML nurse: one row per nursing license, a full list each time, without a schedule.
-- Natural key: license_state, license_number. Many nurses have no NPI, so it is not the key.
-- A provisional layout, until the vendor's own layout is available.
-- A comment starts with the column's PII class: D direct identifier, Q quasi-identifier, H health, P political,
-- O other sensitive (race, religion, finances), N none.
CREATE TABLE cml.nurse (
    cml_record_id            STRING             COMMENT '[Q] Vendor id of the record',
    npi                      STRING             COMMENT '[D] National Provider Identifier, 10 digits; many RNs have none',
    first_name               STRING             COMMENT '[D] First name (NPPES: Provider First Name)',
    middle_name              STRING             COMMENT '[D] Middle name',
    last_name                STRING             COMMENT '[D] Last name',
    credential_text          STRING             COMMENT '[Q] RN, LPN, NP, CRNA',
    license_number           STRING   NOT NULL  COMMENT '[D] License number, leading zeros kept; unique only with state and rank',
    license_state            STRING   NOT NULL  COMMENT '[Q] State that issued the license',
    license_rank_code        STRING             COMMENT '[Q] Rank prefix, for example in Florida',
    license_status           STRING             COMMENT '[Q] Active, expired, inactive',
    license_original_date    DATE               COMMENT '[Q] Date of first issue',
    license_expiration_date  DATE               COMMENT '[Q] Expiration date',
    compact_multistate       BOOLEAN            COMMENT '[N] Valid in other states under the Nurse Licensure Compact',
    taxonomy_code            STRING             COMMENT '[N] NUCC code, e.g. 163W00000X',
    specialty                STRING             COMMENT '[Q] Specialty',
    gender_code              STRING             COMMENT '[Q] M or F',
    practice_address_line_1  STRING             COMMENT '[Q] Street address of the practice',
    practice_city            STRING             COMMENT '[Q] City of the practice',
    practice_state           STRING             COMMENT '[Q] State of the practice',
    practice_postal_code     STRING             COMMENT '[Q] ZIP of the practice, 9 digits without a dash, as in NPPES',
    practice_phone           STRING             COMMENT '[D] Phone number of the practice',
    mailing_address_line_1   STRING             COMMENT '[D] Mailing address',
    mailing_city             STRING             COMMENT '[Q] Mailing city',
    mailing_state            STRING             COMMENT '[Q] Mailing state',
    mailing_postal_code      STRING             COMMENT '[Q] Mailing ZIP, 9 digits without a dash',
    personal_email           STRING             COMMENT '[D] Personal e-mail address',
    work_email               STRING             COMMENT '[D] Work e-mail address',
    cell_phone               STRING             COMMENT '[D] Cell phone number',
    employer_name            STRING             COMMENT '[Q] Employer',
    employer_type            STRING             COMMENT '[N] Hospital, clinic, home health, school',
    year_of_birth            INT                COMMENT '[Q] Year of birth',
    ama_style_no_contact     BOOLEAN            COMMENT '[N] The person asked not to be contacted'
)
PARTITIONED BY (delivery_period)
COMMENT 'One row per nursing license'
