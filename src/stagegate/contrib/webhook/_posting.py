"""One request over one connection to one address, all of it before a deadline."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import Any

import httpcore2

from ._places import Place

MAX_ANSWER = 512
"""How much of an answer is read, and only where it is a refusal."""
TROUBLE = (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError)


def post(
    place: Place,
    target: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    addresses: Sequence[str],
    context: ssl.SSLContext,
    timeout: float,
) -> tuple[int, bytes]:
    """
    Return the status of the answer, and the beginning of what a refusal says.

    Args:
        place: Scheme, host and port of the url.

        target: The rest of it.

        headers: What stands in the head of the request.

        body: What it holds.

        addresses: The addresses of the host: the first that answers is called, and no other.

        context: Whom to trust.

        timeout: How many seconds all of it may take.
    """
    path = target if target.startswith("/") else f"/{target}"
    url = httpcore2.URL(scheme=place.scheme, host=place.host, port=place.port, target=path)
    network = Pinned(addresses, monotonic() + timeout)
    with (
        # One connection for one request: a name that is moved is looked up anew, and nobody shares a way.
        httpcore2.ConnectionPool(context, max_keepalive_connections=0, network_backend=network) as pool,
        pool.stream("POST", url, headers=[*headers.items()], content=body) as answer,
    ):
        said = b""
        if not 200 <= answer.status < 300:  # noqa: PLR2004  what HTTP calls a success
            for piece in answer.iter_stream():
                said += piece
                if len(said) >= MAX_ANSWER:
                    break
        return answer.status, said[:MAX_ANSWER]


class Pinned(httpcore2.NetworkBackend):
    """Connects to the addresses it was given, whatever the name, and lets nobody take longer than till a deadline."""

    def __init__(self, addresses: Sequence[str], deadline: float) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._backend = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002  it was looked up already
        port: int,
        timeout: float | None = None,  # noqa: ARG002  the deadline counts
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address that answers, each having its share of the time that is left."""
        others = len(self._addresses)
        while True:
            address, share = self._addresses[-others], _left(self._deadline) / others
            others -= 1
            try:
                stream = self._backend.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if not others:
                    raise
            else:
                return _Timed(stream, self._deadline)


class _Timed(httpcore2.NetworkStream):
    """A connection whose every step has until one deadline: not each of them so long, but all together."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  the deadline counts
        """Read what is there."""
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002  the deadline counts
        """Write all of it."""
        self._stream.write(buffer, _left(self._deadline))

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002  the deadline counts
    ) -> httpcore2.NetworkStream:
        """Go on encrypted, with whoever proves to be the host of the url."""
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline)), self._deadline)

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        """Answer what is asked about it."""
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("it took too long")
    return left
