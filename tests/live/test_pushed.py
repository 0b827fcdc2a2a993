"""The operator's page in a real browser: figures are pushed, and asked for where that fails."""

import json
import time

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from playwright.async_api import WebSocketRoute, expect

from game import metrics, store
from game.queues import election
from tests.live.browser import Visitors, only_refusals

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(120),
]
SECONDS = 5.0  # in which one who may no longer see is out


@sync_to_async
def session() -> str:
    """The session of an operator who has just logged in."""
    client = Client()
    client.force_login(User.objects.create_superuser("olga"))
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


@sync_to_async
def engine_with(rooms: int, tick: int) -> None:
    """An engine that says it has so many rooms; no real process becomes the sampler."""
    for known in store.redis().scan_iter("kg:proc:engine:*"):  # what earlier tests left counts, too
        store.redis().delete(known)
    metrics.start("engine", "bench")
    listed = [{"id": f"room{n:02}", "title": f"Pond {n}", "tick_ms": 1} for n in range(rooms)]
    base = {"game": "snek", "people": 1, "bots": 0, "watchers": 0, "tick": tick, "overruns": 0}
    told = [base | {"tick_may_ms": 50, "overran_ms": 0, "seats": []} | room for room in listed]
    report = metrics.report() | {"details": {"rooms": told}}
    store.redis().set("kg:proc:engine:bench", json.dumps(report), px=60_000)
    store.redis().zadd(metrics.INDEX, {"engine:bench": time.time()})
    store.redis().set(election.LEASE, "nobody", px=60_000)


async def test_the_page_is_pushed_falls_back_to_polling_and_shuts_out_who_logged_out(
    site: str, visitors: Visitors
) -> None:
    cut, open_sockets = False, []

    async def route(socket: WebSocketRoute) -> None:
        if cut:
            await socket.close(code=1011)
        else:
            socket.connect_to_server()
            open_sockets.append(socket)

    context = await visitors.stranger()
    await context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": await session(), "url": site}]
    )
    page = await context.new_page()
    await page.route_web_socket("**/ws/metrics/", route)
    await page.goto(f"{site}/admin/metrics/")
    root = page.locator("#kgm")
    await expect(root).to_have_attribute("data-source", "socket")

    rooms = page.locator(".kgm-tile", has_text="Rooms").locator(".kgm-tile-value")
    await engine_with(70, tick=1)
    begun = time.monotonic()
    await expect(rooms).to_have_text("70")
    assert time.monotonic() - begun < 2
    said = page.locator(".kgm-pager [role=status]")
    await expect(said).to_have_text("1 to 30 of 70")
    await page.get_by_label("Find a room, game or engine").fill("pond 6")
    await expect(said).to_have_text("1 to 11 of 11 found among 70")
    await expect(page.locator("#kgm-rooms tbody tr")).to_have_count(11)

    cut = True
    await open_sockets[-1].close(code=1011)
    await expect(root).to_have_attribute("data-source", "polling")
    await engine_with(69, tick=2)
    await expect(rooms).to_have_text("69")
    await expect(said).to_have_text("1 to 10 of 10 found among 69")
    cut = False
    await expect(root).to_have_attribute("data-source", "socket")
    await expect(said).to_have_text("1 to 10 of 10 found among 69")

    await sync_to_async(Session.objects.all().delete)()
    begun = time.monotonic()
    await expect(page.locator("#kgm-words")).to_contain_text("You may not see the metrics.")
    assert time.monotonic() - begun < SECONDS
    await expect(page.locator("#kgm-figures table")).to_have_count(0)
    only_refusals(visitors)
