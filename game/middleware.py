"""What happens to a request before its page: the visitor gets an identity, the hasty get a limit.

Neither touches the database or the session, so both may run on the event loop.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import cast
from uuid import UUID, uuid4

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from structlog.contextvars import bind_contextvars, unbind_contextvars

from game import errors, identity, metrics

Handler = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]

# Addresses that nobody plays from: a probe or a cached file must not carry a cookie.
WITHOUT_GUEST = ("/admin/", "/healthz", "/readyz", "/favicon.ico", "/robots.txt")


class GuestRequest(HttpRequest):
    """A request that has been through `GuestMiddleware`: `guest` is the player's id."""

    guest: UUID


class _Middleware:
    """A middleware for both kinds of handler; subclasses say what to do before and after."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._call_async(request)
        answer = self.before(request)
        if answer is None:
            answer = cast(HttpResponseBase, self.get_response(request))
        return self.after(request, answer)

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        answer = self.before(request)
        if answer is None:
            answer = await cast(Awaitable[HttpResponseBase], self.get_response(request))
        return self.after(request, answer)

    def before(self, request: HttpRequest) -> HttpResponseBase | None:
        """An answer instead of the page, or None to go on to the page."""
        return None

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """The response as it goes out."""
        return response


class GuestMiddleware(_Middleware):
    """Give every visitor of a page a player id in a signed cookie; a forged one is replaced."""

    def before(self, request: HttpRequest) -> None:
        if _needs_guest(request):
            player = identity.read(request.COOKIES.get(identity.COOKIE)) or uuid4()
            cast(GuestRequest, request).guest = player
            bind_contextvars(player=player.hex)  # for lines about this request

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        unbind_contextvars("player")
        guest: UUID | None = getattr(request, "guest", None)
        if guest is not None and not identity.is_fresh(request.COOKIES.get(identity.COOKIE)):
            response.set_cookie(
                identity.COOKIE,
                identity.issue(guest),
                max_age=identity.LIFETIME,
                httponly=True,
                samesite="Lax",
                secure=settings.HTTPS,
            )
            # A shared cache that kept this answer would hand one player's identity to others.
            response.headers["Cache-Control"] = "no-store"
        return response


class DatabaseMiddleware(_Middleware):
    """Answer kindly, and log in a line, when the database is away: the games do not need it."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page about it, where a view failed because of the database."""
        if isinstance(error, OperationalError | InterfaceError):
            return errors.no_scores(request, error)
        return None


def _needs_guest(request: HttpRequest) -> bool:
    return not request.path.startswith((settings.STATIC_URL, *WITHOUT_GUEST))


class Buckets:
    """A bounded table of token buckets: how often each key may do something.

    A key may act `burst` times at once and `rate` times a second in the long run. At `bound` keys
    the one that has been quiet longest is forgotten (it would be nearly full again anyhow).
    """

    def __init__(self, rate: float, burst: int, bound: int) -> None:
        self.rate = rate
        self.burst = burst
        self.bound = bound
        self._table: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key: tokens, when

    def __len__(self) -> int:
        return len(self._table)

    def wait(self, key: str, now: float) -> float:
        """Take a token: 0.0 when there was one, else the seconds until there is."""
        tokens, since = self._table.pop(key, (float(self.burst), now))
        tokens = min(float(self.burst), tokens + (now - since) * self.rate)
        taken = tokens >= 1
        self._table[key] = (tokens - 1 if taken else tokens, now)
        if len(self._table) > self.bound:
            self._table.popitem(last=False)
            metrics.count("web.limits_forgotten")
        return 0.0 if taken else (1 - tokens) / self.rate


class RequestLimitMiddleware(_Middleware):
    """Refuse, kindly, the visitor who posts faster than anyone plays."""

    # A person starts a game every few seconds at most; a household, a school or a party shares
    # one address. The tables hold about 100 bytes a key: 2 MB at most.
    GUEST_RATE, GUEST_BURST = 0.5, 10  # posts a second, posts at once
    ADDRESS_RATE, ADDRESS_BURST = 5.0, 60
    BOUND = 10_000  # keys

    def __init__(self, get_response: Handler) -> None:
        super().__init__(get_response)
        self.guests = Buckets(self.GUEST_RATE, self.GUEST_BURST, self.BOUND)
        self.addresses = Buckets(self.ADDRESS_RATE, self.ADDRESS_BURST, self.BOUND)

    def before(self, request: HttpRequest) -> HttpResponseBase | None:
        if request.method != "POST" or not request.path.startswith("/api/"):
            return None
        seconds = self._wait(request, time.monotonic())
        if not seconds:
            return None
        metrics.count("web.posts_limited")
        whole = math.ceil(seconds)
        unit = "second" if whole == 1 else "seconds"
        sentence = f"That was quick! Please wait {whole} {unit} and try again."
        response = JsonResponse({"error": sentence}, status=429)
        response.headers["Retry-After"] = str(whole)
        response.headers["Cache-Control"] = "no-store"
        return response

    def _wait(self, request: HttpRequest, now: float) -> float:
        """Seconds this request is too early by; both the address and the guest count."""
        seconds = self.addresses.wait(request.META.get("REMOTE_ADDR") or "socket", now)
        # Without a cookie the id was made up a moment ago: only the address says who it is.
        if player := identity.read(request.COOKIES.get(identity.COOKIE)):
            seconds = max(seconds, self.guests.wait(player.hex, now))
        return seconds
