"""The grid worker's page in real Chromium: without reception, over a reload, and over HTTPS on a name of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from grids.city import open_city
from streams.hosts.embedded.service import Service, bind, make_service_app
from streams.identity.accounts import Accounts
from streams.identity.principals import Principal
from tests.packs import STREETS, point, write_pack

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip
NAME = "grid.test"
PASSWORD = "a long password"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "locale": "zh-CN",
         "permissions": ["geolocation"]}  # fmt: skip


def chromium(playwright, *more):
    if not os.path.exists(CHROMIUM):  # noqa: PTH110 - a plain question
        reason = "no chromium on this machine"
        (pytest.fail if "chromium" in os.environ.get("ONEGRID_REQUIRE", "") else pytest.skip)(reason)
    return playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *more])


def here():
    lon, lat = point(STREETS[0])
    return {"longitude": lon, "latitude": lat, "accuracy": 8}


def picture(path, shade):
    Image.new("RGB", (2400, 1800), (shade, 90, 140)).save(path, "JPEG")
    return str(path)


def report(page, photo, code):
    """A photo, a category, send: three taps."""
    page.set_input_files("#camera", photo)
    expect(page.locator("#preview")).to_be_visible()
    page.tap(f'#categories [data-code="{code}"]')
    page.tap("#send")
    expect(page.locator("#send")).to_be_disabled()


def waiting(page):
    return int(page.get_attribute("#net", "data-waiting"))


def wait_until(question, seconds=20):
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def service(tmp_path):
    service = Service(open_city(write_pack(tmp_path / "city")), tmp_path / "data")
    service.start()
    bound = bind(0)
    server = uvicorn.Server(uvicorn.Config(make_service_app(service), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    yield service
    server.should_exit = True
    thread.join(timeout=10)
    service.stop()


def test_three_reports_without_reception_survive_a_reload_and_become_three_cases_once_each(service, tmp_path):
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        context = browser.new_context(**PHONE, geolocation=here())
        page = context.new_page()
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{service.url}/m")
        page.wait_for_selector("#categories button")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        expect(page.locator("#place")).to_contain_text("±")
        page.tap('nav [data-tab="me"]')
        page.fill("#worker", "W00001")
        page.fill("#unit", "990101001-OF")
        page.locator("#unit").blur()
        page.tap('nav [data-tab="report"]')
        context.set_offline(True)
        for number, code in enumerate(("E-01-10", "C-01-01", "E-02-02")):
            report(page, picture(tmp_path / f"{number}.jpg", 40 * number), code)
        wait_until(lambda: waiting(page) == 3)
        if folder := os.environ.get("ONEGRID_SCREENSHOTS"):
            page.screenshot(path=f"{folder}/phone-offline.png")
        page.reload()
        page.wait_for_selector("#categories button")
        assert waiting(page) == 3
        expect(page.locator("#net")).to_contain_text("离线")
        assert httpx.get(f"{service.url}/v1/cases").json()["items"] == []
        context.set_offline(False)
        wait_until(lambda: waiting(page) == 0)
        page.reload()
        page.wait_for_selector("#categories button")
        wait_until(lambda: len(httpx.get(f"{service.url}/v1/cases").json()["items"]) == 3)
        cases = httpx.get(f"{service.url}/v1/cases").json()["items"]
        assert {case["category"] for case in cases} == {"E-01-10", "C-01-01", "E-02-02"}
        assert [len(case["reports"]) for case in cases] == [1, 1, 1]
        assert all(case["placement"]["street"] == STREETS[0] for case in cases)
        pictures = [httpx.get(f"{service.url}/v1/cases/{case['case_no']}/media").json()["items"] for case in cases]
        assert [len(items) for items in pictures] == [1, 1, 1]
        assert httpx.get(service.url + pictures[0][0]["url"]).headers["content-type"] == "image/jpeg"
        page.tap('nav [data-tab="mine"]')
        expect(page.locator("#mine .card")).to_have_count(3)
        page.tap('nav [data-tab="tasks"]')
        page.wait_for_selector("#tasks .card, #tasks .hint")
        if folder:
            page.screenshot(path=f"{folder}/phone-tasks.png")
        assert errors == []
        browser.close()


def test_a_task_is_signed_begun_and_done_with_a_photo(service, tmp_path):
    lon, lat = point(STREETS[0])
    sent = {
        "system": "t", "system_no": "1", "channel": "HOTLINE", "reported_at": datetime.now(UTC).isoformat(),
        "scheme": "city", "category": "E-01-10", "lon": lon, "lat": lat, "datum": "WGS84",
    }  # fmt: skip
    httpx.post(f"{service.url}/v1/reports", content=json.dumps(sent))
    wait_until(lambda: httpx.get(f"{service.url}/v1/cases").json()["items"])
    state = lambda: httpx.get(f"{service.url}/v1/cases").json()["items"][0]  # noqa: E731
    wait_until(lambda: state()["state"] == "DISPATCHED")
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        context = browser.new_context(**PHONE, geolocation=here())
        page = context.new_page()
        page.goto(f"{service.url}/m")
        page.evaluate(
            "me => localStorage.setItem('local', JSON.stringify(me))", {"worker": "W1", "unit": state()["unit"]}
        )
        page.reload()
        page.wait_for_selector("#categories button")
        for verb, after in (("SIGN", "SIGNED"), ("START", "HANDLING")):
            page.tap('nav [data-tab="tasks"]')
            page.tap(f'#tasks [data-verb="{verb}"]')
            wait_until(lambda after=after: state()["state"] == after)
        page.tap('nav [data-tab="tasks"]')
        page.set_input_files('#tasks [data-verb="FINISH"] input', picture(tmp_path / "done.jpg", 200))
        wait_until(lambda: state()["state"] in ("HANDLED", "CHECKING", "CLOSED"))
        assert len(httpx.get(f"{service.url}/v1/cases/{state()['case_no']}/media").json()["items"]) == 1
        page.tap("#duty")
        wait_until(lambda: httpx.get(f"{service.url}/v1/phone/duty").json()["on"])
        page.tap("#lang")
        expect(page.locator("#duty")).to_have_text("On duty")
        browser.close()


def certificate(folder):
    """Make a certificate for the test's name; return its files and the digest that Chromium knows its key by."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(pem, form, plain))
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


def test_over_https_on_a_name_of_its_own_a_worker_signs_in_and_reports_without_reception(tmp_path):
    digest = certificate(tmp_path)
    pack, data = write_pack(tmp_path / "city"), tmp_path / "data"
    accounts = Accounts(data, lambda: datetime.now(UTC))
    accounts.add(Principal("W00001", "worker", unit="990101001-OF"), PASSWORD)
    accounts.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from streams.cli import main; main()", "run", "--city", pack, "--data", data,
               "--port", port, "--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem",
               "--json"]  # fmt: skip
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        env={**os.environ, "ONEGRID_CACHE": str(tmp_path / "c")},
    )
    try:
        said = json.loads(process.stdout.readline())
        assert said["url"].startswith("https://")
        url = f"https://{NAME}:{port}"
        with sync_playwright() as playwright:
            browser = chromium(
                playwright,
                f"--host-resolver-rules=MAP {NAME} 127.0.0.1",
                f"--ignore-certificate-errors-spki-list={digest}",
            )
            context = browser.new_context(**PHONE, geolocation=here(), ignore_https_errors=True)
            page = context.new_page()
            page.goto(f"{url}/m")
            expect(page.locator("#login")).to_be_visible()
            page.fill("#name", "W00001")
            page.fill("#password", "wrong password")
            page.tap("#login button")
            expect(page.locator("#said")).to_contain_text("账号或口令不对")
            page.fill("#password", PASSWORD)
            page.tap("#login button")
            page.wait_for_selector("#categories button")
            assert page.evaluate("isSecureContext")
            page.evaluate("navigator.serviceWorker.ready.then(() => true)")
            expect(page.locator("#place")).to_contain_text("±")
            context.set_offline(True)
            report(page, picture(tmp_path / "1.jpg", 10), "E-01-10")
            wait_until(lambda: waiting(page) == 1)
            page.reload()
            page.wait_for_selector("#categories button")
            expect(page.locator("#who")).to_have_text("W00001")
            context.set_offline(False)
            wait_until(lambda: waiting(page) == 0)
            page.tap('nav [data-tab="mine"]')
            page.wait_for_selector("#mine .card[data-case]")
            (cookie,) = context.cookies()
            assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
            if folder := os.environ.get("ONEGRID_SCREENSHOTS"):
                page.screenshot(path=f"{folder}/phone-mine.png")
            browser.close()
    finally:
        process.terminate()
        process.wait(60)
