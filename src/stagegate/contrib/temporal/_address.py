"""Where Temporal is, and under which names things are known there: all of it from one url."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import attrs

from stagegate import InvalidValue

FORM = "temporal://host:7233/namespace?queue=stagegate"
FILES = ("ca", "cert", "key", "api_key")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@attrs.frozen(kw_only=True)
class Address:
    """
    Where Temporal is.

    Attributes:
        host: The host and the port.

        namespace: The namespace.

        queue: The task queue; every id begins with it, so that several deployments can share a namespace.

        tls: Whether to speak TLS.

        ca: The file with the certificate that the server's is checked by; None: those of the system.

        cert: The file with the certificate of this client.

        key: The file with its private key.

        api_key: The file with an API key.
    """

    host: str
    namespace: str = "default"
    queue: str = "stagegate"
    tls: bool = False
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    api_key: Path | None = None

    @classmethod
    def read(cls, url: str) -> Address:
        """
        Read a url.

        Raises:
            InvalidValue: If it is none, or says what nobody understands.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or 7233
        except ValueError as error:
            raise _wrong(f"{error}") from None
        if parts.scheme != "temporal" or not parts.hostname:
            raise _wrong("it names no host")
        if parts.username or parts.password:
            raise _wrong("it holds a user or a password; name the file of an API key with api_key=")
        asked = parse_qsl(parts.query, keep_blank_values=True)
        said = dict(asked)
        if len(said) < len(asked) or not said.keys() <= {"queue", "tls", *FILES}:
            raise _wrong(f"behind the question mark may stand queue, tls, {', '.join(FILES)}, each once")
        tls = said.get("tls", "true" if said.keys() & set(FILES) else "false")
        if tls not in {"true", "false"}:
            raise _wrong("tls is true or false")
        if tls == "false" and said.keys() & set(FILES):
            raise _wrong(f"{' and '.join(sorted(said.keys() & set(FILES)))} without TLS would be of no use")
        if ("cert" in said) != ("key" in said):
            raise _wrong("cert and key come together")
        namespace, queue = unquote(parts.path.strip("/")) or "default", said.get("queue", "stagegate")
        for word, value in (("namespace", namespace), ("queue", queue)):
            if not _NAME.fullmatch(value):
                raise _wrong(f"the {word} {value!r} has to be made of ASCII letters, digits and _ - .")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        files = {file: Path(said[file]) for file in FILES if file in said}
        return cls(host=f"{host}:{port}", namespace=namespace, queue=queue, tls=tls == "true", **files)

    def id(self, kind: str, key: str) -> str:
        """Return the id of the workflow that watches over one thing: there is never more than one of it."""
        return f"{self.queue}/{kind}:{key}"


def _wrong(why: str) -> InvalidValue:
    return InvalidValue(f"wake: this is no address of Temporal: {why}; it is written {FORM}")
