"""Signing in and out at the console: a session that is over takes its open pages with it, whatever a browser does."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from html import unescape

import httpx
import pytest
from packs import write_pack
from playwright.sync_api import expect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from streams.identity.accounts import Accounts
from streams.identity.principals import Principal
from tests.browser.served import NOW, Served

pytestmark = pytest.mark.browser

WORD = "correct horse battery"


class Kept:
    """A service with accounts, and the file in which they are."""

    def __init__(self, folder) -> None:
        self.accounts = Accounts(folder / "data", lambda: NOW)
        for name in ("lin", "chen", "wu"):
            self.accounts.add(Principal(name, "city"), WORD)
        self.served = Served(write_pack(folder / "city"), folder / "data", NOW, ready="/login")
        self.url = self.served.url

    def cookies(self, name):
        """Sign in without a browser, and return the cookies."""
        answer = httpx.post(f"{self.url}/v1/session", json={"name": name, "password": WORD})
        assert answer.status_code == 200
        return answer.cookies


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    kept = Kept(tmp_path_factory.mktemp("sessions"))
    yield kept
    kept.served.end()
    kept.accounts.close()


@pytest.fixture
def signed_in(browser, kept):
    """Sign somebody in at the page for it, and return their browser."""
    contexts = []

    def go(name):
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.goto(f"{kept.url}/duty")
        page.wait_for_url(re.compile("/login"))
        page.fill("#name", name)
        page.fill("#password", WORD)
        page.get_by_role("button").click()
        page.wait_for_url(re.compile("/duty"))
        expect(page.locator(".og-user")).to_have_text(name)
        return context

    yield go
    for context in contexts:
        context.close()


def test_who_signs_out_leaves_no_page_open_behind(signed_in, kept):
    context = signed_in("lin")
    first, wall = context.pages[0], context.new_page()
    wall.goto(kept.url)
    wall.wait_for_selector("#og-figures b")
    first.locator("#og-out").click()
    for page in (first, wall):
        page.wait_for_url(re.compile("/login"), timeout=10_000)
    assert httpx.get(f"{kept.url}/console/state", cookies={}).status_code == 401


def test_a_disabled_account_sees_the_page_for_signing_in_within_seconds(signed_in, kept):
    context = signed_in("chen")
    page = context.pages[0]
    expect(page.locator(".ag-root")).to_be_visible()
    kept.accounts.disable("account", "chen")
    began = time.monotonic()
    page.wait_for_url(re.compile("/login"), timeout=10_000)
    print(f"\nended {time.monotonic() - began:.1f} s after it was disabled")


def test_another_persons_pages_stay_open_meanwhile(signed_in, kept):
    context = signed_in("wu")
    page = context.pages[0]
    token = kept.cookies("lin")
    httpx.delete(f"{kept.url}/v1/session", cookies=token, headers={"X-CSRF-Token": _csrf(kept.url, token)})
    page.wait_for_timeout(5000)
    assert page.url.endswith("/duty")
    expect(page.locator(".ag-root")).to_be_visible()


def test_a_socket_that_no_browser_closes_is_told_to_close_and_nothing_more(kept):
    """Somebody holds on to the socket of a page, ignores what it is told, and signs out."""
    cookies = kept.cookies("lin")
    page = unescape(httpx.get(f"{kept.url}/duty", cookies=cookies).text)
    client = re.search(r"client_id['\"]?:\s*['\"]([0-9a-f-]{36})", page)[1]
    query = f"client_id={client}&next_message_id=0&implicit_handshake=true&tab_id=t&document_id=d"
    address = kept.url.replace("http", "ws") + f"/_nicegui_ws/socket.io/?EIO=4&transport=websocket&{query}"
    said = "; ".join(f"{name}={value}" for name, value in cookies.items())
    with connect(address, additional_headers={"Cookie": said}) as socket:
        socket.send("40")
        assert any("update" in one for one in heard(socket, 3)), "nothing came while the session lasted"
        httpx.delete(f"{kept.url}/v1/session", cookies=cookies, headers={"X-CSRF-Token": _csrf(kept.url, cookies)})
        assert "1" in heard(socket, 4), "the socket was not told to close"
        wu = kept.cookies("wu")
        kept.served.report(f"S-{time.monotonic()}", who=(wu, _csrf(kept.url, wu)))
        with suppress(ConnectionClosed):
            socket.send("40")
        after = heard(socket, 7)  # the page looked for cases every five seconds
        assert [one for one in after if one.startswith("42")] == []


def _csrf(url, cookies):
    return httpx.get(f"{url}/v1/session", cookies=cookies).json()["csrf"]


def heard(socket, seconds):
    """Return what is said on a socket for some seconds, or until it is closed."""
    until, said = time.monotonic() + seconds, []
    try:
        while (left := until - time.monotonic()) > 0:
            said.append(socket.recv(timeout=left))
            if said[-1] == "2":
                socket.send("3")
    except (TimeoutError, ConnectionClosed):
        pass
    return said
