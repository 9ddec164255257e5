"""The public key of a meter, in whatever dress a station hands it over.

OCPI: "Public key used to sign the data, base64 encoded" (mod_cdrs SignedData). A station may say
it as PEM, hex or base64, or as the colon-separated text of the Open Charge Alliance's paper on
signed meter values (3.2.2), `oca:base16:asn1:<key as printed on the meter>`, itself in base64.
"""

import binascii
import re
from base64 import b64decode, b64encode

MOST_KEY = 512
"""characters (mod_cdrs SignedData public_key)"""

_PEM = re.compile(r"-----BEGIN [A-Z ]+-----(.*?)-----END [A-Z ]+-----", re.DOTALL)
_MARKER = "oca:"
_NOT_HEX = re.compile(r"[^0-9a-fA-F]")
_HEX = re.compile(r"(0[xX])?[0-9a-fA-F]+")
_SHORTEST_KEY = 24  # bytes: one coordinate of the smallest curve in use
_MOST_DRESSES = 3  # base64 of the paper's text of a base64 key


def public_key(stated: str | None) -> str | None:
    """A key as OCPI has it; None where none is stated, or where it is too long for OCPI."""
    key = _undressed((stated or "").strip(), _MOST_DRESSES)
    if key is None:
        return None
    encoded = b64encode(key).decode()
    return encoded if len(encoded) <= MOST_KEY else None


def _undressed(text: str, left: int) -> bytes | None:
    armoured = _PEM.search(text)
    if armoured:
        return decoded(armoured.group(1))
    if text.startswith(_MARKER):
        return _printed(text)
    key = decoded(text)
    if key is None or len(key) < _SHORTEST_KEY:
        return None
    inner = _text(key)
    if inner is not None and left:
        return _undressed(inner, left - 1) or key
    return key


def _printed(text: str) -> bytes | None:
    """`<marker>:<encoding>:<content-type>:<printed-public-key>` (3.2.2).

    base16: "Non-hexadecimal character strings [...] and a hexadecimal prefix (0x) SHALL be
    ignored" (table 2).
    """
    encoding, _, rest = text.removeprefix(_MARKER).partition(":")
    _content_type, _, printed = rest.partition(":")
    if encoding.casefold() == "base16":
        return decoded(_NOT_HEX.sub("", printed.strip().removeprefix("0x")))
    return decoded(printed)


def decoded(text: str) -> bytes | None:
    """The bytes of hex or base64 text, spaces and padding as may be; None where it is neither.

    Of text that could be both, hex: base64 that by chance has no other letter is not met.
    """
    bare = "".join(text.split())
    if not bare:
        return None
    try:
        if _HEX.fullmatch(bare) and not len(bare) % 2:
            return bytes.fromhex(bare.removeprefix("0x").removeprefix("0X"))
        standard = bare.replace("-", "+").replace("_", "/").rstrip("=")
        return b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (ValueError, binascii.Error):
        return None


def _text(key: bytes) -> str | None:
    try:
        text = key.decode("ascii")
    except UnicodeDecodeError:
        return None
    return text if all(one.isprintable() or one.isspace() for one in text) else None
