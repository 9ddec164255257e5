"""What a terminal gets to see (security-and-faults S12)."""

import json

import pytest

from gateway.cli.text import escaped_json, one_line, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("CP1", "CP1"),
        ("größe 電", "größe 電"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07name", "name"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#payload\x1b\\rest", "rest"),
        ("\x1bcreset", "reset"),
        ("a\x00b\x07c\x7fd", "abcd"),
        ("abc\u202egnp.exe", "abcgnp.exe"),
        ("zero\u200bwidth", "zerowidth"),
    ],
)
def test_escapes_and_controls_are_stripped(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_one_line_is_one_line() -> None:
    assert one_line("a\r\nb\nc") == "a b c"
    assert plain("a\nb") == "a\nb"


def test_json_means_the_same_with_nothing_for_a_terminal_in_it() -> None:
    value = {"name": "a\u009b31m\u202eb\x7f"}
    text = escaped_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert text.isascii()
