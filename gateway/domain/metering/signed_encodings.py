"""The encodings of signed meter values, by the names that OCPI has for them (mod_cdrs 10.4.6).

Of the "known implementations" in its table three show by themselves what they are. Chargers have
words of their own; one that is not known here is passed on as it was said.
"""

import re

from gateway.domain.metering import ocmf

OCMF = "OCMF"
ALFEN = "Alfen Eichrecht"
EDL40_EBEE = "EDL40 E-Mobility Extension"
EDL40_MENNEKES = "EDL40 Mennekes"
UNNAMED = "Other"  # as OCPP 2.0 called what has no name

ALFEN_HEADER = "AP;"
_MENNEKES_NAMESPACE = "Mennekes.EdlVerification"

_NAMES = {
    "ocmf": OCMF,
    "alfen": ALFEN,
    "alfeneichrecht": ALFEN,
    "edl40emobilityextension": EDL40_EBEE,
    "edl40ebee": EDL40_EBEE,
    "edl40mennekes": EDL40_MENNEKES,
    "mennekes": EDL40_MENNEKES,
}
# "EDL" and "EDL40" are two implementations in OCPI's table; who built the station tells which.
_EDL = frozenset({"edl", "edl40"})
_EDL_OF_VENDOR = (
    ("mennekes", EDL40_MENNEKES),
    ("ebee", EDL40_EBEE),
    ("bender", EDL40_EBEE),  # who builds what was eBee's
)
_NOT_A_LETTER = re.compile(r"[^a-z0-9]")
_LONGEST = 36


def encoding_method(plain: str, stated: str | None, vendor: str) -> str:
    """The name for a data set: what it shows outranks what its station says of it."""
    if plain.startswith(ocmf.HEADER):
        return OCMF
    if plain.startswith(ALFEN_HEADER):
        return ALFEN
    if _MENNEKES_NAMESPACE in plain:
        return EDL40_MENNEKES
    name = _NOT_A_LETTER.sub("", (stated or "").casefold())
    if name in _EDL:
        for word, known in _EDL_OF_VENDOR:
            if word in vendor.casefold():
                return known
    said = "".join(one for one in stated or "" if " " <= one <= "~")  # a CiString
    return _NAMES.get(name) or said[:_LONGEST] or UNNAMED
