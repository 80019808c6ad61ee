"""The ways out: a signed webhook, mail, and a stream of Redis. Each sends one message, or says why it could not.

Secrets come from the environment, when a message is sent, and appear in no error and no log.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import os
import smtplib
import ssl
from email.message import EmailMessage
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import msgspec

from streams.cap.checking import parse, text_of
from streams.cap.writing import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from xml.etree.ElementTree import Element

    from grids.telling import Way
    from streams.outlets.delivery.messages import Message

TIMEOUT_S = 10.0
"""How long an answer may take."""

KEPT = 10_000
"""Messages that a stream of Redis keeps, about."""

SIGNATURE = "X-Onegrid-Signature"
GROUP = "centre"

_OK = range(200, 300)

encode = msgspec.json.Encoder().encode


class DeliveryError(Exception):
    """A message has not arrived, as far as is known."""


class Channel(Protocol):
    """One way to one unit."""

    def send(self, message: Message, now: float) -> None:
        """Send a message; what returns has arrived. Raises DeliveryError. `now` is seconds since 1970."""


def signature(secret: str, now: float, body: bytes) -> str:
    """Sign a body: `t=SECONDS,v1=HMAC-SHA256 of "SECONDS.body"` in hex. Who gets it checks the time as well."""
    moment = str(int(now))
    return f"t={moment},v1={hmac.new(secret.encode(), f'{moment}.'.encode() + body, hashlib.sha256).hexdigest()}"


class Webhook:
    """POSTs JSON to a web address, signed where the way names a secret. Follows no redirection."""

    def __init__(self, way: Way, timeout_s: float = TIMEOUT_S) -> None:
        self._way, self._timeout = way, timeout_s

    def send(self, message: Message, now: float) -> None:
        """Send a message; any answer but 2xx is a failure."""
        body = encode(message)
        headers = {"Content-Type": "application/json", "X-Onegrid-Message": message.id}
        if self._way.secret_env:
            secret = os.environ.get(self._way.secret_env, "")
            if not secret:
                raise DeliveryError(f"{self._way.secret_env} is not set; expected the secret of this way")
            headers[SIGNATURE] = signature(secret, now, body)
        address = urlsplit(self._way.target)
        kinds: dict[str, Callable[..., http.client.HTTPConnection]] = {
            "http": http.client.HTTPConnection,
            "https": http.client.HTTPSConnection,
        }
        if address.scheme not in kinds or not address.hostname:
            raise DeliveryError("target: expected an address that begins with https:// or http://")
        connection = kinds[address.scheme](address.hostname, address.port, timeout=self._timeout)
        path = f"{address.path or '/'}{'?' if address.query else ''}{address.query}"
        try:
            connection.request("POST", path, body, headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise DeliveryError(type(error).__name__) from error
        finally:
            connection.close()
        if status not in _OK:
            raise DeliveryError(f"status {status}")


class Mail:
    """Sends mail through the server ONEGRID_SMTP (host:port), by TLS and with a name where these are given."""

    def __init__(self, way: Way) -> None:
        self._way = way

    def send(self, message: Message, now: float) -> None:
        """Send a message as mail, with the CAP document attached."""
        del now
        host, _, port = os.environ.get("ONEGRID_SMTP", "").partition(":")
        if not host:
            raise DeliveryError("ONEGRID_SMTP is not set; expected host:port of a mail server")
        user, password = os.environ.get("ONEGRID_SMTP_USER", ""), os.environ.get("ONEGRID_SMTP_PASSWORD", "")
        try:
            with smtplib.SMTP(host, int(port or 25), timeout=TIMEOUT_S) as server:
                if server.ehlo()[0] in _OK and server.has_extn("starttls"):
                    server.starttls(context=ssl.create_default_context())
                if user:
                    server.login(user, password)
                server.send_message(self._mail(message))
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise DeliveryError(type(error).__name__) from error

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = os.environ.get("ONEGRID_SMTP_FROM", "onegrid@localhost")
        mail["To"] = self._way.target
        mail["Message-ID"] = f"<{message.id}@onegrid>"
        mail["Subject"] = f"{_headline(message)} · {message.alerts[-1].case_no}"
        lines = (
            f"{one.alert_id}  {one.kind}  severity {one.severity}  {one.reason}"
            + (f"  请确认 confirm by {one.ack_due.isoformat(timespec='seconds')}" if one.ack_due else "")
            for one in message.alerts
        )
        mail.set_content("\n".join((*_said(message), "", *lines)) + "\n")
        for name, document in (("alert.cap", message.cap), ("all-clear.cap", message.all_clear)):
            if document:
                mail.add_attachment(document.encode(), maintype="application", subtype="cap+xml", filename=name)
        return mail


def _infos(message: Message) -> Iterator[Element]:
    """Yield what a message's documents say, in each language."""
    for document in (message.cap, message.all_clear):
        if document:
            yield from parse(document.encode()).iter(f"{{{NAMESPACE}}}info")


def _headline(message: Message) -> str:
    """Return what a message is about in one line."""
    found = next((text_of(info, "headline") for info in _infos(message)), message.alerts[-1].kind)
    return " ".join(found.split())


def _said(message: Message) -> Iterator[str]:
    """Yield what a person is to read of a message, before its list."""
    for info in _infos(message):
        yield from (text for name in ("headline", "description", "instruction") if (text := text_of(info, name)))
        yield ""


class RedisStream:
    """Appends to a stream of Redis, for whose consumer group the centre's own programs read; made when needed."""

    def __init__(self, way: Way, address: str) -> None:
        self._way, self._address = way, address

    def send(self, message: Message, now: float) -> None:
        """Append a message."""
        del now
        try:
            import redis  # noqa: PLC0415 - only where a way needs it
        except ImportError as error:
            raise DeliveryError("redis is not installed; expected the extra onegrid[cluster]") from error
        host, _, port = self._address.partition(":")
        if not host:
            raise DeliveryError("ONEGRID_REDIS is not set; expected host:port")
        password = os.environ.get("ONEGRID_REDIS_PASSWORD") or None
        try:
            with redis.Redis(host, int(port or 6379), password=password, socket_timeout=TIMEOUT_S) as client:
                try:
                    client.xgroup_create(self._way.target, GROUP, id="0", mkstream=True)
                except redis.ResponseError as error:
                    if "BUSYGROUP" not in str(error):
                        raise
                fields = {"id": message.id, "message": encode(message)}
                client.xadd(self._way.target, fields, maxlen=KEPT, approximate=True)
        except (redis.RedisError, OSError, ValueError) as error:
            raise DeliveryError(type(error).__name__) from error


class Console:
    """The console's banner reads the board by itself: what stands there has arrived."""

    def send(self, message: Message, now: float) -> None:
        """Do nothing."""


def open_channel(way: Way) -> Channel:
    """Return the channel of a way."""
    if way.kind == "webhook":
        return Webhook(way)
    if way.kind == "smtp":
        return Mail(way)
    if way.kind == "redis":
        return RedisStream(way, os.environ.get("ONEGRID_REDIS", ""))
    return Console()
