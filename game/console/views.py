"""The Metrics page, its figures as JSON, and the levers; each asks for its own permission."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, NamedTuple

import msgspec
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from game import draining, history, matchmaking, metrics, protocol, store
from game.console.look import Look
from game.console.overview import overview, reader
from game.console.permission import VIEW, may
from game.models import AuditEntry

log = logging.getLogger(__name__)

KICK, CLOSE, MESSAGE = "game.kick_player", "game.close_room", "game.message_room"
BAN = "game.add_ban"  # asked for by the admin's own form, to which the page links
SEAT_MOST = 0xFFFF  # as wide as the wire's seat numbers
MESSAGE_MOST = 200  # characters: what is read in a quarter of a minute, while one plays

ACT_SECONDS = 6.0  # above Redis' own time-out, below the page's patience


class NotDone(RuntimeError):
    """A lever could not do it; the text says why, for people."""


class Pull(NamedTuple):
    """What a lever does to what, in words for its puller and for the audit log."""

    target: str
    said: str  # what will have been done
    act: Callable[[], Awaitable[Any]]
    detail: str = ""  # for the audit log alone


Lever = Callable[[HttpRequest], Coroutine[Any, Any, HttpResponse]]


def page(request: HttpRequest) -> HttpResponse:
    """The page's frame, which its script fills. Comes after the admin's own log-in."""
    if not may(request.user, VIEW):
        raise PermissionDenied
    context = {
        **admin.site.each_context(request),
        "title": "Metrics",
        "may_kick": may(request.user, KICK),
        "may_close": may(request.user, CLOSE),
        "may_ban": may(request.user, BAN),
        "schedule": {
            name: str(entry["schedule"]) for name, entry in settings.CELERY_BEAT_SCHEDULE.items()
        },
        "meanings": metrics.meanings(),
    }
    return TemplateResponse(request, "admin/metrics.html", context)


@never_cache
@require_safe
def figures(request: HttpRequest) -> HttpResponse:
    """All figures as JSON; `?look=` says what is looked at, as the page does on its socket.

    A script asks, so who may not see them gets 403 and a sentence, not a log-in page.
    """
    if not may(request.user, VIEW):
        return _refused(protocol.SENTENCES[protocol.SHUT_OUT])
    try:
        looked = msgspec.json.decode(request.GET.get("look", "{}"), type=Look)
    except msgspec.MsgspecError:
        return JsonResponse({"error": "What is looked at cannot be understood."}, status=400)
    return JsonResponse(overview(looked))


@never_cache
@require_safe
def past(request: HttpRequest) -> HttpResponse:
    """The charts' points as JSON: `?ring=hour` or `day`, `&since=` what the page has already."""
    if not may(request.user, VIEW):
        return _refused(protocol.SENTENCES[protocol.SHUT_OUT])
    try:
        since = float(request.GET.get("since", "0"))
        return JsonResponse(history.read(reader(), request.GET.get("ring", "hour"), since))
    except (KeyError, ValueError):
        return JsonResponse({"error": "There is no such ring."}, status=400)
    except store.FAILURES as error:
        return JsonResponse({"error": f"Redis does not answer: {error}"}, status=503)


def lever(permission: str, action: str) -> Callable[[Callable[[HttpRequest], Pull]], Lever]:
    """A POST that does something to the running system: checked, audited, told in a sentence."""

    def around(pull: Callable[[HttpRequest], Pull]) -> Lever:
        @wraps(pull)
        async def view(request: HttpRequest) -> HttpResponse:
            try:
                target, said, act, detail = pull(request)
            except ValueError as error:
                return JsonResponse({"error": str(error)}, status=400)
            user = await request.auser()
            if not await sync_to_async(may)(user, permission):
                if user.is_authenticated:  # strangers cannot fill the audit log
                    await _audit(user, action, target, "refused: no permission")
                return _refused("You do not have the permission for this.")
            about = {"room": request.POST["room"]} if "room" in request.POST else {}
            # Written before it is done: nothing happens that is not on record.
            entry = await _audit(user, action, target, detail)
            try:
                async with asyncio.timeout(ACT_SECONDS):
                    await act()
            except (NotDone, draining.Refused, matchmaking.Unavailable, *store.FAILURES) as error:
                failed = f"failed: {error or type(error).__name__}"
                entry.detail = " ".join(filter(None, (detail, failed)))[:4000]
                await entry.asave(update_fields=["detail"])
                log.warning("%s of %s by %s: %s", action, target, user, entry.detail, extra=about)
                return JsonResponse({"error": f"Not done: {error}"}, status=503)
            log.info("%s of %s by %s", action, target, user, extra=about)
            await sync_to_async(_remember)(f"{user}: {action.replace('_', ' ')} {target}")
            return JsonResponse({"done": said})

        return require_POST(never_cache(view))

    return around


def _remember(words: str) -> None:
    """A mark on the charts; the audit has it anyway."""
    with contextlib.suppress(*store.FAILURES):
        history.mark(reader(), "act", words)


_audit = sync_to_async(AuditEntry.record)


@lever(KICK, "kick_player")
def kick(request: HttpRequest) -> Pull:
    """Take a seat from its player; the page says so to them, and they may come back."""
    room, seat = _room(request), request.POST.get("seat", "")
    if not seat.isascii() or not seat.isdigit() or not 0 < int(seat) <= SEAT_MOST:
        raise ValueError(f"A seat is a number from 1 to {SEAT_MOST}.")
    said = f"Seat {seat} of room {room} is being removed."
    return Pull(f"{room}/{seat}", said, lambda: matchmaking.kick(room, int(seat)))


@lever(CLOSE, "close_room")
def close(request: HttpRequest) -> Pull:
    """End a room for everyone in it; lives that run are scored as they stand."""
    room = _room(request)
    return Pull(room, f"Room {room} is being closed.", lambda: matchmaking.close(room))


@lever(MESSAGE, "message_room")
def message(request: HttpRequest) -> Pull:
    """Say something to everyone who is in a room now."""
    room, text = _room(request), request.POST.get("text", "").strip()
    # What is not printable may hide, or turn around, what stands beside it.
    if not 0 < len(text) <= MESSAGE_MOST or not text.isprintable():
        raise ValueError(
            f"A message is one line of 1 to {MESSAGE_MOST} characters, without control characters."
        )
    said = f"Everyone in room {room} is being told: “{text}”"
    return Pull(room, said, lambda: matchmaking.message(room, text), text)


def _room(request: HttpRequest) -> str:
    room = request.POST.get("room", "")
    if not 0 < len(room) <= 64:
        raise ValueError("Which room? Its id is missing.")
    return room


def _refused(sentence: str) -> JsonResponse:
    return JsonResponse({"error": sentence}, status=403)
