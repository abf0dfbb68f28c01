"""Fictional people and cells for the samples. No real person is in here: names are colors and trees, phone numbers are
555-01xx, streets do not exist, email addresses are at example.com, and IP addresses are from the documentation ranges.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from growth_verticals.contract.table import Column

#: The day of the daily samples. Only `expires_at` is later.
DAY = date(2026, 11, 20)
#: State → (FIPS code, first digits of its ZIP codes). Both can start with a zero, which must be kept.
STATES = {"NC": ("37", "27"), "GA": ("13", "30"), "OH": ("39", "44"), "NJ": ("34", "07"), "AL": ("01", "35")}
_COLORS = (
    "Amaranth", "Auburn", "Azure", "Celadon", "Cerise", "Cobalt", "Crimson", "Ecru", "Fuchsia", "Indigo", "Lilac",
    "Mauve", "Ochre", "Puce", "Saffron", "Sepia", "Teal", "Umber", "Vermilion", "Viridian",
)  # fmt: skip
_TREES = (
    "Alder", "Birch", "Chêne", "Cypress", "Elm", "Érable", "Fir", "Frêne", "Hickory", "Larch", "Linden", "O'Poplar",
    "Pine-Yew", "Spruce", "Sycamore", "Tamarack", "Tulipwood", "Wych Elm", "Álamo",
)  # fmt: skip
_CITIES = ("Exampleton", "Mockville", "Placeholder Falls", "Port Sample", "St. Fictive")
_COUNTIES = ("Example", "Lorem", "Sample")
_TOPICS = ("roofing", "gardening", "used cars", "term life", "skin care", "cruises")
_SITES = ("news.example.com", "weather.example.com", "recipes.example.com")
_IDENTIFIERS = ("email_sha256", "email_md5", "idfa", "aaid", "ctv_id", "ip", "cookie")


@dataclass(frozen=True)
class Person:
    """One fictional person, the same in every source. `row` counts the person's rows within a file from 0."""

    number: int
    state: str
    row: int = 0

    @property
    def first_name(self) -> str:
        return _COLORS[self.number % len(_COLORS)]

    @property
    def last_name(self) -> str:
        return _TREES[self.number % len(_TREES)]

    @property
    def address(self) -> str:
        """A street address; a few contain a comma, a quote or a line break, which readers must handle."""
        text = f"{100 + self.number} Imaginary Lane"
        if self.number % 97 == 0:
            return f"{text}\nUnit 4"
        if self.number % 53 == 0:
            return f'{text} "rear"'
        return f"{text}, Unit 7" if self.number % 31 == 0 else text

    @property
    def city(self) -> str:
        return _CITIES[self.number % len(_CITIES)]

    @property
    def zip5(self) -> str:
        return f"{STATES[self.state][1]}{self.number * 7 % 1000:03}"

    @property
    def zip4(self) -> str:
        return f"{self.number * 13 % 10_000:04}"

    @property
    def county_fips(self) -> str:
        return f"{STATES[self.state][0]}{self.number % 50 * 2 + 1:03}"

    @property
    def email(self) -> str:
        plain = unicodedata.normalize("NFKD", f"{self.first_name}.{self.last_name}").encode("ascii", "ignore").decode()
        return f"{''.join(c for c in plain.lower() if c.isalpha() or c == '.')}{self.number}@example.com"

    @property
    def phone(self) -> str:
        return f"{200 + self.number % 700}-555-01{self.number % 100:02}"

    @property
    def birthday(self) -> date:
        return date(1930, 1, 1) + timedelta(days=self.number * 7919 % 27_000)

    @property
    def gender(self) -> str:
        return "MFU"[self.number % 3]

    @property
    def identifier_type(self) -> str:
        return _IDENTIFIERS[(self.number + self.row) % len(_IDENTIFIERS)]


CellMaker = Callable[[Random, Person], object]


def cell_maker(column: Column) -> CellMaker:
    """Return the function that makes cells of `column`: chosen by its name if that is known, else by its type."""
    if column.name in _BY_NAME:
        return _BY_NAME[column.name]
    if column.type.startswith("decimal"):
        scale = int(column.type.rstrip(")").split(",")[1])
        return lambda rng, _: Decimal(_random_below(rng, 100 * 10**scale)).scaleb(-scale)
    return _BY_TYPE[column.type]


def _random_below(rng: Random, limit: int) -> int:
    return int(rng.random() * limit)  # only random() is guaranteed to give the same numbers in every Python


def _one_of(*choices: object) -> CellMaker:
    return lambda rng, _: choices[_random_below(rng, len(choices))]


def _number(low: int, high: int, step: int = 1) -> CellMaker:
    return lambda rng, _: low + _random_below(rng, (high - low) // step + 1) * step


def _digits(count: int) -> CellMaker:
    return lambda rng, _: f"{_random_below(rng, 10**count):0{count}}"


def _code(prefix: str, count: int) -> CellMaker:
    return lambda rng, _: f"{prefix}{_random_below(rng, count):03}"


def _token(length: int) -> CellMaker:
    return lambda rng, _: "".join("0123456789abcdef"[_random_below(rng, 16)] for _ in range(length))


def _code_list(prefix: str) -> CellMaker:
    return lambda rng, _: ",".join(f"{prefix}{_random_below(rng, 90) + 10}" for _ in range(_random_below(rng, 4) + 1))


def _person_id(prefix: str, width: int = 8) -> CellMaker:
    return lambda _, person: f"{prefix}{person.number:0{width}}"


def _attribute(attribute: str) -> CellMaker:
    return lambda _, person: getattr(person, attribute)


def _hash(algorithm: str) -> CellMaker:
    return lambda _, person: hashlib.new(algorithm, person.email.encode(), usedforsecurity=False).hexdigest()


def _day(rng: Random, _: Person) -> date:
    return DAY - timedelta(days=_random_below(rng, 3000))


def _timestamp(rng: Random, _: Person) -> datetime:
    late = _random_below(rng, 20) == 0
    return datetime.combine(DAY, datetime.min.time()) + timedelta(days=-2 * late, seconds=_random_below(rng, 86_400))


def _expiry(rng: Random, _: Person) -> datetime:
    return datetime.combine(DAY, datetime.min.time()) + timedelta(days=14 + _random_below(rng, 106))


def _ip(rng: Random, _: Person) -> str:
    return f"{('192.0.2', '198.51.100', '203.0.113')[_random_below(rng, 3)]}.{_random_below(rng, 254) + 1}"


def _identifier(rng: Random, person: Person) -> object:
    identifier_type = person.identifier_type
    if identifier_type.startswith("email"):
        return _hash(identifier_type.removeprefix("email_"))(rng, person)
    return _ip(rng, person) if identifier_type == "ip" else _token(32)(rng, person)


def _age(_: Random, person: Person) -> int:
    return DAY.year - person.birthday.year


def _age_range(_: Random, person: Person) -> str:
    low = (DAY.year - person.birthday.year) // 10 * 10
    return f"{low}-{low + 9}"


_VOTE_METHOD = _one_of("ABSENTEE", "EARLY", "IN-PERSON")
_YES_NO_UNKNOWN = _one_of("Y", "N", "U")
_SIZE_RANGE = _one_of("1-9", "10-49", "50-249", "250+")
_BY_TYPE: dict[str, CellMaker] = {
    "string": _one_of("A", "B", "C", "D", "E", "F"),
    "int": _number(1, 99),
    "long": _number(10_000, 900_000, 1000),
    "boolean": _one_of(True, False),
    "date": _day,
    "timestamp": _timestamp,
}
_BY_NAMES: dict[str, CellMaker] = {
    # people
    "first_name contact_first_name": _attribute("first_name"),
    "last_name contact_last_name": _attribute("last_name"),
    "middle_initial middle_name": _one_of("Q", "X", "Z"),
    "name_suffix": _one_of("Jr", "Sr", "III"),
    "gender aiq_gender sii_gender gender_code": _attribute("gender"),
    "aiq_age sii_age age": _age,
    "age_range sii_age_range": _age_range,
    "aiq_birth_year birth_year year_of_birth yob": lambda _, person: person.birthday.year,
    "aiq_birth_month": lambda _, person: person.birthday.month,
    "myob": lambda _, person: f"{person.birthday:%Y%m}",
    "dob date_of_birth": _attribute("birthday"),
    "em_email email personal_email work_email business_email b2b_email": _attribute("email"),
    "phone cell_phone landline_phone full_phone_number business_phone practice_phone": _attribute("phone"),
    "email_md5": _hash("md5"),
    "email_sha1": _hash("sha1"),
    "email_sha256 business_email_sha256 hashed_email": _hash("sha256"),
    # places
    "address_line_1 res_street_address mail_addr1 mailing_address_line_1 practice_address_line_1 "
    "business_address_line_1": _attribute("address"),
    "address_line_2": _one_of("Apt 2", "Floor 3"),
    "city res_city_desc mailing_city practice_city business_city": _attribute("city"),
    "state sii_state license_state mailing_state practice_state business_state geo_state geo_region": _attribute(
        "state"
    ),
    "zip5 zip_code business_zip5 geo_zip5 geo_zip": _attribute("zip5"),
    "zip4 business_zip4": _attribute("zip4"),
    "practice_postal_code mailing_postal_code": lambda _, person: person.zip5 + person.zip4,
    "county": _one_of(*_COUNTIES),
    "county_code county_fips": _attribute("county_fips"),
    "census_block_group": lambda _, person: f"{person.county_fips}{person.number % 10_000_000:07}",
    "time_zone": _one_of("ET", "CT"),
    "geo_country": _one_of("USA"),
    "cong_dist": _digits(2),
    "state_senate_dist state_house_dist precinct geo_dma": _digits(3),
    # ids
    "aiq_hhid": lambda _, person: f"H{person.number // 2:09}",
    "aiq_indid": _person_id("I", 9),
    "household_id stirista_household_id": lambda _, person: f"HH{person.number // 2:07}",
    "statara_person_id": _person_id("SP"),
    "state_voter_id county_voter_id": _person_id("", 10),
    "stirista_individual_id": _person_id("ST"),
    "causeway_id": _person_id("CW"),
    "client_person_id": _person_id("HM"),
    "client_patient_id": _person_id("PD"),
    "business_contact_id": _person_id("BC"),
    "cml_record_id": _person_id("CML"),
    "ls_record_id": _person_id("LS"),
    "npi": _person_id("00"),
    "license_number": _person_id("", 7),
    "business_id": _code("B", 900),
    "school_district_nces_id": _digits(7),
    "school_nces_id": _digits(12),
    "sic_code": _digits(4),
    "naics_code": _digits(6),
    "identifier_type": _attribute("identifier_type"),
    "identifier_value": _identifier,
    "trigger_id event_id auction_id maid device_ifa connected_tv_id aiqid": _token(32),
    "ip_address opt_in_ip": _ip,
    # numbers
    "home_year_built home_purchase_year year_established": _number(1950, 2020),
    "home_purchase_month": _number(1, 12),
    "incomeiq_plus_v3 incomeiq_plus_disp_v2 avg_incomeiq": _number(20_000, 250_000, 500),
    "aiq_people_in_hh_v2 aiq_adults_in_hh_v2 aiq_children_in_hh_v2 generations_in_hh": _number(1, 6),
    "sii_married sii_deceased imp_id": _number(0, 1),
    "device_type device_conn_type banner_pos video_quartile": _number(0, 4),
    # text values
    "presence_of_children_v2 presence_of_children veteran_in_hh presence_of_cc aiq_business_owner pet_owner "
    "political_contributor home_owner_flag": _YES_NO_UNKNOWN,
    "health_medical dieting_weight_loss opt_out_flag confidential_ind": _one_of("Y", "N"),
    "politicsiq dominant_politicsiq svi_party_registration registered_party modeled_party party_affiliation party_cd "
    "svi_vh_2020pp_party svi_vh_2021p_party svi_vh_2023p_party": _one_of("DEM", "REP", "UNA", "LIB"),
    "svi_vh_2021p svi_vh_2023p svi_vh_2023g svi_vh_2024g": _VOTE_METHOD,
    "status_cd": _one_of("A", "I", "D", "R", "S"),
    "sii_urbanicity": _one_of("R1", "R2", "S3", "S4", "U5", "U6"),
    "sii_homeowner": _one_of("H", "R", "U"),
    "permitted_use": _one_of("political_only", "any_lawful"),
    "language_code": _one_of("EN", "ES"),
    "action_code": _one_of("A", "C"),
    "maid_type": _one_of("IDFA", "AAID"),
    "credential_text": _one_of("RN", "LPN", "NP", "CRNA"),
    "taxonomy_code": _one_of("163W00000X", "164W00000X", "363L00000X"),
    "license_status": _one_of("Active", "Expired", "Inactive"),
    "employer_type": _one_of("Hospital", "Clinic", "Home health", "School"),
    "business_name employer_name b2b_company": _one_of("Umber & Elm, Inc.", "Teal Larch LLC", "O'Poplar Works"),
    "job_title b2b_title occupation person_occupation": _one_of("Teacher", "Gardener, senior", "Clerk", "Baker"),
    "business_domain source_domain site_domain app_domain": _one_of(*_SITES),
    "linkedin_url": lambda _, person: f"https://www.example.com/in/sample-{person.number}",
    "source_url click_url": lambda _, person: f"https://www.example.com/page/{person.number % 40}?q=a%20b",
    "employee_size_range sales_volume_range income_range": _SIZE_RANGE,
    "location_type": _one_of("HQ", "branch", "single"),
    "record_type": _one_of("customer", "prospect", "lapsed", "suppression"),
    "product_lines": _one_of("auto", "auto,home", "life,annuity", "supplemental"),
    "service_line": _one_of("medical", "surgical", "cosmetic"),
    "segment_ids interest_codes issue_segment_codes consumer_segment_codes": _code_list("S"),
    "topic_id": _code("T", 60),
    "topic_name": _one_of(*_TOPICS),
    "signal_type": _one_of("page view", "search", "location", "app"),
    "event_type": _one_of("impression", "impression", "impression", "click", "conversion"),
    "expires_at": _expiry,
    "advertiser_id": _code("ADV", 6),
    "campaign_id": _code("CMP", 12),
    "line_item_id": _code("LI", 40),
    "creative_id": _code("CR", 80),
    "campaign_name": _one_of("Autumn roofs", "Winter coats", 'The "quiet" one'),
    "creative_size": _one_of("300x250", "728x90", "160x600"),
    "media_type": _one_of("banner", "video", "native", "audio"),
    "user_agent": _one_of('Mozilla/5.0 (made "up"; Sample OS 1.0)', "SampleBrowser/2.0", "Mozilla/5.0 (Sample)"),
}
_BY_NAME: dict[str, CellMaker] = {name: make for names, make in _BY_NAMES.items() for name in names.split()}
