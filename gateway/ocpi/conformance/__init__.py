"""Reads any OCPI platform as a partner would, and says which rules of the standard it keeps.

Nothing is written: every request is a GET, so that it may be pointed at a platform in use. What
cannot be seen by reading (pushes, commands, the registration itself) is not judged.
"""

from gateway.ocpi.conformance.check import check
from gateway.ocpi.conformance.findings import Finding, Report, Verdict

__all__ = ["Finding", "Report", "Verdict", "check"]
