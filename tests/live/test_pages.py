"""The pages in a real browser: what changes reaches them by itself, and names stay only names."""

import json
import re
import time
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from playwright.async_api import BrowserContext, expect

from game import scores, store
from tests import factory
from tests.live.browser import connected
from tests.live.fleet import until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(120),
]

HOSTILE = "<img src=x>"


async def save(*lives: dict[str, Any]) -> None:
    """Save lives and tell of them, as a worker does."""

    def work() -> None:
        factory.put(*lives)
        saved = scores.persist().saved
        scores.announce.lives(saved)
        until(scores.announce.changed_boards, "boards could be told again", 3)

    await sync_to_async(work)()


async def list_rooms(*rooms: dict[str, Any]) -> None:
    """Make these the open rooms, as engines list them."""
    redis = store.connect()
    try:
        await redis.delete(store.LOBBY, store.ROOMS)
        for room in rooms:
            await redis.hset(store.LOBBY, room["id"], json.dumps(room))
            await redis.zadd(store.ROOMS, {room["id"]: time.time() * 1000})
            await redis.hset(store.room(room["id"]), "settings", "{}")
    finally:
        await redis.aclose()


def pond(**changes: Any) -> dict[str, Any]:
    return {
        "id": "k7m2xq",
        "title": "The Pond",
        "game": "snek",
        "people": 3,
        "bots": 1,
        "capacity": 16,
        "width": 44,
        "height": 32,
        "wrap": False,
        "rocks": 8,
        "private": False,
        **changes,
    }


async def test_a_saved_life_reaches_an_open_leaderboard_within_two_seconds(
    site: str, browser: BrowserContext
) -> None:
    page = await browser.new_page()
    await page.goto(f"{site}/leaderboard/?period=all")
    await expect(page.locator("#no-scores")).to_be_visible()
    await connected(page)
    guest = await page.locator("#board").get_attribute("data-guest")
    assert guest is not None

    await save(factory.told(1, player=UUID(int=5).hex, name=HOSTILE, score=900))
    first = page.locator("#ranks .rank").first
    await expect(first).to_contain_text("900", timeout=2_000)
    await expect(first.locator("bdi")).to_have_text(HOSTILE)
    await expect(page.locator("#no-scores")).to_be_hidden()

    # Below the rows that are told of: the page asks, and finds its own row to pin.
    crowd = [factory.told(n, player=UUID(int=n).hex, score=800 - n) for n in range(10, 70)]
    await save(*crowd)
    await expect(page.locator("#ranks .rank")).to_have_count(50, timeout=2_000)
    await save(factory.told(99, player=guest, name="Mia", score=2))
    own = page.locator("#own .rank.own")
    await expect(own).to_contain_text("Mia", timeout=2_000)
    await expect(own.locator('[data-part="place"]')).to_have_text("62")

    await save(factory.told(100, player=guest, name="Mia", score=850))
    second = page.locator("#ranks .rank").nth(1)
    await expect(second).to_have_class("rank own", timeout=2_000)
    await expect(page.locator("#own")).to_be_hidden()


async def test_the_lobby_follows_the_rooms_and_survives_a_lost_connection(
    site: str, browser: BrowserContext
) -> None:
    page = await browser.new_page()
    await page.goto(site)
    await expect(page.locator("#no-rooms")).to_contain_text("No room is open.")
    await connected(page)
    await list_rooms(pond(), pond(id="z8h4tc", title=HOSTILE, people=16))
    rooms = page.locator("#rooms .room")
    await expect(rooms).to_have_count(2)
    full = page.locator('[data-room="z8h4tc"]')
    await expect(full.locator('[data-part="title"]')).to_have_text(HOSTILE)
    await expect(full.locator('[data-part="join"]')).to_be_hidden()
    await expect(full.locator('[data-part="watch"]')).to_have_attribute("href", "/r/z8h4tc/?watch")

    await browser.set_offline(True)
    await expect(page.locator("#complaint")).to_contain_text("You are offline.")
    await expect(page.locator("#live")).to_have_text("Offline")
    await browser.set_offline(False)
    await expect(page.locator("#complaint")).to_have_text("")
    await connected(page)
    await list_rooms(pond(people=4))
    await expect(rooms).to_have_count(1)
    await expect(rooms.locator('[data-part="who"]')).to_have_text("4 playing, 1 bot")


async def test_name_and_colour_are_kept_and_enter_goes_into_a_room(
    site: str, browser: BrowserContext
) -> None:
    await list_rooms(pond())
    page = await browser.new_page()
    await page.goto(site)
    assert await page.input_value("#name"), "a name is suggested"
    await page.fill("#name", "A name that is much too long")
    await page.locator('[name="colour"]:checked').focus()
    await page.keyboard.press("ArrowRight")
    colour = await page.locator('[name="colour"]:checked').input_value()
    await page.reload()
    assert await page.input_value("#name") == "A name that is m"
    assert await page.locator('[name="colour"]:checked').input_value() == colour
    await page.locator("#name").press("Enter")
    await page.wait_for_url("**/r/k7m2xq/")
    kept = await page.evaluate("() => [localStorage['kogame.name'], localStorage['kogame.colour']]")
    assert kept == ["A name that is m", colour]


async def test_a_private_room_hands_over_its_link(site: str, browser: BrowserContext) -> None:
    page = await browser.new_page()
    await page.goto(site)
    await page.click("#create")
    await page.keyboard.press("Escape")
    await expect(page.locator("#create-dialog")).to_be_hidden()
    await page.click("#create")
    await page.get_by_label("Private").check()
    await page.get_by_label("Small").check()
    await page.click("#create-go")
    await expect(page.locator("#invite")).to_be_visible()
    link = await page.locator("#invite-url").input_value()
    assert re.fullmatch(re.escape(site) + r"/r/[a-z0-9]{6}/", link)
    await page.click("#invite-go")
    await page.wait_for_url(link)


async def test_nothing_jumps_while_the_lobby_loads(site: str, browser: BrowserContext) -> None:
    await list_rooms(pond(), pond(id="z8h4tc"))
    page = await browser.new_page()
    await page.add_init_script(
        "window.shifts = [];"
        "new PerformanceObserver((list) => window.shifts.push(...list.getEntries()))"
        ".observe({ type: 'layout-shift', buffered: true });"
    )
    await page.goto(site)
    await connected(page)
    await expect(page.locator("#demo")).to_have_class("demo awake")
    await page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
    )
    assert await page.evaluate("() => window.shifts.length") == 0


async def test_no_page_is_wider_than_a_phone(site: str, browser: BrowserContext) -> None:
    await list_rooms(pond(title="A room with a name that is long"))
    await save(factory.told(1, name="W" * 16, player=UUID(int=5).hex))
    page = await browser.new_page()
    await page.set_viewport_size({"width": 360, "height": 740})
    paths = ("/", "/leaderboard/", "/how/", f"/player/{UUID(int=5).hex}/", "/r/zzzzzz/")
    for path in paths:
        await page.goto(site + path)
        width = await page.evaluate("() => document.documentElement.scrollWidth")
        assert width == 360, path
