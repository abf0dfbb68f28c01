-- LS Corp: content and grain are unknown, without a schedule. Columns that are not listed here are stored in `extra`.
-- Natural key: none until a layout is available; source_file_sha256 and source_row identify a row.
-- A provisional layout, until the vendor's own layout is available.
-- A comment starts with the column's PII class: D direct identifier, Q quasi-identifier, H health, P political,
-- O other sensitive (race, religion, finances), N none.
CREATE TABLE ls_corp.contact (
    ls_record_id      STRING              COMMENT '[Q] Vendor id of the record',
    first_name        STRING              COMMENT '[D] First name',
    last_name         STRING              COMMENT '[D] Last name',
    address_line_1    STRING              COMMENT '[D] Street address',
    address_line_2    STRING              COMMENT '[D] Apartment or unit',
    city              STRING              COMMENT '[Q] City',
    state             STRING              COMMENT '[Q] Two-letter USPS code',
    zip5              STRING              COMMENT '[Q] ZIP code, leading zeros kept',
    zip4              STRING              COMMENT '[Q] ZIP+4 add-on, leading zeros kept',
    phone             STRING              COMMENT '[D] Phone number',
    email             STRING              COMMENT '[D] E-mail address',
    birth_year        INT                 COMMENT '[Q] Birth year',
    gender            STRING              COMMENT '[Q] M, F or U',
    lead_source       STRING              COMMENT '[N] Source of the lead',
    lead_date         DATE                COMMENT '[N] Date of the lead',
    category          STRING              COMMENT '[N] Category of the lead',
    opt_in_timestamp  TIMESTAMP           COMMENT '[N] When the person opted in',
    opt_in_ip         STRING              COMMENT '[D] IP address of the opt-in',
    opt_out_flag      STRING              COMMENT '[N] Opted out: Y or N',
    extra             MAP<STRING,STRING>  COMMENT '[Q] All columns that are not listed here, as text; treat as personal data until classified'
)
PARTITIONED BY (delivery_period)
COMMENT 'One row per line of the file'
