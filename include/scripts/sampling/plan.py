"""The content of each sample: its files, their row counts, how the vendor writes them, and which rows are bad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Fault:
    """A bad `cell` in `column`; a fault in the record as a whole has no column."""

    reason: str
    column: str = ""
    cell: object = None


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a delivery. `rows` includes the bad rows, which are spread evenly over the file.

    :param first: number of the first person in the file.
    :param state: the only state in the file; all states by default.
    :param empty: columns that have no value in the whole file.
    :param reverse_columns: whether the columns are in reverse order.
    """

    name: str
    rows: int
    faults: tuple[Fault, ...] = ()
    first: int = 1
    state: str | None = None
    empty: tuple[str, ...] = ()
    reverse_columns: bool = False


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One delivery.

    :param header: how the vendor writes column names.
    :param extra: columns that are not in the SQL file.
    :param rows_per_person: how many consecutive rows describe the same person.
    :param duplicate_every: after how many rows a row repeats the previous one; 0 for never.
    :param marker: name of the empty file that marks the delivery as complete.
    :param note: text next to the data: on another sheet, or in another member of the archive.
    """

    period: str
    files: tuple[File, ...]
    header: Literal["as_is", "upper", "title"] = "as_is"
    extra: tuple[str, ...] = ()
    rows_per_person: int = 1
    duplicate_every: int = 0
    newline: str = "\n"
    bom: bool = False
    marker: str | None = None
    note: str | None = None


MISSING_STATE = Fault("missing_required", "state", "")
TOO_FEW_COLUMNS = Fault("too_few_columns")
TOO_MANY_COLUMNS = Fault("too_many_columns")
QUARTER, MONTH, DAY = "2026Q3", "2026-10", "2026-11-20"
PLAN = {
    "aiq_household": Sample(
        period=QUARTER,
        header="upper",
        extra=("record_seq",),
        files=(
            File(
                name="AIQ_HH_2026Q3_part1of2.txt.gz",
                rows=900,
                faults=(
                    MISSING_STATE,
                    Fault("not_an_integer", "aiq_age", "forty"),
                    TOO_FEW_COLUMNS,
                    Fault("out_of_range", "aiq_lor", 10**10),
                ),
            ),
            File(
                name="AIQ_HH_2026Q3_part2of2.txt.gz",
                rows=700,
                first=901,
                faults=(
                    TOO_MANY_COLUMNS,
                    Fault("too_precise", "aiq_homeowner_prob_v2", "12.345"),
                    Fault("not_a_decimal", "homevalueiq_ltv", "high"),
                ),
                empty=("aiqid", "religioniq"),
                reverse_columns=True,
            ),
        ),
    ),
    "aiq_zip4": Sample(
        period=QUARTER,
        newline="\r\n",
        files=(
            File(
                name="AIQ_ZIP4_2026Q3.txt.zip",
                rows=1200,
                faults=(
                    MISSING_STATE,
                    Fault("not_a_decimal", "median_age", "n/k"),
                    Fault("not_an_integer", "households", "1E2"),
                    TOO_FEW_COLUMNS,
                ),
            ),
        ),
    ),
    "aiq_b2b": Sample(
        period=QUARTER,
        header="upper",
        files=(
            File(
                name="AIQ_B2B_2026Q3_V105.txt.gz",
                rows=800,
                faults=(
                    Fault("missing_required", "business_contact_id", ""),
                    Fault("not_a_boolean", "is_soho", "maybe"),
                    Fault("not_a_date", "record_last_verified", "20260230"),
                    Fault("nul_byte", "job_title", "Clerk\0"),
                    Fault("not_an_integer", "year_established", "19th century"),
                ),
            ),
        ),
    ),
    "healthwise_consumer": Sample(
        period=QUARTER,
        header="title",
        marker="HW_CONSUMER_2026Q3.done",
        note="Propensities, not claims. Made up: nobody in here exists.",
        files=(
            File(
                name="HW_CONSUMER_2026Q3.zip",
                rows=900,
                faults=(
                    Fault("missing_required", "aiq_hhid", "NULL"),
                    MISSING_STATE,
                    Fault("not_an_integer", "hw_bmi", "27.5"),
                    Fault("out_of_range", "hw_diet", 2**31),
                    TOO_MANY_COLUMNS,
                ),
            ),
        ),
    ),
    "statara_digital_campaign": Sample(
        period=MONTH,
        rows_per_person=3,
        files=(
            File(
                name="statara_digital_GA.csv.gz",
                rows=350,
                first=1000,
                state="GA",
                faults=(Fault("missing_required", "identifier_value", ""), Fault("not_a_boolean", "do_not_call", "Y")),
            ),
            File(
                name="statara_digital_NC.csv.gz",
                rows=400,
                first=2000,
                state="NC",
                faults=(Fault("not_a_date", "identifier_last_seen", "10/31/2026"), TOO_FEW_COLUMNS),
            ),
            File(
                name="statara_digital_OH.csv.gz",
                rows=300,
                first=3000,
                state="OH",
                faults=(Fault("not_an_integer", "match_confidence", "high"),),
                reverse_columns=True,
            ),
        ),
    ),
    "statara_political": Sample(
        period=MONTH,
        files=(
            File(
                name="GA.csv",
                rows=400,
                first=1000,
                state="GA",
                empty=("dob", "middle_name", "svi_vh_2021p", "svi_vh_2021p_party"),
                faults=(Fault("missing_required", "state_voter_id", ""), Fault("not_an_integer", "yob", "unknown")),
            ),
            File(
                name="NC.csv",
                rows=500,
                first=2000,
                state="NC",
                empty=("county_voter_id", "myob"),
                faults=(
                    Fault("not_a_date", "dob", "02/30/1971"),
                    Fault("not_a_date", "registr_dt", "0000-00-00"),
                    TOO_MANY_COLUMNS,
                ),
            ),
            File(name="OH.csv", rows=350, first=3000, state="OH", reverse_columns=True, faults=(TOO_FEW_COLUMNS,)),
        ),
    ),
    "stirista_digital_campaign": Sample(
        period=MONTH,
        files=(
            File(name="consumer_000.parquet", rows=500, first=500, faults=(Fault("missing_required", "state"),)),
            File(
                name="consumer_001.parquet",
                rows=400,
                first=1000,
                faults=(Fault("missing_required", "stirista_individual_id"), Fault("missing_required", "state")),
                empty=("connected_tv_id",),
                reverse_columns=True,
            ),
        ),
    ),
    "popsycle_intent_triggers": Sample(
        period=DAY,
        files=(
            File(
                name="triggers-00.jsonl.gz",
                rows=600,
                faults=(
                    Fault("not_json"),
                    Fault("missing_required", "topic_id"),
                    Fault("not_a_timestamp", "event_ts", "yesterday"),
                ),
                empty=("latitude", "longitude"),
            ),
            File(
                name="triggers-12.jsonl.gz",
                rows=500,
                first=601,
                faults=(
                    Fault("wrong_type", "topic_name", ["roofing"]),
                    Fault("not_a_boolean", "is_trending", "perhaps"),
                ),
                empty=("latitude", "longitude", "geo_zip5"),
            ),
        ),
    ),
    "popsycle_campaign_ad_log": Sample(
        period=DAY,
        duplicate_every=250,
        files=(
            File(
                name="campaign_log_20261120.tsv.gz",
                rows=1500,
                faults=(
                    Fault("missing_required", "campaign_id", r"\N"),
                    Fault("not_a_timestamp", "event_ts", "2026-11-20 25:00:00"),
                    Fault("too_precise", "bid_price_usd", "0.0000001"),
                    Fault("out_of_range", "banner_pos", 2**40),
                    Fault("not_a_boolean", "viewable", "TRUE?"),
                    TOO_FEW_COLUMNS,
                    TOO_MANY_COLUMNS,
                ),
            ),
        ),
    ),
    "cml_nurse": Sample(
        period=DAY,
        header="title",
        note="Full list of licences. Made up: nobody in here exists.",
        files=(
            File(
                name="CML Nurse List.xlsx",
                rows=400,
                faults=(
                    Fault("missing_required", "license_number"),
                    Fault("not_a_date", "license_expiration_date", "pending"),
                    Fault("not_an_integer", "year_of_birth", 1987.5),
                ),
            ),
        ),
    ),
    "ls_corp": Sample(
        period=DAY,
        header="title",
        extra=("campaign_note", "favourite_colour"),
        files=(
            File(
                name="ls_corp_leads.csv",
                rows=350,
                faults=(
                    Fault("not_a_date", "lead_date", "11/31/2026"),
                    Fault("not_a_timestamp", "opt_in_timestamp", "noon"),
                    Fault("not_an_integer", "birth_year", "'71"),
                ),
            ),
        ),
    ),
    "causeway": Sample(
        period=DAY,
        files=(
            File(
                name="causeway_people.csv",
                rows=600,
                faults=(
                    Fault("missing_required", "causeway_id", "N/A"),
                    Fault("not_a_decimal", "turnout_score", "likely"),
                    Fault("not_a_boolean", "swing_voter_flag", "U"),
                    TOO_FEW_COLUMNS,
                ),
            ),
        ),
    ),
    "horace_mann": Sample(
        period=DAY,
        header="title",
        newline="\r\n",
        bom=True,
        files=(
            File(
                name="horace_mann_autumn.csv",
                rows=450,
                faults=(
                    MISSING_STATE,
                    Fault("not_a_boolean", "glba_opt_out", "true"),
                    Fault("not_a_date", "policy_lapse_date", "2026-13-01"),
                ),
                empty=("date_of_birth",),
            ),
        ),
    ),
    "platinum_dermatology": Sample(
        period=DAY,
        header="title",
        files=(
            File(
                name="platinum_patients.csv",
                rows=300,
                faults=(
                    Fault("missing_required", "client_patient_id", ""),
                    Fault("not_an_integer", "visit_count_12m", "two"),
                ),
            ),
        ),
    ),
}
