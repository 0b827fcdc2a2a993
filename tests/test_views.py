"""The pages around the game, asked as a browser asks: real database, real Redis."""

import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import AsyncClient, Client

from game import boards, identity, matchmaking, scores, store, views
from tests import factory

pytestmark = pytest.mark.django_db(transaction=True)

MIA, ADA = UUID(int=0xA), UUID(int=0xB)
HOSTILE = "<script>x</script>"
PAGES = ("/", "/leaderboard/", "/how/")


@pytest.fixture(autouse=True)
def _fresh() -> None:
    factory.empty()
    boards.forget()


@pytest.fixture(autouse=True)
async def _redis() -> AsyncIterator[None]:
    await store.aredis().flushdb()
    yield
    await store.close_aredis()


@pytest.fixture
async def away(settings: Any) -> None:
    """Redis cannot be reached, for whoever connects from now on."""
    await store.close_aredis()
    settings.REDIS_URL = "unix:///nowhere/redis.sock"


@pytest.fixture
def client() -> AsyncClient:
    return visitor(MIA)


def visitor(player: UUID, **options: Any) -> AsyncClient:
    """A browser that has been here before, as this player."""
    browser = AsyncClient(**options)
    browser.cookies[identity.COOKIE] = identity.issue(player)
    return browser


@pytest.fixture
def lived() -> Callable[..., None]:
    """Saves lives: keyword arguments of the factory, one life each."""
    number = 0

    def save(*lives: dict[str, Any]) -> None:
        nonlocal number
        for life in lives:
            number += 1
            player = life.pop("player", MIA)
            factory.put(factory.told(number, player=player.hex, **life))
        scores.persist()
        boards.forget()

    return save


async def open_room(**changes: Any) -> str:
    """A room as an engine lists it."""
    room = {
        "id": "k7m2xq",
        "title": "The Pond",
        "game": "snek",
        "people": 3,
        "bots": 3,
        "capacity": 16,
        "width": 44,
        "height": 32,
        "wrap": False,
        "rocks": 8,
        "private": False,
        **changes,
    }
    redis = store.aredis()
    await redis.hset(store.LOBBY, room["id"], json.dumps(room))
    await redis.zadd(store.ROOMS, {room["id"]: time.time() * 1000})
    await redis.hset(store.room(room["id"]), "settings", "{}")
    return str(room["id"])


# --- The lobby -------------------------------------------------------------------------------
async def test_the_lobby_lists_open_rooms_and_escapes_their_names(client: AsyncClient) -> None:
    await open_room()
    await open_room(id="z8h4tc", title=HOSTILE, people=8, capacity=8)
    response = await client.get("/")
    page = response.content.decode()
    assert response.status_code == 200
    assert "The Pond" in page
    assert "3 playing, 3 bots" in page
    assert 'href="/r/k7m2xq/?watch"' in page
    assert HOSTILE not in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page


async def test_the_lobby_offers_eight_colours_by_name(client: AsyncClient) -> None:
    page = (await client.get("/")).content.decode()
    assert page.count('name="colour"') == 8
    for name in ("Amber", "Sky", "Jade", "Lemon", "Blue", "Ember", "Rose", "Bone"):
        assert f'<span class="visually-hidden">{name}</span>' in page


async def test_the_lobby_says_when_the_game_server_is_away(client: AsyncClient, away: None) -> None:
    response = await client.get("/")
    assert response.status_code == 200
    assert "The game server does not answer right now." in response.content.decode()


async def test_the_lobby_shows_the_best_of_today(
    client: AsyncClient, lived: Callable[..., None]
) -> None:
    await sync_to_async(lived)({"name": HOSTILE, "score": 4321})
    page = (await client.get("/")).content.decode()
    assert "4321" in page
    assert HOSTILE not in page
    assert f"/player/{MIA.hex}/" in page


# --- Play now --------------------------------------------------------------------------------
async def test_play_now_goes_to_the_fullest_room_with_a_seat(client: AsyncClient) -> None:
    await open_room(id="quiet2", people=1)
    room = await open_room(id="lively", people=9)
    response = await client.post("/api/play")
    assert (response.status_code, response.json()) == (200, {"room": room})
    assert response.headers["Cache-Control"] == "no-store"


async def test_play_now_opens_a_room_where_there_is_none(client: AsyncClient) -> None:
    room = (await client.post("/api/play")).json()["room"]
    assert await matchmaking.exists(room)
    assert views.ROOM_CODE.fullmatch(room)


async def test_play_now_says_when_the_game_server_is_away(client: AsyncClient, away: None) -> None:
    response = await client.post("/api/play")
    assert (response.status_code, response.json()) == (503, {"error": matchmaking.AWAY})


async def test_play_now_is_a_post(client: AsyncClient) -> None:
    assert (await client.get("/api/play")).status_code == 405


async def test_a_post_needs_the_page_s_token() -> None:
    browser = visitor(MIA, enforce_csrf_checks=True)
    refused = await browser.post("/api/play")
    assert refused.status_code == 403
    assert refused.json() == {
        "error": "This page is too old to be trusted. Reload it and try again."
    }
    page = (await browser.get("/")).content.decode()
    token = page.split('name="csrf-token" content="')[1].split('"')[0]
    taken = await browser.post("/api/play", headers={"X-CSRFToken": token})
    assert taken.status_code == 200


async def test_playing_too_fast_is_refused_with_a_sentence(client: AsyncClient) -> None:
    codes = [(await client.post("/api/play")).status_code for _ in range(11)]
    assert codes == [200] * 10 + [429]
    response = await client.post("/api/play")
    assert response.json()["error"].startswith("That was quick!")


# --- A room of one's own ---------------------------------------------------------------------
async def wishes(client: AsyncClient, body: Any) -> Any:
    raw = body if isinstance(body, str | bytes) else json.dumps(body)
    return await client.post("/api/rooms", raw, content_type="application/json")


async def settings_of(room: str) -> dict[str, Any]:
    raw = await store.aredis().hget(store.room(room), "settings")
    assert raw is not None
    return dict(json.loads(raw))


async def test_a_room_is_created_as_asked_for(client: AsyncClient) -> None:
    wish = {
        "size": "large",
        "wrap": True,
        "rocks": True,
        "private": True,
        "title": " Friday\u202e ",
    }
    response = await wishes(client, wish)
    answer = response.json()
    assert response.status_code == 201
    assert answer["url"] == f"http://testserver/r/{answer['room']}/"
    room = await settings_of(answer["room"])
    assert room["options"] == {"width": 64, "height": 44, "wrap": True, "rocks": 16}
    assert (room["capacity"], room["private"], room["title"]) == (32, True, "Friday")


async def test_a_room_without_wishes_is_of_medium_size_and_public(client: AsyncClient) -> None:
    room = await settings_of((await wishes(client, {})).json()["room"])
    assert room["options"] == {"width": 44, "height": 32, "wrap": False, "rocks": 0}
    assert (room["capacity"], room["private"]) == (16, False)


@pytest.mark.parametrize("size", sorted(views.SIZES))
def test_the_rules_accept_every_size(size: str) -> None:
    from game.rules.games import GAMES

    for wrap in (False, True):
        _, options, _, _ = views._room_wish({"size": size, "wrap": wrap, "rocks": True})
        GAMES["snek"](seed=1, options=options)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("not json", "could not be read"),
        ("[1]", "could not be read"),
        ("null", "could not be read"),
        ("[" * 2000, "could not be read"),
        (b"\xff\xfe", "could not be read"),
        (json.dumps({"title": "x" * 5000}), "too long"),
        ({"size": "endless"}, "small, medium, large or huge"),
        ({"size": 3}, "small, medium, large or huge"),
        ({"size": ["small"]}, "small, medium, large or huge"),
        ({"wrap": "yes"}, "on or off"),
        ({"rocks": 9}, "on or off"),
        ({"private": None}, "on or off"),
        ({"title": {"a": 1}}, "must be text"),
    ],
)
async def test_a_bad_wish_is_answered_with_a_sentence(
    client: AsyncClient, body: Any, word: str
) -> None:
    response = await wishes(client, body)
    assert response.status_code == 400
    assert word in response.json()["error"]
    assert await store.aredis().zcard(store.ROOMS) == 0


async def test_a_room_cannot_be_created_while_redis_is_away(
    client: AsyncClient, away: None
) -> None:
    response = await wishes(client, {})
    assert (response.status_code, response.json()) == (503, {"error": matchmaking.AWAY})


# --- The room's page -------------------------------------------------------------------------
async def test_a_room_has_its_page(client: AsyncClient) -> None:
    room = await open_room()
    response = await client.get(f"/r/{room}/")
    assert response.status_code == 200
    assert f'data-room="{room}"' in response.content.decode()


async def test_a_code_typed_in_capitals_finds_the_room(client: AsyncClient) -> None:
    await open_room()
    response = await client.get("/r/K7M2XQ/?watch")
    assert (response.status_code, response.headers["Location"]) == (302, "/r/k7m2xq/?watch")


@pytest.mark.parametrize("code", ["zzzzzz", "a", "x" * 200, "no_such-room"])
async def test_a_room_that_is_gone_says_so(client: AsyncClient, code: str) -> None:
    response = await client.get(f"/r/{code}/")
    assert response.status_code == 404
    page = response.content.decode()
    assert "This room is gone" in page
    assert "Play now" in page


async def test_a_room_says_when_the_game_server_is_away(client: AsyncClient, away: None) -> None:
    response = await client.get("/r/k7m2xq/")
    assert response.status_code == 503
    assert "The game server does not answer" in response.content.decode()


# --- Leaderboards ----------------------------------------------------------------------------
def fill(lived: Callable[..., None], players: int) -> None:
    lived(
        *(
            {"player": UUID(int=1000 + n), "name": f"P{n}", "score": 1000 - n, "length": 10 + n}
            for n in range(players)
        )
    )


def as_mia() -> Client:
    browser = Client()
    browser.cookies[identity.COOKIE] = identity.issue(MIA)
    return browser


def test_an_empty_leaderboard_invites(lived: Callable[..., None]) -> None:
    page = as_mia().get("/leaderboard/?period=week").content.decode()
    assert "Nobody has scored this week" in page
    assert "Play one life and your name stands here." in page


def test_the_leaderboard_marks_the_own_row(lived: Callable[..., None]) -> None:
    lived({"score": 50, "name": "Mia"}, {"player": ADA, "score": 90, "name": HOSTILE})
    page = as_mia().get("/leaderboard/").content.decode()
    assert page.index(ADA.hex) < page.index(f'class="rank own" data-player="{MIA.hex}"')
    assert HOSTILE not in page
    assert 'id="own" hidden' in page, "nothing to pin: the row is in the list"


def test_an_own_row_further_down_is_pinned(lived: Callable[..., None]) -> None:
    fill(lived, 55)
    lived({"score": 3, "name": "Mia"})
    board = as_mia().get("/api/boards/?period=all&by=score").json()
    assert len(board["rows"]) == 50
    assert (board["own"]["place"], board["own"]["value"]) == (56, 3)
    page = as_mia().get("/leaderboard/?period=all&by=score").content.decode()
    assert page.count('class="rank own"') == 1
    assert page.index('id="own"') < page.index('class="rank own"')


@pytest.mark.parametrize("query", ["", "?period=year&by=luck", "?period=&by=", "?period=day%00"])
def test_an_unknown_leaderboard_is_today_s_by_score(query: str) -> None:
    board = as_mia().get(f"/api/boards/{query}").json()
    assert (board["period"], board["by"]) == ("day", "score")


def test_a_leaderboard_takes_few_questions_however_long_it_is(
    lived: Callable[..., None], django_assert_max_num_queries: Any
) -> None:
    fill(lived, 60)
    lived({"score": 3})
    browser = as_mia()
    with django_assert_max_num_queries(3):
        assert browser.get("/leaderboard/?period=all").status_code == 200
    with django_assert_max_num_queries(2):  # the list is shared for a moment; the own row is not
        assert browser.get("/leaderboard/?period=all").status_code == 200


def test_a_shared_reading_is_soon_replaced(
    lived: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    lived({"score": 10})
    assert as_mia().get("/api/boards/").json()["rows"][0]["value"] == 10
    factory.put(factory.told(99, player=MIA.hex, score=70))
    scores.persist()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + boards.SHARED_SECONDS)
    assert as_mia().get("/api/boards/").json()["rows"][0]["value"] == 70


# --- Players and lives -----------------------------------------------------------------------
def test_a_player_s_page_has_bests_places_and_lives(lived: Callable[..., None]) -> None:
    lived(
        {"name": HOSTILE, "score": 40, "cause": "snake", "by": HOSTILE, "seconds": 125.0},
        {"name": HOSTILE, "score": 60, "cause": "wall", "kills": 4},
    )
    page = as_mia().get(f"/player/{MIA}/").content.decode()
    assert HOSTILE not in page
    assert "Cut off by &lt;script&gt;" in page
    for words in ("Hit a wall", "2:05", "1st today", "1st ever", "2 lives since", ">you<"):
        assert words in page, words


def test_a_long_history_comes_in_pages(
    lived: Callable[..., None], django_assert_max_num_queries: Any
) -> None:
    lived(*({"score": n} for n in range(1, 61)))
    browser = as_mia()
    with django_assert_max_num_queries(25):
        first = browser.get(f"/player/{MIA.hex}/").content.decode()
    assert "page 1 of 3" in first
    assert 'rel="next" href="?page=2"' in first
    assert 'rel="prev"' not in first
    for number in ("3", "999999"):
        last = browser.get(f"/player/{MIA.hex}/?page={number}").content.decode()
        assert "page 3 of 3" in last
        assert 'rel="next"' not in last
    for number in ("0", "-1", "x", "²", "9" * 400):
        assert "page 1 of 3" in browser.get(f"/player/{MIA.hex}/?page={number}").content.decode()


def test_a_player_nobody_knows_has_a_kind_page() -> None:
    response = as_mia().get(f"/player/{ADA}/")
    assert response.status_code == 404
    assert "Nobody by that address" in response.content.decode()
    own = as_mia().get(f"/player/{MIA}/")
    assert own.status_code == 404
    assert "You have no page yet" in own.content.decode()


def test_a_life_says_whether_it_is_saved(lived: Callable[..., None]) -> None:
    assert as_mia().get("/api/lives/nothing-1/").json() == {"saved": False}
    lived({"score": 5})
    answer = as_mia().get(f"/api/lives/{factory.MATCH}-1/").json()
    assert {key: answer[key] for key in ("saved", "day", "week", "all", "best")} == {
        "saved": True,
        "day": 1,
        "week": 1,
        "all": 1,
        "best": True,
    }


# --- Every page ------------------------------------------------------------------------------
@pytest.mark.parametrize("path", [*PAGES, "/r/zzzzzz/", "/nowhere", f"/player/{ADA.hex}/"])
async def test_every_page_is_private_and_allows_no_foreign_or_inline_script(
    client: AsyncClient, path: str
) -> None:
    response = await client.get(path)
    page = response.content.decode()
    assert response.headers["Cache-Control"] == "no-store"
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert " style=" not in page
    assert "<style" not in page
    assert " onclick=" not in page
    assert page.count("<script") == page.count('<script type="module"') == 1
    assert sum(len(part) for part in page.split('src="')[1:]) > 0


@pytest.mark.parametrize("path", ["/nowhere", "/r/", "/player/7/", "/leaderboard/nothing"])
async def test_a_wrong_address_has_a_page_in_the_site_s_look(
    client: AsyncClient, path: str
) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    assert "Wrong turn" in response.content.decode()


async def test_a_wrong_address_of_the_api_answers_json(client: AsyncClient) -> None:
    response = await client.get("/api/nothing")
    assert response.status_code == 404
    assert response.json() == {"error": "There is nothing at this address."}


async def test_a_mistake_of_ours_is_said_in_the_site_s_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(*args: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(boards, "read", broken)
    browser = visitor(MIA, raise_request_exception=False)
    page = await browser.get("/leaderboard/")
    assert page.status_code == 500
    assert "We ran into ourselves" in page.content.decode()
    answer = await browser.get("/api/boards/")
    assert (answer.status_code, list(answer.json())) == (500, ["error"])


async def test_an_error_page_that_cannot_be_made_still_says_something(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> str:
        raise RuntimeError("the frontend was never built")

    monkeypatch.setattr("game.errors.render_to_string", broken)
    response = await client.get("/nowhere")
    assert response.status_code == 404
    assert "There is nothing at this address." in response.content.decode()


async def test_pages_leave_the_session_alone(client: AsyncClient) -> None:
    for path in PAGES:
        assert settings.SESSION_COOKIE_NAME not in (await client.get(path)).cookies


# --- Probes ----------------------------------------------------------------------------------
async def test_a_process_that_runs_is_healthy_even_without_redis(
    client: AsyncClient, away: None
) -> None:
    response = await client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert not response.cookies


async def test_ready_means_redis_database_and_migrations(client: AsyncClient) -> None:
    response = await client.get("/readyz")
    assert response.json() == {
        "ready": True,
        **dict.fromkeys(("redis", "database", "players"), "ok"),
    }
    assert response.status_code == 200


async def test_without_redis_it_is_not_ready_and_says_so_quickly(
    client: AsyncClient, away: None
) -> None:
    began = time.monotonic()
    response = await client.get("/readyz")
    assert response.status_code == 503
    said = response.json()
    assert (said["ready"], said["redis"], said["database"]) == (False, "does not answer", "ok")
    assert time.monotonic() - began < 2.5


async def test_a_missing_migration_is_named(client: AsyncClient) -> None:
    recorder = MigrationRecorder(connection)
    newest = await sync_to_async(recorder.migration_qs.filter(app="game").latest)("id")
    await sync_to_async(recorder.record_unapplied)("game", newest.name)
    try:
        response = await client.get("/readyz")
    finally:
        await sync_to_async(recorder.record_applied)("game", newest.name)
    assert response.status_code == 503
    assert f"game.{newest.name}" in response.json()["database"]
    assert "python manage.py migrate" in response.json()["database"]


def test_today_is_utc(lived: Callable[..., None]) -> None:
    lived({"score": 12})
    assert as_mia().get("/api/boards/").json()["rows"][0]["value"] == 12
    assert scores.board("day", "score", now=datetime(2001, 1, 1, tzinfo=UTC)) == []
