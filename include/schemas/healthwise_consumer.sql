-- Healthwise consumer: one row per individual, a full snapshot each quarter. Scores are propensities, not insurance claims.
-- Natural key: aiq_hhid, aiq_indid.
-- A provisional layout, until the vendor's own layout is available.
-- A comment starts with the column's PII class: D direct identifier, Q quasi-identifier, H health, P political,
-- O other sensitive (race, religion, finances), N none.
CREATE TABLE healthwise.consumer (
    aiq_hhid                      STRING  NOT NULL  COMMENT '[Q] AIQ household id',
    aiq_indid                     STRING  NOT NULL  COMMENT '[Q] AIQ individual id',
    state                         STRING  NOT NULL  COMMENT '[Q] Two-letter USPS code; needed for state health-privacy laws (e.g. WA)',
    zip5                          STRING            COMMENT '[Q] ZIP code, leading zeros kept',
    hw_bmi                        INT               COMMENT '[H] Propensity: high body mass index',
    hw_diet                       INT               COMMENT '[H] Propensity: healthy diet',
    hw_junk_diet                  INT               COMMENT '[H] Propensity: poor diet',
    hw_sleep_v3                   INT               COMMENT '[H] Propensity: sleeps badly',
    hw_stress_v2                  INT               COMMENT '[H] Propensity: high stress',
    hw_alcohol_v2                 INT               COMMENT '[H] Propensity: frequent alcohol',
    hw_smoking                    INT               COMMENT '[H] Propensity: smokes',
    hw_smoking_cigars_sc          INT               COMMENT '[H] Score: cigars',
    hw_smoking_hookah_sc          INT               COMMENT '[H] Score: hookah',
    hw_er_visits_sc               INT               COMMENT '[H] Score: emergency room visits (propensity, not claims)',
    hw_urgent_care_visits_sc      INT               COMMENT '[H] Score: urgent care visits',
    hw_job_satis                  INT               COMMENT '[Q] Propensity: satisfied with the job',
    scr_wellness                  INT               COMMENT '[H] Score: general wellness',
    os_emotion                    INT               COMMENT '[H] Score: emotional outlook',
    lt_exercise                   INT               COMMENT '[H] Propensity: exercises little',
    diet_vegetarian               INT               COMMENT '[N] Propensity: vegetarian diet',
    diet_vegan                    INT               COMMENT '[N] Propensity: vegan diet',
    hw_diabetes_propensity        INT               COMMENT '[H] Propensity: diabetes',
    hw_hypertension_propensity    INT               COMMENT '[H] Propensity: hypertension',
    hw_skin_condition_propensity  INT               COMMENT '[H] Propensity: skin condition (matters to a dermatology client)',
    hw_arthritis_propensity       INT               COMMENT '[H] Propensity: arthritis',
    hw_allergy_propensity         INT               COMMENT '[H] Propensity: allergies',
    hw_rx_adherence               INT               COMMENT '[H] Propensity: takes prescriptions as directed',
    hw_preventive_care            INT               COMMENT '[H] Propensity: uses preventive care',
    hw_telehealth                 INT               COMMENT '[H] Propensity: uses telehealth',
    hw_insurance_type_propensity  STRING            COMMENT '[H] Likely type of health insurance',
    hw_caregiver                  INT               COMMENT '[H] Propensity: cares for a relative'
)
PARTITIONED BY (delivery_period)
SORTED BY (state, zip5)
COMMENT 'One row per individual'
