"""Real receivers on loopback: a mail server, a web server, a port that only counts who calls."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import gc
import json
import socket
import ssl
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
from aiosmtpd.smtp import SMTP, AuthResult

HERE = Path(__file__).parent
CERTIFICATE, KEY = str(HERE / "test-only-certificate.pem"), str(HERE / "test-only-key.pem")


def server_context() -> ssl.SSLContext:
    """Return what a server of these tests shows who calls it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    return context


@attrs.define(kw_only=True)
class Mail:
    """One mail, as the server got it."""

    sender: str
    to: list[str]
    data: bytes
    encrypted: bool
    login: bytes | None = None

    @property
    def parsed(self) -> EmailMessage:
        """The mail, as a program of today reads it."""
        parsed = email.message_from_bytes(self.data, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def raw(self) -> Message:
        """The mail, its headers as they stand."""
        return email.message_from_bytes(self.data)

    def header(self, name: str) -> str:
        """Return a header, decoded once."""
        value = self.raw[name]
        return "" if value is None else str(make_header(decode_header(value.replace("\r\n", "").replace("\n", ""))))

    def body(self, kind: str = "plain") -> str:
        """Return the text, or the HTML."""
        part = self.parsed.get_body(preferencelist=(kind,))
        assert part is not None
        content = part.get_content()
        assert isinstance(content, str)
        return content.replace("\r\n", "\n")


class PostOffice:
    """A mail server that takes everything, but for what it is told to refuse."""

    def __init__(self, *, tls: bool = False, starttls: bool = False, password: str = "") -> None:
        """Listen at once."""
        self.mails: list[Mail] = []
        self.refuse: dict[str, str] = {}
        self.hangs_up = False
        self.hello = ""
        self._password = password
        self._loop = asyncio.new_event_loop()
        self._tls = server_context() if tls else None
        self._starttls = server_context() if starttls else None
        self._server = self._loop.run_until_complete(self._listen())
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    async def _listen(self) -> asyncio.Server:
        def connection() -> SMTP:
            return SMTP(
                self,
                hostname="mail.test",
                tls_context=self._starttls,
                require_starttls=self._starttls is not None,
                authenticator=self._authenticate if self._password else None,
                auth_exclude_mechanism=() if self._password else ("LOGIN", "PLAIN"),
                auth_require_tls=self._starttls is not None,
                loop=self._loop,
            )

        return await self._loop.create_server(connection, "127.0.0.1", 0, ssl=self._tls)

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        good = data.password == self._password.encode()
        return AuthResult(success=good, auth_data=data.login if good else None, handled=good)

    async def handle_EHLO(self, _server: Any, session: Any, _: Any, hostname: str, responses: list[str]) -> list[str]:  # noqa: N802  as the server calls it
        """Hear who calls."""
        session.host_name = self.hello = hostname
        return responses

    async def handle_MAIL(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802  as the server calls it
        """Hear whom it is from."""
        if "MAIL" in self.refuse:
            return self.refuse["MAIL"]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802  as the server calls it
        """Hear whom it is for."""
        if address in self.refuse or "RCPT" in self.refuse:
            return self.refuse.get(address) or self.refuse["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  as the server calls it
        """Take a mail."""
        if "DATA" in self.refuse:
            return self.refuse["DATA"]
        mail = Mail(
            sender=envelope.mail_from,
            to=list(envelope.rcpt_tos),
            data=envelope.original_content,
            encrypted=session.ssl is not None or self._tls is not None,
            login=session.auth_data,
        )
        self.mails.append(mail)
        return "250 OK"

    async def handle_QUIT(self, server: Any, _session: Any, _envelope: Any) -> str:  # noqa: N802  as the server calls it
        """Say goodbye, or not."""
        if self.hangs_up:
            server.transport.abort()
        return "221 Bye"

    @contextlib.contextmanager
    def refusing(self, **answers: str) -> Iterator[None]:
        """Refuse for a while."""
        self.refuse = answers
        try:
            yield
        finally:
            self.refuse = {}

    def close(self) -> None:
        """Stop listening."""

        async def stop() -> None:
            """Let go of everything."""
            self._server.close()
            await self._server.wait_closed()
            # Who was let in last, and has hung up already, is introduced before all are let go; a line that was on its
            # way to TLS is known to the loop alone.
            await asyncio.sleep(0.01)
            for line in list(self._loop._transports.values()):  # type: ignore[attr-defined]
                line.abort()
            await asyncio.sleep(0.01)
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        # A line whose caller hung up in the midst may be left over: a matter of this server, not of what is tried.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


@attrs.define(kw_only=True)
class Request:
    """One request, as the server got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        """What it holds."""
        return json.loads(self.body)


class Hooks:
    """A web server that keeps every request, and answers as it is told."""

    def __init__(self, *, tls: bool = False, host: str = "127.0.0.1") -> None:
        """Listen at once."""
        self.requests: list[Request] = []
        self.refused: dict[str, int] = {}
        self.answer: Callable[[BaseHTTPRequestHandler], None] = self.ok
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(method=self.command, path=self.path, headers=headers, body=body)
                if status := hooks.refused.get(self.path):
                    self.send_error(status)
                else:
                    if hooks.answer == hooks.ok:
                        hooks.requests.append(request)
                    hooks.answer(self)
                self.close_connection = True

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

            def handle_error(self, *_: Any) -> None:
                """Say nothing: a client that hangs up is what some tests are about."""

        self._server = Server((host, 0), Handler)
        if tls:
            self._server.socket = server_context().wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def ok(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer that all is well."""
        handler.send_response(204)
        handler.send_header("content-length", "0")
        handler.end_headers()

    @contextlib.contextmanager
    def answering(self, status: int, body: bytes = b"", **headers: str) -> Iterator[None]:
        """Answer something else for a while."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in {"content-length": str(len(body)), **headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(body)

        self.answer = answer
        try:
            yield
        finally:
            self.answer = self.ok

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class Witness:
    """Counts who calls a port that nobody has any business with."""

    def __init__(self) -> None:
        """Listen at once."""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    @property
    def calls(self) -> int:
        """How many called since it was last looked at."""
        self._socket.settimeout(0)
        calls = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.accept()[0].close()
                calls += 1
        return calls

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


class Abrupt:
    """Says one thing to whoever calls, and hangs up."""

    def __init__(self, said: bytes, *, again: float = 0) -> None:
        """Listen at once; with *again*, say it again and again, after so many seconds, as long as somebody listens."""
        self._again = again
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(60)
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._answer, args=(said,), daemon=True)
        self._thread.start()

    def _answer(self, said: bytes) -> None:
        with contextlib.suppress(OSError), self._socket.accept()[0] as connection:
            connection.settimeout(60)
            connection.sendall(said)
            while self._again:
                time.sleep(self._again)
                connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1024):
                pass

    def close(self) -> None:
        """Stop listening."""
        self._thread.join(10)
        self._socket.close()


class Guard:
    """Writes down every connection that this program opens, and every name that it looks up."""

    def __init__(self) -> None:
        """Watch from now on: Python keeps such a hook until it ends."""
        self.connections: list[tuple[str, int]] = []
        self.names: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(arguments[1], tuple):
            self.connections.append(arguments[1][:2])
        elif event == "socket.getaddrinfo":
            self.names.append(str(arguments[0]))

    def clear(self) -> None:
        """Forget what was."""
        self.connections.clear()
        self.names.clear()
