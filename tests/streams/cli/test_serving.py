"""Real servers behind proxies and over HTTPS: whose word counts for who calls, and certificates that are none."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from servers import free_port

from streams.identity.accounts import Accounts
from streams.identity.principals import Principal

PROXY, OTHER = "127.0.0.2", "127.0.0.3"
"""Two peers of this machine: the system takes any address of 127/8 for its own."""


@contextmanager
def served(command, *words):
    process = subprocess.Popen(
        [sys.executable, "-c", "from streams.cli import main; main()", command, *map(str, words), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ,
    )
    try:
        said = json.loads(process.stdout.readline())
        _until_it_listens(said["port"])
        yield said
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def _until_it_listens(port):
    end = time.monotonic() + 30
    while True:
        with closing(socket.socket()) as link:
            if link.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < end
        time.sleep(0.02)


def call(port, method, path, sent=None, *, peer=PROXY, trust=None, host="127.0.0.1", **headers):
    """Call from an address; `trust` makes it HTTPS, checked against that certificate."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if trust is None:
        link = http.client.HTTPConnection(host, port, timeout=30, source_address=(peer, 0))
    else:
        context = ssl.create_default_context(cafile=str(trust))
        link = http.client.HTTPSConnection(host, port, timeout=30, context=context)
    link.request(method, path, None if sent is None else json.dumps(sent), named)
    answer = link.getresponse()
    return answer, answer.read()


@pytest.fixture(scope="module")
def open_port(small_pack, tmp_path_factory):
    """A service without keys that believes one proxy."""
    data = tmp_path_factory.mktemp("open")
    with served("run", "--city", small_pack, "--data", data, "--port", 0, "--trusted-proxy", PROXY) as said:
        yield said["port"]


@pytest.fixture(scope="module")
def kept_port(small_pack, tmp_path_factory):
    """A service with an account that believes the proxies of a network."""
    data = tmp_path_factory.mktemp("kept")
    accounts = Accounts(data, lambda: datetime.now(UTC))
    accounts.add(Principal("wang", "city"), "long enough a password")
    accounts.close()
    with served("run", "--city", small_pack, "--data", data, "--port", 0, "--trusted-proxy", f"{PROXY}/32") as said:
        yield said["port"]


def test_whoever_a_trusted_proxy_says_has_called_has_called(open_port):
    assert call(open_port, "GET", "/v1/cases")[0].status == 200
    answer, said = call(open_port, "GET", "/v1/cases", x_forwarded_for="203.0.113.9")
    assert (answer.status, json.loads(said)["reason"]) == (403, "LOOPBACK_ONLY")
    assert "203.0.113.9" in said.decode()


def test_what_a_caller_tells_a_trusted_proxy_of_itself_counts_for_nothing(open_port):
    answer, said = call(open_port, "GET", "/v1/cases", x_forwarded_for="127.0.0.1, 203.0.113.9")
    assert (answer.status, "203.0.113.9" in said.decode()) == (403, True)


def test_whoever_is_no_trusted_proxy_is_not_believed(open_port):
    assert call(open_port, "GET", "/v1/cases", peer=OTHER, x_forwarded_for="203.0.113.9")[0].status == 200


def sign_in(port, password="long enough a password", name="wang", **more):
    return call(port, "POST", "/v1/session", {"name": name, "password": password}, **more)


def test_a_cookie_is_for_https_alone_where_a_trusted_proxy_has_been_called_over_it(kept_port):
    def secure(**more):
        answer, _ = sign_in(kept_port, x_forwarded_for="203.0.113.1", **more)
        assert answer.status == 200
        cookie = answer.getheader("set-cookie")
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        return "; secure" in cookie.lower()

    assert secure(x_forwarded_proto="https")
    assert not secure(x_forwarded_proto="http")
    assert not secure(x_forwarded_proto="https", peer=OTHER)


def test_tries_are_counted_by_the_address_that_counts(kept_port):
    def tried(number, **more):
        answer, said = sign_in(kept_port, "wrong", f"nobody{number}", **more)
        return answer.status, json.loads(said)["reason"]

    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda number: tried(number, x_forwarded_for="203.0.113.7"), range(80)))
        assert answers[:20] == [(401, "WRONG_PASSWORD")] * 20
        assert (429, "TOO_MANY_TRIES") in answers
        assert sign_in(kept_port, x_forwarded_for="203.0.113.8")[0].status == 200  # another one behind that proxy
        numbers = range(80)
        spoofed = many.map(lambda number: tried(number, peer=OTHER, x_forwarded_for=f"198.51.100.{number}"), numbers)
        assert (429, "TOO_MANY_TRIES") in list(spoofed)


def test_an_account_is_locked_whatever_addresses_its_wrong_passwords_come_from(small_pack, tmp_path):
    accounts = Accounts(tmp_path, lambda: datetime.now(UTC))
    accounts.add(Principal("li", "city"), "long enough a password")
    accounts.close()
    with served("run", "--city", small_pack, "--data", tmp_path, "--port", 0, "--trusted-proxy", PROXY) as said:
        for number in range(5):
            sign_in(said["port"], "wrong", "li", x_forwarded_for=f"203.0.113.{number}")
        answer, body = sign_in(said["port"], name="li", x_forwarded_for="203.0.113.99")
        assert (answer.status, json.loads(body)["reason"]) == (429, "LOCKED")
        assert int(answer.getheader("retry-after")) > 600


@pytest.mark.parametrize("command", ["run", "gateway"])
@pytest.mark.parametrize("wrong", ["everybody", "*", "0.0.0.0/0", "::/0", "10.0.0.0/33", "proxy.example"])
def test_what_is_no_proxy_of_anybodys_is_bad_input(onegrid, small_pack, tmp_path, command, wrong):
    more = ("--broker", "127.0.0.1:1") if command == "gateway" else ()
    code, _, said = onegrid(
        command, "--city", small_pack, "--data", tmp_path, "--port", 0, *more, "--trusted-proxy", wrong
    )
    assert (code, "expected an address or a network" in said) == (2, True)


# HTTPS


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Certificate files: a pair that fits, a key of another one, one under a password."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("good", "other"):
        key = ec.generate_private_key(ec.SECP256R1())
        called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(called)
            .issuer_name(called)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256())
        )
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        kind = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
        (folder / f"{name}.key").write_bytes(key.private_bytes(*kind, serialization.NoEncryption()))
        under = serialization.BestAvailableEncryption(b"secret")
        (folder / f"{name}.locked").write_bytes(key.private_bytes(*kind, under))
    (folder / "letter").write_text("Dear Sir or Madam")
    return folder


@pytest.mark.parametrize("command", ["run", "gateway"])
def test_https_is_spoken_with_a_certificate_and_nothing_else_is(pair, small_pack, tmp_path, command):
    port = free_port()
    more = ("--broker", f"127.0.0.1:{free_port()}") if command == "gateway" else ()
    tls = ("--tls-cert", pair / "good.pem", "--tls-key", pair / "good.key")
    with served(command, "--city", small_pack, "--data", tmp_path, "--port", port, *more, *tls) as said:
        assert said["url"] == f"https://127.0.0.1:{port}"
        answer, body = call(port, "GET", "/healthz", host="localhost", trust=pair / "good.pem")
        assert (answer.status, b"healthy" in body or b"status" in body) == (200, True)
        with pytest.raises(ssl.SSLCertVerificationError):
            call(port, "GET", "/healthz", host="localhost", trust=pair / "other.pem")
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            call(port, "GET", "/healthz")


WRONG = {
    "the key of another certificate": ("good.pem", "other.key", "expected a PEM certificate and its key"),
    "no certificate": ("letter", "good.key", "expected a PEM certificate and its key"),
    "no key": ("good.pem", "letter", "expected a PEM certificate and its key"),
    "the two the wrong way round": ("good.key", "good.pem", "expected a PEM certificate and its key"),
    "a key under a password": ("good.pem", "good.locked", "it is under a password; expected one without"),
}


@pytest.mark.parametrize("command", ["run", "gateway"])
@pytest.mark.parametrize("wrong", WRONG)
def test_certificate_files_that_are_none_are_said_before_anything_begins(
    onegrid, pair, small_pack, tmp_path, command, wrong
):
    cert, key, expected = WRONG[wrong]
    more = ("--broker", "127.0.0.1:1") if command == "gateway" else ()
    tls = ("--tls-cert", pair / cert, "--tls-key", pair / key)
    code, _, said = onegrid(command, "--city", small_pack, "--data", tmp_path / "d", "--port", 0, *more, *tls)
    assert (code, expected in " ".join(said.replace("│", " ").split())) == (2, True)
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("option", ["--tls-cert", "--tls-key"])
def test_only_one_of_certificate_and_key_is_bad_input(onegrid, pair, small_pack, tmp_path, option):
    code, _, said = onegrid("run", "--city", small_pack, "--data", tmp_path / "d", option, pair / "good.pem")
    assert (code, "expected both" in said) == (2, True)


def test_a_gateway_listens_elsewhere_only_once_somebody_is_configured(onegrid, small_pack, tmp_path):
    port = free_port()
    given = ("--city", small_pack, "--broker", f"127.0.0.1:{free_port()}", "--host", "0.0.0.0")
    code, _, said = onegrid("gateway", *given, "--port", 0, "--data", tmp_path / "nobody")
    assert (code, "without keys" in said) == (2, True)
    accounts = Accounts(tmp_path / "kept", lambda: datetime.now(UTC))
    key = accounts.add_key(Principal("k1", "city"))
    accounts.close()
    with served("gateway", *given, "--port", port, "--data", tmp_path / "kept") as told:
        assert told["port"] == port
        assert call(port, "GET", "/v1/cases")[0].status == 401
        assert call(port, "GET", "/v1/cases", authorization=f"Bearer {key}")[0].status == 503  # no board is there
        assert call(port, "GET", "/healthz")[0].status in {200, 503}
