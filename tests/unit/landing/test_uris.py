import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.errors import ConfigurationError
from growth_verticals.landing.uris import decode_name, decode_path, is_plain_name, path_uri, s3_uri, split_s3_uri

ODD_KEYS = [
    "a b+c%41#?&=.txt",
    "2026/é ü.csv",
    "a//b.txt",
    "/leading",
    "日本.csv",
    "~!@$^*()[]{}|;:,`'\"<>",
    "x%2Fy",
    "",
]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_key_is_not_encoded_in_its_uri_and_is_decoded_exactly(key: str) -> None:
    assert s3_uri("bucket", key) == f"s3://bucket/{key}"
    assert split_s3_uri(s3_uri("bucket", key)) == ("bucket", key)


@given(st.binary(min_size=1).filter(lambda name: b"/" not in name))
def test_the_uri_of_a_path_of_any_bytes_is_plain_ascii_and_is_decoded_exactly(name: bytes) -> None:
    uri = path_uri("sftp", "sftp_aiq", b"/outgoing/" + name)
    assert decode_path(uri) == b"/outgoing/" + name
    assert uri.isascii()
    assert uri.startswith("sftp://sftp_aiq/outgoing/")
    assert not set(uri) & set(" #?+\0\n")


@pytest.mark.parametrize("uri", ["", "s3://", "s3://bucket", "s3:///key", "https://bucket/key", "bucket/key"])
def test_other_text_than_an_s3_uri_is_an_error(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="not an S3 URI"):
        split_s3_uri(uri)


def test_a_name_is_decoded_as_utf8_or_else_as_latin1() -> None:
    assert decode_name("naïve.csv".encode()) == "naïve.csv"
    assert decode_name("naïve.csv".encode("latin-1")) == "naïve.csv"


@pytest.mark.parametrize("name", ["V105_HH.txt.gz", "a b+c%41#?&=.txt", "..csv", "...", "日本.csv", "~", "-rf", "a\\b"])
def test_a_plain_name_can_have_special_characters(name: str) -> None:
    assert is_plain_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "../a", "a\0b", "a\nb", "a\x7fb", "a\x85b", "a\ud800b"])
def test_a_plain_name_has_no_folder_and_no_control_characters(name: str) -> None:
    assert not is_plain_name(name)
