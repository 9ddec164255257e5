"""Which releases may work on the data (security-and-faults R27).

A release starts on data of the schema versions that it knows. Data begins with the first one, so
that the release of before can come back to it, until something is stored that it would get wrong.
"""

from gateway.domain.partners import Partner

SCHEMA_VERSIONS = ("1", "2")
WITH_OTHER_OCPI_VERSIONS = "2"

_SPOKEN_BY_THE_FIRST_RELEASE = (None, "2.2.1")


def is_beyond_the_first_release(partner: Partner) -> bool:
    """Whether that release would speak OCPI 2.2.1 with a partner that does not."""
    return partner.version not in _SPOKEN_BY_THE_FIRST_RELEASE
