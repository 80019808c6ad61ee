"""Each way out against a real server of its kind."""

from __future__ import annotations

import email
import hashlib
import hmac
import http.server
import json
import socketserver
import threading
from email import policy

import pytest

from grids.telling import Way
from streams.outlets.delivery.channels import DeliveryError, open_channel
from streams.outlets.delivery.messages import compose

NOW = 1_772_413_200.0
SECRET = "s3cret"


@pytest.fixture
def message(scene):
    scene.bring("FILED", "03-02 09:00", severity=2)
    return compose(scene.alerts[0].unit, scene.alerts[:1])


def served(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Hook(http.server.BaseHTTPRequestHandler):
    status, heard = 200, []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append((self.path, dict(self.headers), body))
        self.send_response(self.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hook():
    handler = type("Own", (Hook,), {"heard": [], "status": 200})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.url = f"http://127.0.0.1:{served(server)}/in?a=1"
    yield handler
    server.shutdown()
    server.server_close()


def test_a_webhook_gets_the_message_signed_with_the_time(hook, message, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    open_channel(Way("990101-CC", "webhook", hook.url, secret_env="HOOK_SECRET")).send(message, NOW)
    ((path, headers, body),) = hook.heard
    assert path == "/in?a=1"
    assert json.loads(body)["alerts"][0]["alert_id"] == message.alerts[0].alert_id
    assert json.loads(body)["cap"] == message.cap
    expected = hmac.new(SECRET.encode(), b"1772413200." + body, hashlib.sha256).hexdigest()
    assert headers["X-Onegrid-Signature"] == f"t=1772413200,v1={expected}"
    assert headers["X-Onegrid-Message"] == message.id


def test_a_webhook_without_a_secret_is_not_signed(hook, message):
    open_channel(Way("990101-CC", "webhook", hook.url)).send(message, NOW)
    assert "X-Onegrid-Signature" not in hook.heard[0][1]


@pytest.mark.parametrize("status", [302, 400, 500])
def test_any_answer_but_success_is_a_failure_and_nobody_is_redirected(hook, message, status):
    hook.status = status
    with pytest.raises(DeliveryError, match=f"status {status}"):
        open_channel(Way("990101-CC", "webhook", hook.url)).send(message, NOW)
    assert len(hook.heard) == 1


@pytest.mark.parametrize("target", ["http://127.0.0.1:9/", "ftp://127.0.0.1/", "nonsense"])
def test_a_webhook_that_can_not_be_reached_is_a_failure(message, target):
    with pytest.raises(DeliveryError):
        open_channel(Way("990101-CC", "webhook", target)).send(message, NOW)


def test_a_secret_that_is_not_set_sends_nothing_and_tells_no_secret(hook, message):
    with pytest.raises(DeliveryError, match="NO_SUCH_SECRET is not set"):
        open_channel(Way("990101-CC", "webhook", hook.url, secret_env="NO_SUCH_SECRET")).send(message, NOW)
    assert hook.heard == []


class Post(socketserver.StreamRequestHandler):
    """As much of SMTP as it takes to get a mail."""

    heard, refuses = (), b""

    def handle(self):
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb in (b"EHLO", b"HELO"):
                self.wfile.write(b"250 test\r\n")
            elif verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    text += part
                self.heard.append(text)
                self.wfile.write(b"250 taken\r\n")
            elif verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"550 no\r\n" if verb == self.refuses else b"250 ok\r\n")


@pytest.fixture
def post(monkeypatch):
    handler = type("Own", (Post,), {"heard": [], "refuses": b""})
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    monkeypatch.setenv("ONEGRID_SMTP", f"127.0.0.1:{served(server)}")
    yield handler
    server.shutdown()
    server.server_close()


def test_mail_says_what_is_the_matter_with_the_document_attached(post, message):
    open_channel(Way("990101-CC", "smtp", "duty@example.invalid")).send(message, NOW)
    mail = email.message_from_bytes(post.heard[0], policy=policy.default)
    assert mail["To"] == "duty@example.invalid"
    assert mail["Message-ID"] == f"<{message.id}@onegrid>"
    assert message.alerts[0].case_no in mail["Subject"]
    assert "请确认 confirm by" in mail.get_body().get_content()
    (attached,) = mail.iter_attachments()
    assert attached.get_content_type() == "application/cap+xml"
    assert attached.get_content().decode() == message.cap


def test_mail_that_is_refused_or_has_no_server_is_a_failure(post, message, monkeypatch):
    post.refuses = b"RCPT"
    with pytest.raises(DeliveryError):
        open_channel(Way("990101-CC", "smtp", "duty@example.invalid")).send(message, NOW)
    monkeypatch.delenv("ONEGRID_SMTP")
    with pytest.raises(DeliveryError, match="ONEGRID_SMTP is not set"):
        open_channel(Way("990101-CC", "smtp", "duty@example.invalid")).send(message, NOW)


@pytest.mark.cluster
def test_a_stream_of_redis_holds_the_message_for_the_centres_group(redis, message, monkeypatch):
    from redis import Redis  # noqa: PLC0415 - only where it is installed

    monkeypatch.setenv("ONEGRID_REDIS", redis)
    channel = open_channel(Way("990101-CC", "redis", "alerts:test-channel"))
    channel.send(message, NOW)
    channel.send(message, NOW)
    host, port = redis.split(":")
    with Redis(host, int(port)) as client:
        ((_, entries),) = client.xreadgroup("centre", "desk-1", {"alerts:test-channel": ">"})
    assert [json.loads(fields[b"message"])["id"] for _, fields in entries] == [message.id, message.id]
    assert entries[0][1][b"id"].decode() == message.id


def test_a_stream_without_a_server_is_a_failure(message, monkeypatch):
    monkeypatch.delenv("ONEGRID_REDIS", raising=False)
    with pytest.raises(DeliveryError, match="ONEGRID_REDIS is not set"):
        open_channel(Way("990101-CC", "redis", "alerts:x")).send(message, NOW)
    monkeypatch.setenv("ONEGRID_REDIS", "127.0.0.1:9")
    with pytest.raises(DeliveryError):
        open_channel(Way("990101-CC", "redis", "alerts:x")).send(message, NOW)


def test_the_consoles_banner_has_nothing_to_be_sent(message):
    open_channel(Way("990101-CC", "console", "990101")).send(message, NOW)
