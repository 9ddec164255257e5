"""S21: where an operator may send a charge point, and what is shown of a URL."""

import pytest

from gateway.services.files.file_tickets import masked
from gateway.services.files.transfer_urls import KNOWN_SCHEMES, RefusedUrl, checked


@pytest.mark.parametrize(
    "url",
    [
        "https://maker.example/fw.bin",
        "http://files.example:8080/a?b=c",
        "ftp://user:secret@ftp.example/logs/",
        "sftp://[2001:db8::1]/logs",
        "ftps://10.0.0.7/logs",  # a private network is where chargers live
    ],
)
def test_a_url_of_a_real_host_passes(url: str) -> None:
    assert checked(url, KNOWN_SCHEMES) == url


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "javascript:alert(1)",
        "gopher://x.example/",
        "//maker.example/fw.bin",
        "maker.example/fw.bin",
        "https:///fw.bin",
        "https://",
        "http://localhost/fw",
        "http://127.0.0.1/fw",
        "http://[::1]/fw",
        "http://0.0.0.0/fw",
        "http://169.254.169.254/latest",
        "http://[fe80::1]/",
        "http://224.0.0.1/",
        "http://maker.example:99999/",
        "http://[broken/",
        "http://ma ker.example/",
        "http://maker.example/\r\nX: y",
        "http://mäker.example/",
        "http://maker.example/" + "a" * 500,
        "",
    ],
)
def test_a_url_that_no_transfer_needs_is_refused(url: str) -> None:
    with pytest.raises(RefusedUrl):
        checked(url, KNOWN_SCHEMES)


def test_the_schemes_are_the_operators_choice() -> None:
    with pytest.raises(RefusedUrl, match="scheme"):
        checked("ftp://maker.example/fw.bin", {"https"})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://gw.example/files/u/s3cret", "https://gw.example/files/u/***"),
        ("https://gw.example/files/d/s3cret/fw.bin", "https://gw.example/files/d/***/fw.bin"),
        ("ftp://user:s3cret@ftp.example/logs/", "ftp://***@ftp.example/logs/"),
        ("https://maker.example/fw.bin?token=s3cret", "https://maker.example/fw.bin"),
        ("https://maker.example/fw.bin", "https://maker.example/fw.bin"),
    ],
)
def test_what_opens_a_url_is_not_shown(url: str, shown: str) -> None:
    assert masked(url) == shown
