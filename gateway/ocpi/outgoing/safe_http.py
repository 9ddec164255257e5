"""Requests to addresses that partners gave us (security rules S11 and S15).

A partner names the URLs that we call: its versions URL, its endpoints, `response_url`, a `Location`
header. None of them may make the gateway reach its own network, so what is checked is the address
that a socket is about to be connected to, whatever name, notation or DNS answer led there.
Redirects are answers, not instructions. Bodies are capped after decompression, every wait has an
end, and one partner can hold only its own few connections.
"""

import re
import socket
import ssl
import zlib
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDictProxy
from yarl import URL

MAX_BODY_BYTES = 10 * 1024 * 1024
CONNECTIONS_PER_PARTNER = 8
CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
_CHUNK = 64 * 1024
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
# Metadata services of clouds that are not link-local: Azure's, Alibaba's, Amazon's over IPv6.
_METADATA = frozenset(map(ip_address, ("168.63.129.16", "100.100.100.200", "fd00:ec2::254")))
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_UNSAFE_CHARACTERS = re.compile(r"[\x00-\x20\x7f\\]")

AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]


class HttpFailure(Exception):
    """No usable answer came back; the request may or may not have arrived."""


class ForbiddenTarget(HttpFailure):
    """The URL or the address behind it is not one that the gateway calls. Nothing was sent."""


class BodyTooLarge(HttpFailure):
    """The answer is longer than the cap, before or after decompression."""


class _ForbiddenAddress(OSError):
    """Raised while connecting, where aiohttp expects an `OSError`."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One answer of a partner, with its body read and decompressed."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether packets to this address leave for the public internet.

    Addresses that carry an IPv4 address inside (mapped, NAT64) are judged by that one; 6to4 and
    Teredo are refused, because where they end is somebody else's choice.
    """
    if address in _METADATA:
        return False
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    if address not in _GLOBAL_UNICAST or address.sixtofour or address.teredo:
        return False
    return address.is_global


def is_lab(address: IPv4Address | IPv6Address) -> bool:
    """Loopback and private networks: what the demo, tests and labs may call besides the public.

    Link-local stays shut even there: the metadata services of clouds live in it.
    """
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return is_lab(address.ipv4_mapped)
    if address.is_unspecified or address.is_link_local or address.is_multicast:
        return False
    if address in _METADATA:
        return False
    return address.is_loopback or address.is_private


class SafeHttp:
    """The one HTTP client through which partners are called. Use within a running event loop.

    `resolver` and `ssl_context` are for deployments and tests with their own names and
    authorities; neither can lift the check of the address. `plain_http` allows http as well, for
    what is signed in itself, as OCSP answers are.
    """

    def __init__(
        self,
        allow_private_hosts: bool = False,
        *,
        plain_http: bool = False,
        resolver: AbstractResolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._allow_private_hosts = allow_private_hosts
        self._plain_http = plain_http or allow_private_hosts
        self._resolver = resolver
        self._ssl_context = ssl_context
        self._max_body_bytes = max_body_bytes
        self._pooled: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close every connection."""
        for session in (self._pooled, self._fresh):
            if session is not None:
                await session.close()
        self._pooled = self._fresh = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes | None = None,
        timeout: float,
        fresh: bool = False,
    ) -> HttpAnswer:
        """Send one request, once, and read its answer within `timeout` seconds in all.

        `fresh` opens a connection for this request alone: what must be sent exactly once shall
        not meet a pooled connection that the partner is just closing. Raises `HttpFailure`.
        """
        target = self.check_url(url)
        limits = aiohttp.ClientTimeout(
            total=timeout, connect=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS
        )
        try:
            async with self._session(fresh).request(
                method,
                target,
                headers={"Accept-Encoding": "gzip", **headers},
                data=body,
                timeout=limits,
                allow_redirects=False,
            ) as response:
                content = await self._read(response)
                return HttpAnswer(response.status, response.headers, content)
        except TimeoutError:
            raise HttpFailure(f"no answer from {target.host} in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failure(error, target) from error

    def check_url(self, url: str) -> URL:
        """Refuse what is wrong on its face; addresses are judged when connecting.

        Raises `ForbiddenTarget`.
        """
        if _UNSAFE_CHARACTERS.search(url):
            raise ForbiddenTarget("the URL contains characters that no URL has")
        try:
            # An ASCII URL goes out as the partner wrote it (`response_url` is used verbatim).
            target = URL(url, encoded=url.isascii())
            schemes = ("https", "http") if self._plain_http else ("https",)
            if target.scheme not in schemes:
                raise ForbiddenTarget(f"scheme {target.scheme or 'none'!r} is not called")
            if not target.raw_host or not target.port:
                raise ForbiddenTarget("the URL names no host")
            if target.raw_user is not None or target.raw_password is not None:
                raise ForbiddenTarget("the URL carries credentials")
        except ValueError as error:
            raise ForbiddenTarget(f"not a URL: {error}") from None
        return target.with_fragment(None) if target.raw_fragment else target

    def _session(self, fresh: bool) -> aiohttp.ClientSession:
        session = self._fresh if fresh else self._pooled
        if session is None:
            session = aiohttp.ClientSession(
                connector=self._connector(fresh),
                auto_decompress=False,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent",),
            )
            # aiohttp would send a PUT or GET again when a kept-alive connection breaks, under the
            # same X-Request-ID, which "SHALL be unique" (transport_and_format, Unique message
            # IDs). It has no public switch for that; whether to try again is our caller's choice.
            session._retry_connection = False
            if fresh:
                self._fresh = session
            else:
                self._pooled = session
        return session

    def _connector(self, fresh: bool) -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(
            # No limit over all partners: it would let a slow one use up everybody's connections.
            limit=0,
            limit_per_host=CONNECTIONS_PER_PARTNER,
            force_close=fresh,
            resolver=self._resolver,
            ttl_dns_cache=10,
            ssl=self._ssl_context or True,
            socket_factory=self._socket,
        )

    def _socket(self, info: AddressInfo) -> socket.socket:
        """Make the socket for one resolved address, or refuse to: the last step before SYN."""
        family, kind, protocol, _, sockaddr = info
        self._check_address(str(sockaddr[0]))
        return socket.socket(family=family, type=kind, proto=protocol)

    def _check_address(self, text: str) -> None:
        address = ip_address(text.partition("%")[0])
        if not is_public(address) and not (self._allow_private_hosts and is_lab(address)):
            # The same words for every address: aiohttp then keeps the type when several fail.
            raise _ForbiddenAddress("its address is not one that partners may have")

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding == "identity":
            return await self._read_plain(response)
        if encoding in ("gzip", "x-gzip", "deflate"):
            return await self._read_compressed(response)
        raise HttpFailure(f"the answer is encoded as {encoding!r}, which was not asked for")

    async def _read_plain(self, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            content += chunk
            if len(content) > self._max_body_bytes:
                raise BodyTooLarge(f"the answer is longer than {self._max_body_bytes} bytes")
        return bytes(content)

    async def _read_compressed(self, response: aiohttp.ClientResponse) -> bytes:
        # Not left to the library: a bomb must stop at the cap, not after a chunk's expansion.
        content = bytearray()
        decompressor = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            async for chunk in response.content.iter_chunked(_CHUNK):
                room = self._max_body_bytes + 1 - len(content)
                content += decompressor.decompress(chunk, room)
                if len(content) > self._max_body_bytes:
                    raise BodyTooLarge(f"the answer unpacks to over {self._max_body_bytes} bytes")
        except zlib.error as error:
            raise HttpFailure(f"the answer is not the gzip it claims to be: {error}") from None
        if not decompressor.eof and content:
            raise HttpFailure("the compressed answer is cut off")
        return bytes(content)


def _failure(error: Exception, target: URL) -> HttpFailure:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, _ForbiddenAddress):
            return ForbiddenTarget(f"{target.host}: {cause}")
        cause = cause.__cause__
    if isinstance(error, aiohttp.InvalidURL):
        return ForbiddenTarget(f"{target.host}: not a host that can be called")
    return HttpFailure(f"{target.host}: {type(error).__name__}: {error}")
