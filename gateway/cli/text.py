"""Text from chargers, partners and files made safe for a terminal (security-and-faults S12)."""

import re
import unicodedata

# CSI and OSC and the like as a whole, so that no half of one is left to be read.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f]).*?(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
# Characters that a JSON string may hold as they are but that a terminal may act upon.
_RAW_CONTROL = re.compile(r"[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Without escape sequences, control characters and direction overrides; line ends stay."""
    kept = _SEQUENCE.sub("", text)
    return "".join(one for one in kept if one == "\n" or unicodedata.category(one) not in _UNSEEN)


def one_line(text: str) -> str:
    """The same on one line."""
    return plain(text).replace("\n", " ").strip()


def escaped_json(text: str) -> str:
    """JSON that means the same, with nothing in it for a terminal to act upon."""
    return _RAW_CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co"})
