"""OCSP requests over the client for strangers' URLs: a responder is whoever a certificate names.

http is allowed, since answers are signed; private hosts are not, unless a setting says so (S11).
"""

from gateway.ocpi.outgoing.safe_http import HttpFailure, SafeHttp
from gateway.services.security.ocsp import FetchFailed

MAX_ANSWER_BYTES = 16 * 1024  # more than any version of OCPP can pass on
_SECONDS = 8.0
_HEADERS = {
    "Content-Type": "application/ocsp-request",  # RFC 6960, A.1
    "Accept": "application/ocsp-response",
}


class OcspFetch:
    """Posts OCSP requests. Use within a running event loop, and close."""

    def __init__(self, allow_private_hosts: bool) -> None:
        self._http = SafeHttp(allow_private_hosts, plain_http=True, max_body_bytes=MAX_ANSWER_BYTES)

    async def __call__(self, url: str, request: bytes) -> bytes:
        """The body of the responder's answer; raises `FetchFailed`."""
        try:
            answer = await self._http.request(
                "POST", url, headers=_HEADERS, body=request, timeout=_SECONDS
            )
        except HttpFailure as failure:
            raise FetchFailed(str(failure)) from failure
        if answer.status != 200:
            raise FetchFailed(f"HTTP status {answer.status}")
        return answer.body

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()
