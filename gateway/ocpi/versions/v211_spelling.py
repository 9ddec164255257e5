"""Texts as OCPI 2.1.1 allows them: "Case Sensitive String. Only printable ASCII allowed" (types).

Ids, enums and URLs are ASCII in every version; this is for what people read.

Letters lose their marks, Greek and Cyrillic ones are spelled in Latin letters, everything else
becomes a question mark.
"""

import unicodedata

from gateway.ocpi.versions.picking import Convert

# each letter with its spelling behind it
_LETTERS = """
    ßss æae œoe øo đd ðd þth łl ıi ħh
    αa βv γg δd εe ζz ηi θth ιi κk λl μm νn ξx οo πp ρr σs ςs τt υy φf χch ψps ωo
    аa бb вv гg дd еe жzh зz иi кk лl мm нn оo пp рr сs тt уu фf хkh цts чch шsh щshch ъ ыy ь эe
    юyu яya іi їi єye ґg јj љlj њnj ћc ђdj џdz
"""
_SIGNS = {
    "€": "EUR",
    "£": "GBP",
    "–": "-",
    "—": "-",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "„": '"',
    "«": '"',
    "»": '"',
    "·": "-",
    "•": "-",
    "°": " deg",
    "⁄": "/",  # of ½
}
_LOWER = {word[0]: word[1:] for word in _LETTERS.split()}
_UPPER = {letter.upper(): spelt.capitalize() for letter, spelt in _LOWER.items() if letter != "ß"}
_TABLE = str.maketrans(_LOWER | _UPPER | _SIGNS)


def text(longest: int) -> Convert:
    """A text in printable ASCII, cut to the length that the class allows."""
    return lambda value: spell(value)[:longest]


def spell(text: str) -> str:
    """One text in printable ASCII."""
    if text.isascii():
        return text
    letters = unicodedata.normalize("NFKD", text.translate(_TABLE)).translate(_TABLE)
    return "".join(
        letter if letter.isascii() and letter.isprintable() else "?"
        for letter in letters
        if not unicodedata.combining(letter)
    )
