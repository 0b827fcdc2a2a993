"""The pages around the game, and the few questions they ask while open."""

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST, require_safe

from game import (
    addresses,
    bans,
    boards as standing,
    errors,
    matchmaking,
    metrics,
    names,
    profanity,
    scores,
    store,
)
from game.middleware import GuestRequest

ANSWER_SECONDS = 4.0  # a page that waited longer for Redis says so instead
MAX_BODY = 4096  # bytes: the longest honest request is under 200
ROOM_CODE = re.compile(r"[a-z0-9]{1,16}")
LOBBY_ROWS = 5  # places of today's board shown under the lobby
# In the order of the palette; the pages' scripts have the same words (identity.ts).
COLOUR_NAMES = ("Amber", "Sky", "Jade", "Lemon", "Blue", "Ember", "Rose", "Bone")
COLOURS = [{"number": number, "name": name} for number, name in enumerate(COLOUR_NAMES)]


@dataclass(frozen=True, slots=True)
class Size:
    """What a word in the dialog stands for: cells, rocks, people, and the bots that fill up."""

    width: int
    height: int
    rocks: int
    capacity: int
    fill: int


# Each size leaves about 80 cells to a player when it is full; the huge one some more.
SIZES = {
    "small": Size(28, 20, rocks=4, capacity=8, fill=4),
    "medium": Size(44, 32, rocks=8, capacity=16, fill=6),
    "large": Size(64, 44, rocks=16, capacity=32, fill=12),
    "huge": Size(192, 128, rocks=60, capacity=200, fill=40),  # in regions: a camera, and a map
}

NOTHING_YET = {
    "day": "Nobody has scored today",
    "week": "Nobody has scored this week",
    "all": "Nobody has scored yet",
}
PLACE_WORDS = {"day": "today", "week": "this week", "all": "ever"}


class BadRequest(ValueError):
    """A request that cannot be used; the text is for the person who sent it."""


# --- Pages -----------------------------------------------------------------------------------
def _page(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """A page made for this visitor, which no cache may keep."""
    response = render(request, f"game/{template}.html", context, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


@require_safe
@ensure_csrf_cookie
async def lobby(request: HttpRequest) -> HttpResponse:
    """Name, colour, Play now; below it the open rooms and today's best."""
    rooms, away = await _open_rooms()
    context = {"colours": COLOURS, "rooms": rooms, "away": away, "no_scores": ""}
    try:
        context["today"] = await standing.top("day", "score", LOBBY_ROWS)
    except DatabaseError as error:  # one may play without
        errors.log_database(error)
        context["no_scores"] = errors.NO_SCORES
    return _page(request, "lobby", context)


async def _open_rooms() -> tuple[list[dict[str, Any]], bool]:
    """The public rooms, and whether whoever knows them is away."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return (await matchmaking.rooms())[: matchmaking.LISTED], False
    except (matchmaking.Unavailable, TimeoutError):
        return [], True


@require_safe
@ensure_csrf_cookie
async def room(request: HttpRequest, room: str) -> HttpResponse:
    """The game itself; a room that is gone has a page that says so."""
    code = room.lower()  # codes are read out loud and typed by hand
    if code != room:
        query = f"?{request.META['QUERY_STRING']}" if request.META.get("QUERY_STRING") else ""
        return HttpResponseRedirect(reverse("game:room", args=[code]) + query)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            found = ROOM_CODE.fullmatch(code) is not None and await matchmaking.exists(code)
    except (matchmaking.Unavailable, TimeoutError):
        return _page(request, "away", {}, status=503)
    if not found:
        return _page(request, "gone", {"room": code}, status=404)
    return _page(request, "room", {"room": code, "colours": COLOURS})


@require_safe
@ensure_csrf_cookie
async def leaderboard(request: GuestRequest) -> HttpResponse:
    """The best of a day, a week or all time by one measure; unknown words mean the first one."""
    period, by = _which_board(request)
    board = await standing.read(period, by, request.guest)
    context = {
        "board": board,
        "periods": standing.PERIODS,
        "measures": standing.MEASURES,
        "nothing": NOTHING_YET[period],
    }
    return _page(request, "leaderboard", context)


@require_safe
@ensure_csrf_cookie
async def player(request: GuestRequest, player: UUID) -> HttpResponse:
    """One player: name, bests, places, and the lives so far, a page at a time."""
    number = request.GET.get("page", "1")
    page = int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 1
    shown = await sync_to_async(scores.player)(player, max(page, 1))
    if shown is None:
        return _page(request, "stranger", {"own": player == request.guest}, status=404)
    context = {"player": shown, "bests": _bests(shown), "own": player == request.guest}
    return _page(request, "player", context)


def _bests(shown: scores.PlayerPage) -> list[dict[str, Any]]:
    """The all-time best by each measure, with the places it and its fresher siblings hold."""
    return [
        {
            "words": words,
            "by": by,
            "value": best.value if (best := shown.best("all", by)) else 0,
            "places": [
                {"period": period, "place": held.place, "words": PLACE_WORDS[period]}
                for period in standing.PERIODS
                if (held := shown.best(period, by))
            ],
        }
        for by, words in standing.MEASURES.items()
    ]


@require_safe
@ensure_csrf_cookie
async def how(request: HttpRequest) -> HttpResponse:
    """How to play, on one screen."""
    return _page(request, "how", {})


# --- Questions and requests of the pages -----------------------------------------------------
def _json(answer: dict[str, Any], status: int = 200) -> JsonResponse:
    response = JsonResponse(answer, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


@require_POST
async def play(request: GuestRequest) -> JsonResponse:
    """Find a seat: the best open room, or a new one."""
    if banned := await _banned(request):
        return banned
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            code = await matchmaking.quick_play(request.guest.hex)
    except (matchmaking.Unavailable, TimeoutError) as away:
        return _away(away)
    return _json({"room": code})


@require_POST
async def create_room(request: GuestRequest) -> JsonResponse:
    """Open a room as the dialog asks; answers its code and the address to hand on."""
    if banned := await _banned(request):
        return banned
    try:
        wish = _body(request)
        size, options, title, private = _room_wish(wish)
    except BadRequest as problem:
        return _json({"error": str(problem)}, status=400)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            code = await matchmaking.create_room(
                options, title, private=private, capacity=size.capacity, fill=size.fill
            )
    except (matchmaking.Unavailable, TimeoutError) as away:
        return _away(away)
    path = reverse("game:room", args=[code])
    return _json({"room": code, "url": request.build_absolute_uri(path)}, status=201)


async def _banned(request: GuestRequest) -> JsonResponse | None:
    """The refusal that a banned visitor gets; None for the others, and while Redis is away."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            ban = await bans.find(request.guest.hex, addresses.of_request(request) or "")
    except store.FAILURES:
        return None  # whoever may come in then, there is no room to come into
    if ban is None:
        return None
    metrics.count("web.banned")
    return _json({"error": ban.sentence()}, status=403)


def _away(problem: Exception) -> JsonResponse:
    sentence = str(problem) or "The game server is busy. Please try again in a moment."
    return _json({"error": sentence}, status=503)


def _body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object in a request; raises BadRequest."""
    if len(request.body) > MAX_BODY:
        raise BadRequest("That request is too long.")
    try:
        body = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        raise BadRequest("That request could not be read. Reload the page and try again.") from None
    if not isinstance(body, dict):
        raise BadRequest("That request could not be read. Reload the page and try again.")
    return body


def _room_wish(wish: dict[str, Any]) -> tuple[Size, dict[str, Any], str, bool]:
    """Size, the rules' options, title and privacy, from what the dialog sent; raises BadRequest."""
    word = wish.get("size", "medium")
    if not isinstance(word, str) or word not in SIZES:
        raise BadRequest("Choose a board: small, medium, large or huge.")
    switches = [wish.get(name, False) for name in ("wrap", "rocks", "private")]
    if not all(isinstance(value, bool) for value in switches):
        raise BadRequest("Walls, rocks and private are each either on or off.")
    title = wish.get("title", "")
    if not isinstance(title, str):
        raise BadRequest("The room's name must be text.")
    title = names.clean(title)
    if profanity.refused(title, settings.KOGAME_REFUSED_NAMES):
        metrics.count("web.names_refused")
        raise BadRequest("That name is not allowed here. Please choose another for the room.")
    wrap, rocks, private = switches
    size = SIZES[word]
    options = {
        "width": size.width,
        "height": size.height,
        "wrap": wrap,
        "rocks": size.rocks if rocks else 0,
    }
    return size, options, title, private


@require_safe
async def boards(request: GuestRequest) -> JsonResponse:
    """One leaderboard as data, for a page that heard that it changed."""
    return _json(await standing.read(*_which_board(request), request.guest))


def _which_board(request: HttpRequest) -> tuple[str, str]:
    period, by = request.GET.get("period", ""), request.GET.get("by", "")
    return (
        period if period in standing.PERIODS else "day",
        by if by in standing.MEASURES else "score",
    )


@require_safe
async def life(request: HttpRequest, life: str) -> JsonResponse:
    """Whether a finished life stands in the database yet, and at which places."""
    places = await sync_to_async(scores.life_places)(life)
    return _json({"saved": places is not None, **(places or {})})
