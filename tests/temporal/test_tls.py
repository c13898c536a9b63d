"""Speaking TLS to Temporal, through a door that asks for it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proof.receivers import CERTIFICATE, KEY
from stagegate import PluginError
from stagegate.contrib.temporal._address import Address
from stagegate.contrib.temporal._asking import connected

from .scene import Server, in_a_loop

SIGNED = str(Path(__file__).parent / "test-only-signed.pem")
"""A certificate of that key for a server or a client, signed by `CERTIFICATE`: who speaks for itself is not listened to."""


@contextlib.asynccontextmanager
async def door(server: Server, *, mutual: bool = False) -> AsyncIterator[int]:
    """Put a door before a server that lets in who speaks TLS, or who shows a certificate as well; its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(SIGNED, KEY)
    context.set_alpn_protocols(["h2"])
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(CERTIFICATE)
    ends: list[asyncio.StreamWriter] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry what comes from one side to the other."""
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def open_(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Let somebody in."""
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", server.port)
        ends.extend((writer, inner_writer))
        await asyncio.gather(carry(reader, inner_writer), carry(inner_reader, writer))

    listening = await asyncio.start_server(open_, "127.0.0.1", 0, ssl=context)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for end in ends:
            end.close()
            with contextlib.suppress(OSError):
                await end.wait_closed()


@in_a_loop
async def test_certificate_that_is_trusted(server: Server, tmp_path: Path) -> None:
    """With the certificate of whoever signed the server's, and an API key from a file, Temporal is reached."""
    key = tmp_path / "key"
    key.write_text("abc\n", encoding="ascii")
    async with door(server) as port:
        client = await connected(Address.read(f"temporal://localhost:{port}?ca={CERTIFICATE}&api_key={key}"))
        await client.count_workflows()

        assert client.api_key == "abc"


@in_a_loop
async def test_certificate_of_this_client(server: Server) -> None:
    """Where the server asks for a certificate, the client shows its own."""
    async with door(server, mutual=True) as port:
        client = await connected(Address.read(f"temporal://localhost:{port}?ca={CERTIFICATE}&cert={SIGNED}&key={KEY}"))
        await client.count_workflows()


@pytest.mark.parametrize("options", ["?tls=true", ""])
def test_server_that_is_not_trusted(server: Server, options: str) -> None:
    """A server whose certificate nobody vouches for is not spoken to, and neither is one that wants TLS without it."""

    @in_a_loop
    async def call() -> None:
        """Call."""
        async with door(server) as port:
            await connected(Address.read(f"temporal://localhost:{port}{options}"))

    with pytest.raises(PluginError, match="Temporal cannot be reached at localhost"):
        call()
