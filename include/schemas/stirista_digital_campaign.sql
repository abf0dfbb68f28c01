-- Stirista digital campaign: one row per individual, each month; a full snapshot, or additions, changes and deletions.
-- It may replace Statara for digital campaigns. Natural key: stirista_individual_id.
-- A provisional layout, until the vendor's own layout is available.
-- A comment starts with the column's PII class: D direct identifier, Q quasi-identifier, H health, P political,
-- O other sensitive (race, religion, finances), N none.
CREATE TABLE stirista.digital_campaign (
    stirista_individual_id  STRING  NOT NULL  COMMENT '[Q] Vendor id of the individual',
    stirista_household_id   STRING            COMMENT '[Q] Vendor id of the household',
    action_code             STRING            COMMENT '[N] A add, C change or D delete, if the vendor sends deltas',
    first_name              STRING            COMMENT '[D] First name',
    last_name               STRING            COMMENT '[D] Last name',
    address_line_1          STRING            COMMENT '[D] Street address',
    city                    STRING            COMMENT '[Q] City',
    state                   STRING  NOT NULL  COMMENT '[Q] Two-letter USPS code',
    zip5                    STRING            COMMENT '[Q] ZIP code, leading zeros kept',
    zip4                    STRING            COMMENT '[Q] ZIP+4 add-on, leading zeros kept',
    dpv_code                STRING            COMMENT '[N] USPS delivery point validation',
    email                   STRING            COMMENT '[D] E-mail address',
    email_md5               STRING            COMMENT '[D] MD5 of the e-mail address, hex',
    email_sha1              STRING            COMMENT '[D] SHA-1 of the e-mail address, hex',
    email_sha256            STRING            COMMENT '[D] SHA-256 of the e-mail address, hex',
    cell_phone              STRING            COMMENT '[D] Cell phone number',
    maid                    STRING            COMMENT '[D] Mobile advertising id',
    maid_type               STRING            COMMENT '[N] IDFA or AAID',
    ip_address              STRING            COMMENT '[D] IP address',
    connected_tv_id         STRING            COMMENT '[D] Connected TV id',
    age_range               STRING            COMMENT '[Q] Age, as a range',
    gender                  STRING            COMMENT '[Q] M, F or U',
    income_range            STRING            COMMENT '[O] Income, as a range',
    home_owner_flag         STRING            COMMENT '[Q] Homeowner: Y, N or U',
    presence_of_children    STRING            COMMENT '[Q] Children present: Y, N or U',
    ethnic_group            STRING            COMMENT '[O] Ethnic group code',
    party_affiliation       STRING            COMMENT '[P] Party; the vendor also sells a voter product',
    interest_codes          STRING            COMMENT '[N] Interest codes, separated by commas',
    b2b_company             STRING            COMMENT '[N] Employer',
    b2b_title               STRING            COMMENT '[Q] Job title',
    b2b_email               STRING            COMMENT '[D] Work e-mail address',
    last_seen_date          DATE              COMMENT '[N] When the vendor last saw the record',
    opt_out_flag            STRING            COMMENT '[N] Opted out: Y or N'
)
PARTITIONED BY (delivery_period)
SORTED BY (state, zip5)
COMMENT 'One row per individual'
