-- AIQ business to business: one row per business contact linked to a consumer id, a full snapshot each quarter.
-- Natural key: business_contact_id, aiq_hhid, aiq_indid.
-- A provisional layout, until the vendor's own layout is available.
-- A comment starts with the column's PII class: D direct identifier, Q quasi-identifier, H health, P political,
-- O other sensitive (race, religion, finances), N none.
CREATE TABLE aiq.b2b (
    aiq_hhid                 STRING             COMMENT '[Q] AIQ household id, which links to the consumer file',
    aiq_indid                STRING             COMMENT '[Q] AIQ individual id, which links to the consumer file',
    business_contact_id      STRING   NOT NULL  COMMENT '[Q] Vendor id of the contact',
    business_id              STRING             COMMENT '[N] Vendor id of the business',
    business_name            STRING             COMMENT '[N] Business name',
    business_domain          STRING             COMMENT '[N] Web domain',
    contact_first_name       STRING             COMMENT '[D] First name',
    contact_last_name        STRING             COMMENT '[D] Last name',
    job_title                STRING             COMMENT '[Q] Job title',
    job_function             STRING             COMMENT '[Q] Department',
    job_seniority            STRING             COMMENT '[Q] Seniority level',
    business_email           STRING             COMMENT '[D] Work e-mail address',
    business_email_sha256    STRING             COMMENT '[D] SHA-256 of the work e-mail address; a hash is still an identifier',
    business_phone           STRING             COMMENT '[D] Work phone number',
    business_address_line_1  STRING             COMMENT '[Q] Street address of the business',
    business_city            STRING             COMMENT '[N] City',
    business_state           STRING             COMMENT '[N] Two-letter USPS code',
    business_zip5            STRING             COMMENT '[N] ZIP code, leading zeros kept',
    business_zip4            STRING             COMMENT '[N] ZIP+4 add-on, leading zeros kept',
    sic_code                 STRING             COMMENT '[N] SIC code, 4 to 8 digits, leading zeros kept',
    naics_code               STRING             COMMENT '[N] NAICS code, 6 digits',
    employee_size_range      STRING             COMMENT '[N] Employees, as a range',
    sales_volume_range       STRING             COMMENT '[N] Annual sales, as a range',
    year_established         INT                COMMENT '[N] Year established',
    location_type            STRING             COMMENT '[N] HQ, branch or single',
    is_soho                  BOOLEAN            COMMENT '[N] Small office or home office',
    is_decision_maker        BOOLEAN            COMMENT '[N] Makes purchase decisions',
    linkedin_url             STRING             COMMENT '[D] Profile page',
    record_last_verified     DATE               COMMENT '[N] When the vendor last verified the record'
)
PARTITIONED BY (delivery_period)
SORTED BY (business_state, business_zip5)
COMMENT 'One row per business contact'
