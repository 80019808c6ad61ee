"""Pictures of every page of the console: `python tests/browser/pictures.py DATA NOW OUT [NAME …]`.

DATA is a folder that `onegrid demo --no-serve --data DATA` has filled, NOW the moment at which it is looked at. OUT
gets `console-NAME.png` as docs/images has them, and a folder OUT/all every page in both languages on its screen.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx
from PIL import Image
from playwright.sync_api import sync_playwright

from grids.city import demo_pack, open_city

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip
WALL, DESK, TABLET = (1920, 1080), (1440, 900), (1024, 768)


class Shot(NamedTuple):
    """A page: where it is, what says that it is drawn, and where it is clicked before the picture is taken."""

    path: str
    ready: str
    clicks: tuple[str, ...] = ()


SPOT = "lon=104.066&lat=30.66"
SHOTS = {
    "wall": Shot("/", "#og-figures b"),
    "intake": Shot(f"/intake?{SPOT}&category=E-01-10", "#who table"),
    "duty": Shot("/duty", ".ag-center-cols-container .ag-row"),
    "shift": Shot("/duty?tab=shift", "table"),
    "case": Shot("/case/{case}", ".og-time li"),
    "dialog": Shot("/case/{case}", ".og-time li", ("[data-verb=REDISPATCH]",)),
    "duties": Shot(f"/duties?{SPOT}&category=E-01-10", "#answer table"),
    "grid": Shot("/grid?level=cell&desk=510106&net=CG", "[data-overlay]", (".og-map",)),
    "measures": Shot("/measures", "table"),
    "cases": Shot("/measures/cases?measure=on_time_handling_rate&from={day}&to={end}&desk=510106", "table"),
    "quality": Shot("/quality", "#lint .og-tag"),
    "order": Shot("/print/order/{case}", "h2"),
    "file": Shot("/print/case/{case}", "h2"),
    "handover": Shot("/print/handover", "h2"),
    "login": Shot("/login", "input"),
}
KEPT = [(name, "zh", "") for name in SHOTS] + [("wall", "en", "-en"), ("measures", "en", "-en")]
"""What docs/images has: name, language, and how its name goes on."""


def take(browser: Browser, url: str, shot: Shot, lang: str, size: tuple[int, int], given: dict[str, str]) -> bytes:
    """Return the picture of a page as PNG."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="zh-CN" if lang == "zh" else "en"
    )
    try:
        context.add_cookies([{"name": "onegrid-lang", "value": lang, "url": url}])
        page: Page = context.new_page()
        page.goto(url + shot.path.format(**given))
        page.wait_for_selector(shot.ready, state="attached", timeout=30_000)
        page.wait_for_timeout(2500)
        for place in shot.clicks:
            page.locator(place).first.click()
            page.wait_for_timeout(1200)
        return page.screenshot()
    finally:
        context.close()


def small(png: bytes) -> Image.Image:
    """Return a picture in 128 colours: a fifth of the bytes."""
    return Image.open(BytesIO(png)).convert("RGB").quantize(128)


def main() -> None:
    """Serve, look, and write."""
    data, now, out, *names = sys.argv[1:]
    (folder := Path(out)).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(data, f"{scratch}/data")
        cache = Path(os.environ.get("ONEGRID_CACHE", f"{scratch}/cache"))
        open_city(demo_pack(), cache)
        serving = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("serving.py"), demo_pack(), f"{scratch}/data", now],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "ONEGRID_CACHE": str(cache)},
        )  # fmt: skip
        try:
            assert serving.stdout is not None
            url = serving.stdout.readline().strip()
            while "og-main" not in _front(url):
                time.sleep(0.2)
            found = httpx.get(f"{url}/v1/cases?desk=510106&state=DISPATCHED&limit=100").json()["items"]
            case = max(found, key=lambda one: (one.get("flags", {}).get("supervised", 0), len(one["clocks"])))[
                "case_no"
            ]
            given = {"case": case, "day": "2026-03-02", "end": now[:10]}
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
                _all(browser, url, folder, given, names or list(SHOTS))
                browser.close()
        finally:
            serving.send_signal(signal.SIGTERM)
            serving.wait(30)


def _front(url: str) -> str:
    try:
        return httpx.get(url).text
    except httpx.TransportError:
        return ""


def _all(browser: Browser, url: str, folder: Path, given: dict[str, str], names: list[str]) -> None:
    for name in names:
        for lang in ("zh", "en") if (folder / "all").is_dir() else ():
            screen = WALL if name == "wall" else TABLET
            png = take(browser, url, SHOTS[name], lang, screen, given)
            (folder / "all" / f"{name}-{lang}-{screen[0]}.png").write_bytes(png)
    for name, lang, more in KEPT:
        if name in names:
            small(take(browser, url, SHOTS[name], lang, DESK, given)).save(
                folder / f"console-{name}{more}.png", optimize=True
            )


if __name__ == "__main__":
    main()
