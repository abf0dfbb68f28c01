-- AIQ zip+4: one row per zip5 and zip4, a full snapshot each quarter. Received, but not used at present.
-- Natural key: zip5, zip4.
-- A provisional layout, until the vendor's own layout is available.
-- A comment starts with the column's PII class: D direct identifier, Q quasi-identifier, H health, P political,
-- O other sensitive (race, religion, finances), N none.
CREATE TABLE aiq.zip4 (
    zip5                     STRING        NOT NULL  COMMENT '[Q] ZIP code, leading zeros kept',
    zip4                     STRING        NOT NULL  COMMENT '[Q] ZIP+4 add-on, leading zeros kept',
    state                    STRING        NOT NULL  COMMENT '[N] Two-letter USPS code',
    county_code              STRING                  COMMENT '[N] FIPS county code, leading zeros kept',
    census_block_group       STRING                  COMMENT '[Q] 12-digit GEOID, leading zeros kept',
    households               INT                     COMMENT '[N] Households in the ZIP+4',
    individuals              INT                     COMMENT '[N] Individuals in the ZIP+4',
    median_age               DECIMAL(5,1)            COMMENT '[N] Median age, years',
    avg_adults_in_hh         DECIMAL(5,2)            COMMENT '[N] Adults per household',
    pct_with_children        DECIMAL(5,2)            COMMENT '[N] Households with children, percent',
    pct_homeowner            DECIMAL(5,2)            COMMENT '[N] Households that own their home, percent',
    avg_length_of_residence  DECIMAL(5,1)            COMMENT '[N] Length of residence, years',
    avg_homevalueiq          BIGINT                  COMMENT '[N] Average modeled home value, USD',
    avg_incomeiq             INT                     COMMENT '[N] Average modeled income, USD',
    avg_wealthiq             BIGINT                  COMMENT '[N] Average modeled wealth, USD',
    pct_college              DECIMAL(5,2)            COMMENT '[N] College educated, percent',
    pct_married              DECIMAL(5,2)            COMMENT '[N] Married, percent',
    dominant_ethniciq        STRING                  COMMENT '[O] Most frequent modeled ethnicity; sensitive in small cells',
    dominant_politicsiq      STRING                  COMMENT '[P] Most frequent modeled political leaning',
    avg_auto_inmkt           DECIMAL(7,2)            COMMENT '[N] Average propensity: in market for a car'
)
PARTITIONED BY (delivery_period)
SORTED BY (state, zip5)
COMMENT 'One row per ZIP+4'
