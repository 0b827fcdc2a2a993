"""Real browsers in real rooms: all processes run, and people play, drop out and come back."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth.models import User
from playwright.async_api import Page, expect

from game import failures, matchmaking, store, tasks
from game.models import Life
from tests.live import probe_tasks
from tests.live.browser import PHONE, Visitors, Web, connected, known, phase, so
from tests.live.faults.proxy import Proxy
from tests.live.fleet import ROOT, Process, until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(120),
]

# Nobody dies by going straight on.
ENDLESS = {"width": 24, "height": 16, "wrap": True, "rocks": 0}
# Whoever goes straight on meets a wall within seconds.
WALLED = {"width": 24, "height": 16, "wrap": False, "rocks": 0}

HEAD_OF = "k.tables.cells.filter(([, seat]) => seat === x).at(-1)?.[0]"

# When the board first shows Ada's name.
NOTE_ROW = """() => {
  const ranks = document.querySelector('#ranks');
  new MutationObserver(() => {
    if (ranks.textContent.includes('Ada')) window.at ??= Date.now();
  }).observe(ranks, { childList: true, subtree: true });
}"""
# Everything that the death screen says about the place.
NOTE_PLACES = """
  window.places = [];
  addEventListener('DOMContentLoaded', () => {
    const place = document.querySelector('#card-place');
    new MutationObserver(() => places.push(place.textContent)).observe(place, { childList: true });
  });
"""
# Runs in small circles, and so stays alive however slow the test is.
CIRCLE = """() => {
  const ways = ['ArrowUp', 'ArrowLeft', 'ArrowDown', 'ArrowRight'];
  window.circle = setInterval(() => {
    const press = new KeyboardEvent('keydown', { code: ways[0], bubbles: true });
    document.body.dispatchEvent(press);
    ways.push(ways.shift());
  }, 200);
}"""
OF_ANOTHER_VERSION = """
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    if (data[0] === 1) data[1] = 99;
    send.call(this, data);
  };
"""


class Kogame:
    """One process of each kind, for all tests of this file; what a test ends it starts again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.web = Web(folder / "web.log")
        self.engine = self.start_engine()
        self.worker = self.start_worker()

    def start_engine(self) -> subprocess.Popen[bytes]:
        """Start an engine."""
        with (self._folder / "engine.log").open("ab") as log:
            self.engine = subprocess.Popen(
                [sys.executable, "manage.py", "runengine"],
                cwd=ROOT,
                env=os.environ,
                stdout=log,
                stderr=log,
            )
        return self.engine

    def start_worker(self) -> Process:
        """Start a worker, which is ready some seconds later."""
        words = ["worker", "-n", f"browser-{time.time_ns()}@test", "-I", "tests.live.probe_tasks"]
        self.worker = Process(words, self._folder / f"worker-{time.time_ns()}.log")
        return self.worker

    def worker_ready(self) -> None:
        """Wait until the worker takes tasks."""
        until(lambda: self.worker.says(" ready."), "the worker was ready", 40)

    def end(self) -> None:
        """End all of it."""
        self.worker.kill()
        for popen in (self.engine, self.web.popen):
            popen.kill()
            popen.wait(10)


@pytest.fixture(scope="module")
def kogame(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any
) -> Iterator[Kogame]:
    with django_db_blocker.unblock():
        store.redis().flushdb()
        running = Kogame(tmp_path_factory.mktemp("kogame"))
        try:
            running.web.wait()
            yield running
        finally:
            running.end()


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def own_rooms() -> AsyncIterator[None]:
    """Each test leaves without its rooms: engines then have less to do."""
    yield
    for room in await matchmaking.rooms(private=True):
        await matchmaking.close(room["id"])
    await get_channel_layer().flush()
    await store.close_aredis()


async def make(options: dict[str, Any], capacity: int = 16, title: str = "Pond") -> str:
    """A public room without bots."""
    return await matchmaking.create_room(options, title, private=False, capacity=capacity, fill=0)


async def enter(visitors: Visitors, address: str, name: str, colour: int = 0) -> Page:
    """Somebody new who plays in a room."""
    page = await (await visitors.player(name, colour)).new_page()
    await page.goto(address)
    await phase(page, "playing")
    return page


# --- Playing -----------------------------------------------------------------------------------
async def test_two_play_one_dies_and_the_score_is_on_every_board(
    kogame: Kogame, visitors: Visitors
) -> None:
    address = f"{kogame.web.address}/r/{await make(WALLED)}/"
    board = await (await visitors.stranger()).new_page()
    await board.goto(f"{kogame.web.address}/leaderboard/?period=day&by=score")
    await connected(board)
    await board.evaluate(NOTE_ROW)
    bob = await enter(visitors, address, "Bob", 1)
    await bob.evaluate(CIRCLE)
    ada = await (await visitors.player("Ada", 2)).new_page()
    await ada.add_init_script(NOTE_PLACES)
    await ada.goto(address)
    await phase(ada, "playing")
    await ada.evaluate(CIRCLE)
    seats = [await known(page, "k.seat") for page in (ada, bob)]
    for page, other in ((ada, seats[1]), (bob, seats[0])):
        await so(page, f"(window.first ??= {HEAD_OF}) && window.first !== {HEAD_OF}", other)
    await ada.evaluate("() => clearInterval(window.circle)")
    await ada.keyboard.press("ArrowLeft")
    await phase(ada, "dead")
    await expect(ada.locator("#card-title")).to_have_text(
        re.compile("You met the wall|Cut off by Bob|Head to head with Bob")
    )
    await expect(ada.locator("#card-place")).to_contain_text(re.compile(r"\d+(st|nd|rd|th) today"))
    assert (await ada.evaluate("() => window.places"))[0] == "saving…"
    await expect(board.locator("#ranks .rank", has_text="Ada")).to_be_visible()
    shown = await board.evaluate("() => window.at") / 1000
    life = await Life.objects.aget(name="Ada")
    print(f"death to row on an open page: {shown - life.ended_at.timestamp():.3f} s")
    assert shown - life.ended_at.timestamp() < 2

    await ada.keyboard.press("Enter")
    await phase(ada, "playing")
    await expect(ada.locator("#card")).to_be_hidden()


async def test_a_second_tab_takes_the_seat_and_gives_it_back(
    kogame: Kogame, visitors: Visitors
) -> None:
    address = f"{kogame.web.address}/r/{await make(ENDLESS)}/"
    first = await enter(visitors, address, "Ada")
    seat = await known(first, "k.seat")
    second = await first.context.new_page()
    await second.goto(address)
    await phase(second, "playing")
    assert await known(second, "k.seat") == seat
    await phase(first, "replaced")
    await expect(first.locator("#card-title")).to_have_text("You play in another tab")
    await first.get_by_role("button", name="Continue here").click()
    await phase(first, "playing")
    assert await known(first, "k.seat") == seat
    await phase(second, "replaced")
    await phase(first, "playing")  # the other does not fight for it


async def test_on_a_phone_a_swipe_steers_and_a_tap_plays_again(
    kogame: Kogame, visitors: Visitors
) -> None:
    page = await (await visitors.player("Ada", **PHONE)).new_page()
    await page.goto(f"{kogame.web.address}/r/{await make(ENDLESS)}/")
    await phase(page, "playing")
    way = (
        "((h) => h.length < 2 ? '' : h[1][0] % 24 === h[0][0] % 24 ? 'upright' : 'level')"
        "(k.tables.cells.filter(([, seat]) => seat === k.seat).slice(-2))"
    )
    before = await so(page, way)
    across, down = (60, 0) if before == "upright" else (0, 60)
    await swipe(page, 195, 700, across, down)
    await so(page, f"{way} !== x", before)

    await page.goto(f"{kogame.web.address}/r/{await make(WALLED)}/")
    await phase(page, "dead")
    await expect(page.locator("#card")).to_be_in_viewport(ratio=1)
    while await page.get_attribute("body", "data-phase") == "dead":
        await page.touchscreen.tap(195, 30)  # the first ones may still belong to the life before
    await phase(page, "playing")


async def swipe(page: Page, x: int, y: int, across: int, down: int) -> None:
    """Move a finger."""
    session = await page.context.new_cdp_session(page)
    steps = [(x + across * n // 4, y + down * n // 4) for n in range(5)]
    for number, (left, top) in enumerate(steps):
        kind = "touchMove" if number else "touchStart"
        points = [{"x": left, "y": top}]
        await session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    await session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


async def test_an_invite_asks_who_comes_and_anyone_may_watch(
    kogame: Kogame, visitors: Visitors
) -> None:
    host = await (await visitors.player("Ada")).new_page()
    await host.goto(kogame.web.address)
    await host.click("#create")
    await host.get_by_label("Private").check()
    await host.click("#create-go")
    await expect(host.locator("#invite")).to_be_visible()
    link = await host.locator("#invite-url").input_value()
    await host.click("#invite-go")
    await phase(host, "playing", "dead")

    guest = await (await visitors.stranger()).new_page()
    await guest.goto(link)
    await expect(guest.locator("#join")).to_be_visible()
    await guest.fill("#join-name", "Bob")
    await guest.get_by_role("button", name="Play", exact=True).click()
    await guest.get_by_role("button", name="Got it").click()
    await phase(guest, "playing", "dead")
    await so(host, "k.roster.some(({ name }) => name === 'Bob')")
    await expect(guest.locator("#private")).to_be_visible()

    await guest.goto(f"{link}?watch")
    await phase(guest, "watching")
    tick = await known(guest, "k.tick")
    await so(guest, "k.tick > x", tick)
    await guest.get_by_role("button", name="Join").click()
    await phase(guest, "playing", "dead")


@pytest.mark.parametrize("options", [{}, PHONE], ids=["laptop", "phone"])
async def test_who_watches_roams_a_large_board_and_follows_again(
    kogame: Kogame, visitors: Visitors, options: dict[str, Any]
) -> None:
    room = await make({"width": 128, "height": 128, "wrap": True, "rocks": 0})
    page = await (await visitors.stranger(**options)).new_page()
    await page.goto(f"{kogame.web.address}/r/{room}/?watch")
    await phase(page, "watching")
    follow = page.get_by_role("button", name="Follow again")
    await expect(follow).to_be_hidden()  # it follows
    for _ in range(2):
        await page.keyboard.press("ArrowRight")
        await expect(follow).to_be_in_viewport(ratio=1)
        await expect(page.get_by_role("button", name="Join")).to_be_in_viewport(ratio=1)
        await follow.focus()
        await page.keyboard.press("Enter")
        await expect(follow).to_be_hidden()


# --- Losing the connection ---------------------------------------------------------------------
async def test_a_lost_connection_comes_back_to_the_same_seat(
    kogame: Kogame, visitors: Visitors
) -> None:
    room = await make(ENDLESS)
    bob = await enter(visitors, f"{kogame.web.address}/r/{room}/", "Bob")
    with Proxy(kogame.web.address) as cable:
        ada = await enter(visitors, f"{cable.url}/r/{room}/?debug", "Ada")
        seat = await known(ada, "k.seat")
        cable.cut()
        await phase(ada, "reconnecting")
        await expect(ada.locator("#card-text")).to_contain_text("kept for 10 seconds")
        await so(bob, "k.roster.find(({ seat }) => seat === x).pilot === 1", seat)
        cable.mend()
        await phase(ada, "playing")
        await expect(ada.locator("#card")).to_be_hidden()
        assert await known(ada, "k.seat") == seat
        await so(bob, "k.roster.find(({ seat }) => seat === x).pilot === 0", seat)

        await ada.context.set_offline(True)
        cable.cut()
        await phase(ada, "offline")
        await expect(ada.locator("#card-title")).to_have_text("You are offline")
        cable.mend()
        await ada.context.set_offline(False)
        await phase(ada, "playing")
        assert await known(ada, "k.seat") == seat
        made = await known(ada, "k.checks.made")
        await so(ada, "k.checks.made > x + 3", made)  # what it holds is what the server holds
        assert await known(ada, "k.checks.wrong") == []
        await expect(ada.locator("#ping")).to_contain_text(" 0 wrong")


async def test_a_killed_engine_is_waited_for(kogame: Kogame, visitors: Visitors) -> None:
    page = await enter(visitors, f"{kogame.web.address}/r/{await make(ENDLESS)}/", "Ada")
    seat, epoch = await known(page, "k.seat"), await known(page, "k.epoch")
    await page.evaluate("() => { window.stayed = true; }")
    kogame.engine.send_signal(signal.SIGKILL)
    kogame.engine.wait(10)
    await phase(page, "waiting")
    await expect(page.locator("#card-text")).to_contain_text("It goes on by itself.")
    kogame.start_engine()
    await phase(page, "playing", seconds=20)
    assert await known(page, "k.epoch") > epoch
    assert await known(page, "k.seat") == seat
    assert await page.evaluate("() => window.stayed")


async def test_a_new_release_of_the_web_is_come_back_to(
    kogame: Kogame, visitors: Visitors, tmp_path: Path
) -> None:
    old, new = kogame.web, await asyncio.to_thread(Web, tmp_path / "web.log")
    room = await make(ENDLESS)
    with Proxy(old.address) as cable:
        page = await enter(visitors, f"{cable.url}/r/{room}/", "Ada")
        seat = await known(page, "k.seat")
        await page.evaluate("() => { window.stayed = true; }")
        await asyncio.to_thread(new.wait)
        kogame.web = new
        stopping = asyncio.create_task(asyncio.to_thread(old.stop))
        await phase(page, "restarting")
        await expect(page.locator("#card-title")).to_have_text("The server is restarting")
        await stopping
        cable.cut()
        cable.mend(new.address)
        await phase(page, "playing")
        assert await known(page, "k.seat") == seat
        assert await page.evaluate("() => window.stayed")


# --- What a room may say -----------------------------------------------------------------------
async def test_a_page_of_another_version_reloads_once_and_then_says_so(
    kogame: Kogame, visitors: Visitors
) -> None:
    context = await visitors.player("Ada")
    await context.add_init_script(OF_ANOTHER_VERSION)
    page = await context.new_page()
    loads: list[str] = []
    page.on("load", lambda it: loads.append(it.url))
    await page.goto(f"{kogame.web.address}/r/{await make(ENDLESS)}/")
    await phase(page, "outdated")
    await expect(page.locator("#card-title")).to_have_text("This page is too old")
    assert len(loads) == 2
    async with page.expect_navigation():
        await page.get_by_role("button", name="Reload").click()
    await phase(page, "outdated")
    assert len(loads) == 3


async def test_a_taken_name_and_a_full_room_have_a_way_on(
    kogame: Kogame, visitors: Visitors
) -> None:
    address = f"{kogame.web.address}/r/{await make(ENDLESS, capacity=2)}/"
    await enter(visitors, address, "Ada")
    other = await (await visitors.player("Ada")).new_page()
    await other.goto(address)
    await expect(other.locator("#join-complaint")).to_contain_text("already has that name")
    await phase(other, "refused")
    await other.fill("#join-name", "Bob")
    await other.get_by_role("button", name="Play", exact=True).click()
    await phase(other, "playing")

    third = await (await visitors.player("Cleo")).new_page()
    await third.goto(address)
    await phase(third, "full")
    await expect(third.locator("#card-title")).to_have_text("This room is full")
    await third.get_by_role("button", name="Watch").click()
    await phase(third, "watching")
    await third.get_by_role("button", name="Join").click()
    await phase(third, "full")
    await third.get_by_role("button", name="Play in another room").click()
    await third.wait_for_url(lambda url: url != address)
    await phase(third, "playing", "dead")


async def test_a_room_that_closes_and_an_old_invite_say_so(
    kogame: Kogame, visitors: Visitors
) -> None:
    room = await make(ENDLESS)
    address = f"{kogame.web.address}/r/{room}/"
    page = await enter(visitors, address, "Ada")
    await matchmaking.close(room)
    await phase(page, "gone")
    await expect(page.locator("#card-title")).to_have_text("This room is gone")
    await expect(page.get_by_role("button", name="Play in another room")).to_be_visible()
    until_gone = await page.goto(address)
    assert until_gone is not None
    assert until_gone.status == 404
    await expect(page.get_by_role("heading")).to_have_text("This room is gone")
    await page.get_by_role("link", name="Play now").click()
    await phase(page, "playing", "dead")


# --- The operator ------------------------------------------------------------------------------
async def operator(kogame: Kogame, visitors: Visitors) -> Page:
    """An operator with every permission, on the Metrics page."""
    await sync_to_async(User.objects.create_superuser)("olga", password="olgas password")
    admin = await (await visitors.stranger()).new_page()
    await admin.goto(f"{kogame.web.address}/admin/metrics/")
    await admin.fill("#id_username", "olga")
    await admin.fill("#id_password", "olgas password")
    await admin.click("[type=submit]")
    return admin


async def test_an_operator_starts_a_failed_task_again(kogame: Kogame, visitors: Visitors) -> None:
    def ran() -> list[bytes]:
        return list(store.redis().lrange(probe_tasks.SEEN, 0, -1))  # type: ignore[arg-type]

    store.redis().delete(probe_tasks.SEEN, probe_tasks.MENDED, failures.STREAM)
    kogame.worker_ready()
    id = (await asyncio.to_thread(probe_tasks.heal.delay)).id
    await asyncio.to_thread(until, lambda: store.redis().xlen(failures.STREAM), "it had failed")
    await sync_to_async(tasks.save_failures)()
    admin = await operator(kogame, visitors)
    await admin.get_by_role("link", name="Those that failed for good").click()
    row = admin.locator("#result_list tbody tr", has_text="not mended yet")
    await expect(row).to_contain_text("waits for a decision")
    store.redis().set(probe_tasks.MENDED, 1)
    await row.locator("[name=_selected_action]").check()
    await admin.select_option("[name=action]", "retry")
    await admin.get_by_role("button", name="Go").click()
    await expect(admin.get_by_role("heading", name="Start 1 task again?")).to_be_visible()
    await admin.get_by_role("button", name=re.compile("Start")).click()
    await expect(admin.locator(".messagelist")).to_contain_text("1 task started again.")
    await asyncio.to_thread(until, lambda: len(ran()) > 1, "it ran again")
    assert ran() == [b"ill", b"well"]
    await admin.goto(f"{kogame.web.address}/admin/game/failedtask/?q={id}")
    await expect(admin.locator("#result_list tbody tr")).to_contain_text("started again")


async def test_an_operator_speaks_to_a_room(kogame: Kogame, visitors: Visitors) -> None:
    text = "We restart at <b>nine</b>, see you soon."
    room = await make(ENDLESS, title="Olga's meadow")
    address = f"{kogame.web.address}/r/{room}/"
    player = await enter(visitors, address, "Ada")
    phone = await (await visitors.stranger(**PHONE)).new_page()
    await phone.goto(f"{address}?watch")
    await phase(phone, "watching")
    admin = await operator(kogame, visitors)
    row = admin.locator("#kgm-rooms tr", has_text="Olga's meadow")
    await row.get_by_role("button", name="Message…").click()
    await admin.keyboard.press("Enter")  # nothing is written yet: it is not sent
    await admin.get_by_label("Message").fill(text)
    await admin.keyboard.press("Enter")
    await expect(admin.locator("#kgm-said")).to_contain_text(f"room {room} is being told")
    for page in (player, phone):
        notice = page.get_by_role("log", name="From the operator").locator("p")
        await expect(notice).to_have_text(f"From the operator: {text}")
        await expect(notice).to_be_in_viewport(ratio=1)
    assert await player.locator("#notices b").count() == 0


async def test_an_operator_sees_the_room_removes_a_player_and_misses_a_worker(
    kogame: Kogame, visitors: Visitors
) -> None:
    room = await make(ENDLESS, title="Olga's own")  # other tests leave ponds behind
    page = await enter(visitors, f"{kogame.web.address}/r/{room}/", "Ada")
    admin = await operator(kogame, visitors)
    opener = admin.locator("#kgm-rooms .kgm-opener", has_text="Olga's own")
    await opener.click()
    picture = admin.locator(".kgm-miniature")
    await picture.scroll_into_view_if_needed()  # it is live only while it is seen
    await expect(picture).to_contain_text("Tick")
    row = admin.locator("#kgm-rooms .kgm-inside tr", has_text="Ada")
    await row.get_by_role("button", name="Remove…").click()
    await admin.get_by_role("button", name="Remove player").click()
    await expect(admin.locator("#kgm-said")).to_contain_text(f"of room {room} is being removed")
    await phase(page, "removed")
    await expect(page.locator("#card-title")).to_have_text("You were taken out of this room")
    await page.get_by_role("button", name="Lobby").click()
    await expect(page.locator("#play")).to_be_visible()

    # What an operator did is marked on the charts, which are there at once.
    await expect(admin.locator(".kgm-chart canvas").first).to_be_visible()
    marked = f"olga: kick player {room}"
    await expect(admin.locator(".kgm-mark")).to_contain_text(marked, timeout=15_000)

    kogame.worker_ready()
    await expect(admin.locator("#kgm-words")).not_to_contain_text("worker")
    kogame.worker.kill()
    killed = time.monotonic()
    await expect(admin.locator("#kgm-words")).to_contain_text("worker process silent")
    print(f"killed worker to words: {time.monotonic() - killed:.1f} s")
    assert time.monotonic() - killed < 8
    kogame.start_worker()
