"""What each sample holds: which files, how many rows, how the vendor writes it, and which rows are bad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Bad:
    """A fault: `cell` stands in `column`; a fault of the record as a whole has no column."""

    reason: str
    column: str = ""
    cell: object = None


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a delivery. `rows` counts the bad ones too, which lie evenly among the others.

    :param first: number of the first person in it.
    :param state: the one state of the file; without it, all states.
    :param empty: columns without a value in the whole file.
    :param backwards: its columns come in reverse order.
    """

    name: str
    rows: int
    bad: tuple[Bad, ...] = ()
    first: int = 1
    state: str | None = None
    empty: tuple[str, ...] = ()
    backwards: bool = False


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One delivery.

    :param header: how the vendor writes the names of columns.
    :param extra: columns that the SQL file does not know.
    :param rows_a_person: how many rows in a row are about the same person.
    :param repeats_every: every so many rows, one repeats the row before it.
    :param marker: name of the empty file that says that the delivery is complete.
    :param note: what stands beside the data: on another sheet, in another member of the archive.
    """

    period: str
    files: tuple[File, ...]
    header: Literal["as_is", "upper", "title"] = "as_is"
    extra: tuple[str, ...] = ()
    rows_a_person: int = 1
    repeats_every: int = 0
    newline: str = "\n"
    bom: bool = False
    marker: str | None = None
    note: str | None = None


NO_STATE = Bad("missing_required", "state", "")
SHORT = Bad("too_few_columns")
LONG = Bad("too_many_columns")
QUARTER, MONTH, DAY = "2026Q3", "2026-10", "2026-11-20"
PLAN = {
    "aiq_household": Sample(
        period=QUARTER,
        header="upper",
        extra=("record_seq",),
        files=(
            File(
                name="AIQ_HH_2026Q3_part1.txt.gz",
                rows=900,
                bad=(
                    NO_STATE,
                    Bad("not_an_integer", "aiq_age", "forty"),
                    SHORT,
                    Bad("out_of_range", "aiq_lor", 10**10),
                ),
            ),
            File(
                name="AIQ_HH_2026Q3_part2.txt.gz",
                rows=700,
                first=901,
                bad=(
                    LONG,
                    Bad("too_precise", "aiq_homeowner_prob_v2", "12.345"),
                    Bad("not_a_decimal", "homevalueiq_ltv", "high"),
                ),
                empty=("aiqid", "religioniq"),
                backwards=True,
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
                bad=(
                    NO_STATE,
                    Bad("not_a_decimal", "median_age", "n/k"),
                    Bad("not_an_integer", "households", "1E2"),
                    SHORT,
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
                bad=(
                    Bad("missing_required", "business_contact_id", ""),
                    Bad("not_a_boolean", "is_soho", "maybe"),
                    Bad("not_a_date", "record_last_verified", "20260230"),
                    Bad("nul_byte", "job_title", "Clerk\0"),
                    Bad("not_an_integer", "year_established", "19th century"),
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
                bad=(
                    Bad("missing_required", "aiq_hhid", "NULL"),
                    NO_STATE,
                    Bad("not_an_integer", "hw_bmi", "27.5"),
                    Bad("out_of_range", "hw_diet", 2**31),
                    LONG,
                ),
            ),
        ),
    ),
    "statara_digital_campaign": Sample(
        period=MONTH,
        rows_a_person=3,
        files=(
            File(
                name="statara_digital_GA.csv.gz",
                rows=350,
                first=1000,
                state="GA",
                bad=(Bad("missing_required", "identifier_value", ""), Bad("not_a_boolean", "do_not_call", "Y")),
            ),
            File(
                name="statara_digital_NC.csv.gz",
                rows=400,
                first=2000,
                state="NC",
                bad=(Bad("not_a_date", "identifier_last_seen", "10/31/2026"), SHORT),
            ),
            File(
                name="statara_digital_OH.csv.gz",
                rows=300,
                first=3000,
                state="OH",
                bad=(Bad("not_an_integer", "match_confidence", "high"),),
                backwards=True,
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
                bad=(Bad("missing_required", "state_voter_id", ""), Bad("not_an_integer", "yob", "unknown")),
            ),
            File(
                name="NC.csv",
                rows=500,
                first=2000,
                state="NC",
                empty=("county_voter_id", "myob"),
                bad=(Bad("not_a_date", "dob", "02/30/1971"), Bad("not_a_date", "registr_dt", "0000-00-00"), LONG),
            ),
            File(name="OH.csv", rows=350, first=3000, state="OH", backwards=True, bad=(SHORT,)),
        ),
    ),
    "stirista_digital_campaign": Sample(
        period=MONTH,
        files=(
            File(name="consumer_000.parquet", rows=500, first=500, bad=(Bad("missing_required", "state"),)),
            File(
                name="consumer_001.parquet",
                rows=400,
                first=1000,
                bad=(Bad("missing_required", "stirista_individual_id"), Bad("missing_required", "state")),
                empty=("connected_tv_id",),
                backwards=True,
            ),
        ),
    ),
    "popsycle_intent_triggers": Sample(
        period=DAY,
        files=(
            File(
                name="triggers-00.jsonl.gz",
                rows=600,
                bad=(
                    Bad("not_json"),
                    Bad("missing_required", "topic_id"),
                    Bad("not_a_timestamp", "event_ts", "yesterday"),
                ),
                empty=("latitude", "longitude"),
            ),
            File(
                name="triggers-12.jsonl.gz",
                rows=500,
                first=601,
                bad=(Bad("wrong_type", "topic_name", ["roofing"]), Bad("not_a_boolean", "is_trending", "perhaps")),
                empty=("latitude", "longitude", "geo_zip5"),
            ),
        ),
    ),
    "popsycle_campaign_ad_log": Sample(
        period=DAY,
        repeats_every=250,
        files=(
            File(
                name="campaign_log_20261120.tsv.gz",
                rows=1500,
                bad=(
                    Bad("missing_required", "campaign_id", r"\N"),
                    Bad("not_a_timestamp", "event_ts", "2026-11-20 25:00:00"),
                    Bad("too_precise", "bid_price_usd", "0.0000001"),
                    Bad("out_of_range", "banner_pos", 2**40),
                    Bad("not_a_boolean", "viewable", "TRUE?"),
                    SHORT,
                    LONG,
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
                bad=(
                    Bad("missing_required", "license_number"),
                    Bad("not_a_date", "license_expiration_date", "pending"),
                    Bad("not_an_integer", "year_of_birth", 1987.5),
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
                bad=(
                    Bad("not_a_date", "lead_date", "11/31/2026"),
                    Bad("not_a_timestamp", "opt_in_timestamp", "noon"),
                    Bad("not_an_integer", "birth_year", "'71"),
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
                bad=(
                    Bad("missing_required", "causeway_id", "N/A"),
                    Bad("not_a_decimal", "turnout_score", "likely"),
                    Bad("not_a_boolean", "swing_voter_flag", "U"),
                    SHORT,
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
                bad=(
                    NO_STATE,
                    Bad("not_a_boolean", "glba_opt_out", "true"),
                    Bad("not_a_date", "policy_lapse_date", "2026-13-01"),
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
                bad=(Bad("missing_required", "client_patient_id", ""), Bad("not_an_integer", "visit_count_12m", "two")),
            ),
        ),
    ),
}
