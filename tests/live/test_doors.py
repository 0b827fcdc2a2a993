"""Who is turned away sees why, in the browser: banned, too many tabs, a foul name, logged out."""

import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth.models import User
from playwright.async_api import Page, WebSocket, expect

from game import bans, matchmaking, store
from game.models import Ban
from tests import processes
from tests.live.browser import Visitors, Web, only_refusals, phase

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(120),
]
ENDLESS = {"width": 24, "height": 16, "wrap": True, "rocks": 0}
SECONDS = 5.0  # within which a ban and a log-out must show


@pytest.fixture(scope="module")
def address(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: object
) -> Iterator[str]:
    """A web process and an engine, for all tests of this file."""
    store.redis().flushdb()
    web = Web(tmp_path_factory.mktemp("doors") / "web.log")
    try:
        with processes.engine():
            web.wait()
            yield web.address
    finally:
        web.kill()


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _emptied() -> AsyncIterator[None]:
    yield
    await Ban.objects.all().adelete()
    await store.aredis().delete(bans.KEY, bans.VERSION)
    for room in await matchmaking.rooms(private=True):
        await matchmaking.close(room["id"])
    await get_channel_layer().flush()
    await store.close_aredis()


async def operator(visitors: Visitors, address: str) -> Page:
    """An operator on the metrics page."""
    await sync_to_async(User.objects.create_superuser)("olga", password="olgas password")
    page = await (await visitors.stranger()).new_page()
    await page.goto(f"{address}/admin/metrics/")
    await page.fill("#id_username", "olga")
    await page.fill("#id_password", "olgas password")
    await page.click("[type=submit]")
    return page


async def test_an_operator_bans_a_player_from_the_rooms_page(
    address: str, visitors: Visitors
) -> None:
    room = await matchmaking.create_room(ENDLESS, "Pond", private=False, fill=0)
    page = await (await visitors.player("Ada")).new_page()
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    await page.goto(f"{address}/r/{room}/")
    await phase(page, "playing")
    admin = await operator(visitors, address)
    await admin.locator("#kgm-rooms .kgm-opener", has_text="Pond").click()
    row = admin.locator("#kgm-rooms .kgm-inside tr", has_text="Ada")
    await row.get_by_role("button", name="Ban…").click()
    await expect(admin.locator("#id_name")).to_have_value("Ada")
    await admin.fill("#id_until_0", "2099-01-02")
    await admin.fill("#id_until_1", "03:04")
    await admin.fill("#id_reason", "Be kind.")
    began = time.monotonic()
    await admin.click("[name=_save]")
    await phase(page, "banned", seconds=SECONDS)
    print(f"ban to closed page: {time.monotonic() - began:.1f} s")
    assert time.monotonic() - began < SECONDS
    told = "You are banned until 2 January 2099, 03:04 UTC. Be kind."
    await expect(page.locator("#card-text")).to_have_text(told)
    await page.wait_for_timeout(2_000)  # ms: twice the longest first pause of a reconnect
    assert len(sockets) == 1

    await page.get_by_role("button", name="Lobby").click()
    await expect(page.locator("#live")).to_have_text("Banned")
    await page.click("#play")
    await expect(page.locator("main .complaint:visible").first).to_have_text(told)
    await page.goto(f"{address}/r/{room}/")
    await phase(page, "banned")

    await admin.goto(f"{address}/admin/game/ban/")
    await admin.get_by_role("link", name="Ada").click()
    await admin.get_by_role("link", name="Delete").click()
    await admin.get_by_role("button", name="Yes").click()
    lifted = time.monotonic()
    while await page.get_attribute("body", "data-phase") == "banned":
        assert time.monotonic() - lifted < SECONDS
        await page.reload()
        await phase(page, "playing", "joining", "banned")
    only_refusals(visitors)


async def test_a_tab_too_many_says_so_and_comes_in_when_another_is_closed(
    address: str, visitors: Visitors
) -> None:
    room = await matchmaking.create_room(ENDLESS, "", private=False, fill=0)
    context = await visitors.player("Ada")
    lobbies = []
    for _ in range(4):
        lobbies.append(await context.new_page())
        await lobbies[-1].goto(address)
        await expect(lobbies[-1].locator("#live")).to_have_text("Live")
    page = await context.new_page()
    sockets: list[list[object]] = []  # what was said on each

    def note(socket: WebSocket) -> None:
        said: list[object] = []
        sockets.append(said)

        def hear(what: object) -> None:
            said.append(what)

        socket.on("framereceived", hear)
        socket.on("socketerror", hear)

    page.on("websocket", note)
    await page.goto(f"{address}/r/{room}/")
    await phase(page, "crowded")
    await expect(page.locator("#card-title")).to_have_text("Open too many times")
    await page.wait_for_timeout(2_000)  # ms: twice the longest first pause of a reconnect
    assert len(sockets) == 1, sockets
    await lobbies[0].close()
    began = time.monotonic()
    while await page.get_attribute("body", "data-phase") == "crowded":
        assert time.monotonic() - began < SECONDS
        await page.get_by_role("button", name="Try again").click()
        await phase(page, "playing", "crowded")


async def test_a_foul_name_is_asked_for_again(address: str, visitors: Visitors) -> None:
    room = await matchmaking.create_room(ENDLESS, "", private=False, fill=0)
    page = await (await visitors.player("Sh1t")).new_page()
    await page.goto(f"{address}/r/{room}/")
    await phase(page, "refused")
    told = "That name is not allowed here. Please choose another."
    await expect(page.locator("#join-complaint")).to_have_text(told)
    await page.fill("#join-name", "Scunthorpe")
    await page.get_by_role("button", name="Play", exact=True).click()
    await phase(page, "playing")


@pytest.mark.parametrize("how", ["logged out", "no longer staff"])
async def test_an_operator_who_is_out_sees_no_more_figures(
    address: str, visitors: Visitors, how: str
) -> None:
    admin = await operator(visitors, address)
    await expect(admin.locator("#kgm-tiles")).to_be_visible()
    asked: list[float] = []
    admin.on("request", lambda it: asked.append(time.monotonic()) if "figures" in it.url else None)
    began = time.monotonic()
    if how == "logged out":
        other = await admin.context.new_page()
        await other.goto(f"{address}/admin/")
        await other.get_by_role("button", name="Log out").click()
        await expect(other.locator("body")).to_contain_text("Logged out")
        began = time.monotonic()
    else:
        await User.objects.aupdate(is_staff=False)
    await expect(admin.locator("#kgm-words")).to_contain_text("Log in again", timeout=5_000)
    assert time.monotonic() - began < SECONDS
    assert await admin.locator("#kgm-figures").inner_text() == ""
    before = len(asked)
    await admin.wait_for_timeout(2_500)  # ms, in which it would ask twice
    assert len(asked) == before
    only_refusals(visitors)
