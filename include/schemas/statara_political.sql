-- Statara political: one row per registered voter, a full snapshot per state. Some months refresh only some states.
-- Natural key: state (sii_state), state_voter_id.
-- A column can be empty in one state's file and text in another's: types come from this file, never from a delivery.
-- Each election adds columns, so the layout changes on a known calendar.
-- A provisional layout, until the vendor's own layout is available.
-- A comment starts with the column's PII class: D direct identifier, Q quasi-identifier, H health, P political,
-- O other sensitive (race, religion, finances), N none.
CREATE TABLE statara.political (
    statara_person_id       STRING  NOT NULL  COMMENT '[Q] Persistent vendor id of the person',
    state_voter_id          STRING  NOT NULL  COMMENT '[D] State voter id; its format differs by state',
    county_voter_id         STRING            COMMENT '[D] County voter id',
    sii_state               STRING  NOT NULL  COMMENT '[Q] Two-letter USPS code',
    first_name              STRING            COMMENT '[D] First name',
    middle_name             STRING            COMMENT '[D] Middle name',
    last_name               STRING            COMMENT '[D] Last name',
    name_suffix             STRING            COMMENT '[D] Jr, Sr, III',
    dob                     DATE              COMMENT '[D] Date of birth; some states send only the year, or year and month',
    myob                    STRING            COMMENT '[Q] Year and month of birth, YYYYMM',
    yob                     INT               COMMENT '[Q] Year of birth',
    sii_age                 INT               COMMENT '[Q] Age in years',
    sii_age_range           STRING            COMMENT '[Q] Age, as a range',
    sii_gender              STRING            COMMENT '[Q] M, F, U or X',
    sii_race                STRING            COMMENT '[O] A, B, H, W, U, O or N',
    sii_married             INT               COMMENT '[Q] Married: 1 or 0',
    sii_deceased            INT               COMMENT '[N] Deceased: 1 or 0',
    sii_education_level     STRING            COMMENT '[Q] A, B, C, D, E or U; E is some college',
    sii_homeowner           STRING            COMMENT '[Q] H homeowner, R renter, U unknown',
    sii_urbanicity          STRING            COMMENT '[N] R1, R2, S3, S4, U5 or U6',
    res_street_address      STRING            COMMENT '[D] Street address of residence',
    res_city_desc           STRING            COMMENT '[Q] City of residence',
    zip_code                STRING            COMMENT '[Q] ZIP code, leading zeros kept',
    mail_addr1              STRING            COMMENT '[D] Mailing address',
    full_phone_number       STRING            COMMENT '[D] Phone number',
    status_cd               STRING            COMMENT '[P] Registration status: A, I, D, R or S (as in NC)',
    registr_dt              DATE              COMMENT '[P] Date of registration',
    svi_party_registration  STRING            COMMENT '[P] Registered party, harmonized across states',
    party_cd                STRING            COMMENT '[P] Party as the state sends it, before harmonization',
    svi_vote_all_general    INT               COMMENT '[P] Number of general elections voted in',
    svi_vh_2020pp_party     STRING            COMMENT '[P] 2020 presidential primary: party (pattern svi_vh_<year><election>[_party])',
    svi_vh_2021p            STRING            COMMENT '[P] 2021 primary: how the vote was cast',
    svi_vh_2021p_party      STRING            COMMENT '[P] 2021 primary: party',
    svi_vh_2023p            STRING            COMMENT '[P] 2023 primary: how the vote was cast',
    svi_vh_2023p_party      STRING            COMMENT '[P] 2023 primary: party',
    svi_vh_2023g            STRING            COMMENT '[P] 2023 general: how the vote was cast',
    svi_vh_2024g            STRING            COMMENT '[P] 2024 general: how the vote was cast',
    cong_dist               STRING            COMMENT '[Q] Congressional district, leading zeros kept',
    state_senate_dist       STRING            COMMENT '[Q] State senate district, leading zeros kept',
    state_house_dist        STRING            COMMENT '[Q] State house district, leading zeros kept',
    precinct                STRING            COMMENT '[Q] Precinct code',
    county_fips             STRING            COMMENT '[Q] FIPS county code, leading zeros kept',
    confidential_ind        STRING            COMMENT '[N] Confidential record: Y or N',
    permitted_use           STRING            COMMENT '[N] The state''s license class, e.g. political_only; drives row filters'
)
PARTITIONED BY (delivery_period)
SORTED BY (sii_state, county_fips)
COMMENT 'One row per registered voter'
