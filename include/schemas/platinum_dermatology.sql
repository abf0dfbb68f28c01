-- Client Platinum Dermatology: one row per patient, a full list or monthly additions. Every row is PHI.
-- Natural key: client_patient_id.
-- Isolation: needs a recorded BAA, its own table bucket and KMS key, and logged access; append no vendor data outside the
-- BAA.
-- A provisional layout, until the client's own layout is available.
-- A comment starts with the column's PII class: D direct identifier, Q quasi-identifier, H health, P political,
-- O other sensitive (race, religion, finances), N none.
CREATE TABLE platinum_dermatology.patient (
    client_patient_id             STRING   NOT NULL  COMMENT '[D] The client''s own id; being on the list is itself health information',
    first_name                    STRING             COMMENT '[D] First name',
    last_name                     STRING             COMMENT '[D] Last name',
    address_line_1                STRING             COMMENT '[D] Street address',
    city                          STRING             COMMENT '[D] City; an identifier under HIPAA safe harbor, like all geography below the state',
    state                         STRING             COMMENT '[Q] Two-letter USPS code',
    zip5                          STRING             COMMENT '[D] ZIP code, leading zeros kept; safe harbor allows 3 digits',
    email                         STRING             COMMENT '[D] E-mail address',
    phone                         STRING             COMMENT '[D] Phone number',
    birth_year                    INT                COMMENT '[Q] Birth year',
    gender                        STRING             COMMENT '[Q] M, F or U',
    practice_location_id          STRING             COMMENT '[H] Practice that the patient visited',
    first_visit_date              DATE               COMMENT '[H] First visit',
    last_visit_date               DATE               COMMENT '[H] Last visit',
    visit_count_12m               INT                COMMENT '[H] Visits in the last 12 months',
    service_line                  STRING             COMMENT '[H] medical, surgical or cosmetic',
    procedure_group               STRING             COMMENT '[H] Procedure group',
    payer_type                    STRING             COMMENT '[H] Payer type',
    revenue_band                  STRING             COMMENT '[H] Revenue, as a range',
    marketing_authorization_date  DATE               COMMENT '[H] HIPAA authorization for marketing, where required',
    marketing_opt_out             BOOLEAN            COMMENT '[N] Opted out of marketing'
)
PARTITIONED BY (delivery_period)
COMMENT 'One row per patient: every row is PHI'
