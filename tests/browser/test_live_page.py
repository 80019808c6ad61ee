"""The live page in a real browser: it fills, follows a new report, speaks both languages, and asks nobody else."""

from __future__ import annotations

import json
import os
import shutil
import threading
from datetime import UTC, datetime

import httpx
import pytest
import uvicorn
from playwright.sync_api import expect, sync_playwright

from grids.city import open_city
from streams.hosts.embedded.service import Service, bind, make_service_app
from tests.packs import STREETS, point, write_pack

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    if not os.path.exists(CHROMIUM):  # noqa: PTH110 - a plain question
        reason = "no chromium on this machine"
        (pytest.fail if "chromium" in os.environ.get("ONEGRID_REQUIRE", "") else pytest.skip)(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    service = Service(open_city(write_pack(folder / "city")), folder / "data")
    service.start()
    bound = bind(0)
    server = uvicorn.Server(uvicorn.Config(make_service_app(service), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)
    service.stop()


@pytest.fixture
def page(browser, url):
    page = browser.new_page(viewport={"width": 1400, "height": 950})
    page.errors = []
    page.asked = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(url)
    page.wait_for_selector("#map path", state="attached")
    yield page
    page.close()


def send(url: str, number: str) -> None:
    lon, lat = point(STREETS[0])
    report = {
        "system": "browser-test",
        "system_no": number,
        "channel": "GRID_WORKER",
        "reported_at": datetime.now(UTC).isoformat(),
        "scheme": "city",
        "category": "E-01-10",
        "lon": lon,
        "lat": lat,
    }
    assert httpx.post(f"{url}/v1/reports", content=json.dumps(report)).status_code == 202


def test_the_page_shows_every_street_and_desk_and_asks_no_other_address(page, url):
    page.wait_for_selector("#desks tr")
    assert page.locator("#map path").count() == len(STREETS)
    assert page.locator("#desks tr").count() == 4
    assert all(asked.startswith(url) for asked in page.asked)
    assert page.errors == []


def test_a_new_report_is_on_the_page_within_two_seconds(page, url):
    page.wait_for_selector(".figure b")
    before = int(page.locator(".figure b").first.inner_text())
    send(url, f"N-{before}")
    expect(page.locator(".figure b").first).to_have_text(str(before + 1), timeout=2000)
    assert "E-01-10" not in page.locator("#feed").inner_text(), "the feed shows names, not codes"


def test_the_language_switches_and_is_remembered(page):
    page.wait_for_selector("#desks tr")
    assert "在办" in page.locator("#deskhead").inner_text()
    page.click("#lang")
    assert "Open" in page.locator("#deskhead").inner_text()
    page.reload()
    page.wait_for_selector("#desks tr")
    assert "Open" in page.locator("#deskhead").inner_text()
    page.evaluate("localStorage.clear()")


def test_on_a_tablet_nothing_is_wider_than_the_screen(browser, url):
    page = browser.new_page(viewport={"width": 768, "height": 1024})
    page.goto(url)
    page.wait_for_selector("#desks tr")
    assert page.evaluate("document.documentElement.scrollWidth") <= 768
    page.close()
