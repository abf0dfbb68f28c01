-- Client Horace Mann: one row per person, a campaign's full list. GLBA nonpublic personal information is likely.
-- Natural key: client_person_id.
-- Isolation: its own namespace and IAM role; never join it into vendor tables that are resold.
-- A provisional layout, until the client's own layout is available.
-- A comment starts with the column's PII class: D direct identifier, Q quasi-identifier, H health, P political,
-- O other sensitive (race, religion, finances), N none.
CREATE TABLE horace_mann.person (
    client_person_id         STRING   NOT NULL  COMMENT '[D] The client''s own id for the person',
    record_type              STRING   NOT NULL  COMMENT '[N] customer, prospect, lapsed or suppression',
    first_name               STRING             COMMENT '[D] First name',
    last_name                STRING             COMMENT '[D] Last name',
    address_line_1           STRING             COMMENT '[D] Street address',
    city                     STRING             COMMENT '[Q] City',
    state                    STRING   NOT NULL  COMMENT '[Q] Two-letter USPS code',
    zip5                     STRING             COMMENT '[Q] ZIP code, leading zeros kept',
    email                    STRING             COMMENT '[D] E-mail address',
    phone                    STRING             COMMENT '[D] Phone number',
    date_of_birth            DATE               COMMENT '[D] Date of birth: ask the client not to send it',
    occupation               STRING             COMMENT '[Q] Teacher, administrator',
    school_district_nces_id  STRING             COMMENT '[Q] NCES LEA id, 7 digits, leading zeros kept',
    school_nces_id           STRING             COMMENT '[Q] NCES school id, 12 digits, leading zeros kept',
    product_lines            STRING             COMMENT '[O] auto, home, life, annuity, supplemental; separated by commas',
    policy_effective_date    DATE               COMMENT '[O] Date from which the policy is in force',
    policy_lapse_date        DATE               COMMENT '[O] Date on which the policy lapsed',
    agent_code               STRING             COMMENT '[Q] Agent code',
    campaign_code            STRING             COMMENT '[N] Campaign code',
    do_not_solicit           BOOLEAN            COMMENT '[N] Must not be solicited',
    glba_opt_out             BOOLEAN            COMMENT '[N] Opted out of sharing under GLBA'
)
PARTITIONED BY (delivery_period)
COMMENT 'One row per person on a campaign list'
