"""Real browsers for tests: visitors with storage of their own, and no complaint goes unheard."""

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    async_playwright,
    expect,
)

from game import boards, store
from tests import factory, processes
from tests.conftest import absent
from tests.live.fleet import ROOT, database_url, until

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
    # Pages behind another one draw and count time as those in front do.
    *("--disable-renderer-backgrounding", "--disable-background-timer-throttling"),
    "--disable-backgrounding-occluded-windows",
]
# What a browser reports though nothing is wrong: a lost connection, a room that is not there.
EXPECTED = re.compile(r"net::ERR_|WebSocket connection|status of 404 .*/r/\w+/$")
LAPTOP = {"width": 1366, "height": 768}  # css px
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}


expect.set_options(timeout=15_000)  # ms: the machine may be busy


# --- The site ----------------------------------------------------------------------------------
class Web:
    """A web process on this run's Redis and the tests' database, at an address it keeps."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._port = processes.free_port()
        self.address = f"http://127.0.0.1:{self._port}"
        self.popen: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        """Start it; it does not answer yet."""
        with self._log.open("ab") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "kogame.server", "--port", str(self._port)],
                cwd=ROOT,
                env=os.environ | {"DATABASE_URL": database_url()},
                stdout=log,
                stderr=log,
            )

    def wait(self) -> None:
        """Wait until it answers."""
        until(self._healthy, "the web process answered", 40)

    def _healthy(self) -> bool:
        assert self.popen.poll() is None, self._log.read_text()[-3000:]
        try:
            return bool(urllib.request.urlopen(f"{self.address}/healthz", timeout=2).status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        """End it as a new release would: its pages are told."""
        self.popen.send_signal(signal.SIGTERM)
        self.popen.wait(20)

    def kill(self) -> None:
        """End it at once."""
        self.popen.kill()
        self.popen.wait(10)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of a web process of its own."""
    factory.empty()
    store.redis().delete(store.LOBBY, store.ROOMS)
    boards.forget()
    web = Web(tmp_path / "web.log")
    try:
        web.wait()
        yield web.address
    finally:
        web.kill()


# --- Visitors ----------------------------------------------------------------------------------
class Visitors:
    """A running Chromium in which everyone has cookies and storage of their own."""

    def __init__(self, chromium: Browser) -> None:
        self._chromium = chromium
        self.errors: list[str] = []

    async def stranger(self, **options: Any) -> BrowserContext:
        """Somebody who has never been here."""
        context = await self._chromium.new_context(**{"viewport": LAPTOP} | options)
        context.set_default_timeout(15_000)
        context.on("console", self._heard)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        return context

    async def player(self, name: str, colour: int = 0, **options: Any) -> BrowserContext:
        """Somebody with a name, who knows how to play."""
        context = await self.stranger(**options)
        known = {"kogame.name": name, "kogame.colour": colour, "kogame.seen.how": 1}
        lines = (f"localStorage['{key}'] ??= '{value}';" for key, value in known.items())
        await context.add_init_script(f"if (isSecureContext) {{ {''.join(lines)} }}")
        return context

    def _heard(self, message: ConsoleMessage) -> None:
        ours = message.type == "error" or "cannot be read" in message.text
        said = f"{message.text} {message.location['url']}"
        if ours and not EXPECTED.search(said):
            self.errors.append(said)


def only_refusals(visitors: Visitors) -> None:
    """A browser writes every 403 on its console; here they are meant."""
    visitors.errors[:] = [said for said in visitors.errors if "status of 403" not in said]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """One Chromium for the tests of a file, which share its loop."""
    path = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    async with async_playwright() as playwright:
        own = playwright.chromium.executable_path
        if path is None and not os.path.exists(own):  # noqa: ASYNC240 (a local look)
            absent("Chromium", "install it, or run `make chromium`")
        running = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="module")
async def visitors(chromium: Browser) -> AsyncIterator[Visitors]:
    """Who may come; fails the test when a page had an error or broke the site's own rules."""
    people = Visitors(chromium)
    yield people
    for context in chromium.contexts:
        await context.close()
    assert not people.errors, people.errors


@pytest_asyncio.fixture(loop_scope="module")
async def browser(visitors: Visitors) -> BrowserContext:
    """One who has never been here."""
    return await visitors.stranger()


async def connected(page: Page) -> None:
    """Wait until a page outside the game hears what is new."""
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")


# --- In a room ---------------------------------------------------------------------------------
async def phase(page: Page, *names: str, seconds: float = 15) -> None:
    """Wait until the room page is in one of these states; see frontend/src/phase.ts."""
    words = re.compile(f"^({'|'.join(names)})$")
    await expect(page.locator("body")).to_have_attribute(
        "data-phase", words, timeout=seconds * 1000
    )


async def so(page: Page, condition: str, argument: Any = None, seconds: float = 15) -> Any:
    """Wait until a condition holds in a page; `k` in it is what the page shows to tests."""
    held = await page.wait_for_function(
        f"(x) => {{ const k = window.kogame; return {condition}; }}",
        arg=argument,
        timeout=seconds * 1000,
        polling=20,
    )
    return await held.json_value()


async def known(page: Page, expression: str) -> Any:
    """What the page shows to tests, now."""
    return await page.evaluate(f"() => {{ const k = window.kogame; return {expression}; }}")
