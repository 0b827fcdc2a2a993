"""The middleware, each with a request object of its own; every test asserts what it returns."""

import json
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from game import identity, metrics
from game.middleware import Buckets, GuestMiddleware, GuestRequest, RequestLimitMiddleware

MIA = UUID(int=7)
page = RequestFactory()


def answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse("the page")


async def answer_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse("the page")


def with_cookie(request: HttpRequest, player: UUID) -> HttpRequest:
    request.COOKIES[identity.COOKIE] = identity.issue(player)
    return request


# --- Who it is -------------------------------------------------------------------------------
def test_a_new_visitor_gets_an_identity_and_the_page() -> None:
    seen: list[UUID] = []

    def view(request: GuestRequest) -> HttpResponse:
        seen.append(request.guest)
        return HttpResponse("the page")

    response = GuestMiddleware(view)(page.get("/"))  # type: ignore[arg-type]
    assert isinstance(response, HttpResponse)
    assert (response.status_code, response.content) == (200, b"the page")
    cookie = response.cookies[identity.COOKIE]
    assert identity.read(cookie.value) == seen[0]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"], cookie["path"]) == (
        True,
        "Lax",
        365 * 24 * 3600,
        "/",
    )
    assert response.headers["Cache-Control"] == "no-store"


async def test_an_async_page_is_served_on_the_loop_with_an_identity() -> None:
    request = page.get("/")
    response = await GuestMiddleware(answer_async)(request)  # type: ignore[misc]
    assert (response.status_code, response.content) == (200, b"the page")
    assert identity.read(response.cookies[identity.COOKIE].value) == request.guest


def test_a_known_visitor_keeps_the_identity_and_gets_no_new_cookie() -> None:
    request = with_cookie(page.get("/"), MIA)
    response = GuestMiddleware(answer)(request)
    assert isinstance(response, HttpResponse)
    assert (response.status_code, request.guest) == (200, MIA)  # type: ignore[attr-defined]
    assert identity.COOKIE not in response.cookies
    assert not response.has_header("Cache-Control")


@pytest.mark.parametrize("forge", [lambda _: "", lambda _: MIA.hex, lambda own: own[:-1] + "?"])
def test_a_tampered_cookie_is_replaced_by_another_player(forge: Callable[[str], str]) -> None:
    request = page.get("/")
    request.COOKIES[identity.COOKIE] = forge(identity.issue(MIA))
    response = GuestMiddleware(answer)(request)
    assert isinstance(response, HttpResponse)
    assert response.status_code == 200
    player = identity.read(response.cookies[identity.COOKIE].value)
    assert player is not None
    assert player != MIA
    assert player == request.guest  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "path", ["/static/assets/room-1234.js", "/admin/", "/healthz", "/readyz", "/favicon.ico"]
)
def test_where_nobody_plays_nobody_gets_a_cookie(path: str) -> None:
    request = page.get(path)
    response = GuestMiddleware(answer)(request)
    assert isinstance(response, HttpResponse)
    assert (response.status_code, response.content) == (200, b"the page")
    assert not response.cookies
    assert not hasattr(request, "guest")


@pytest.mark.parametrize("https", [True, False])
def test_the_cookie_is_secure_where_the_site_is(https: bool) -> None:
    with override_settings(HTTPS=https):
        response = GuestMiddleware(answer)(page.get("/"))
    assert isinstance(response, HttpResponse)
    assert bool(response.cookies[identity.COOKIE]["secure"]) is https


def test_the_identity_touches_no_session() -> None:
    request = page.get("/")

    class Untouchable:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(f"the session's {name} was touched")

    request.session = Untouchable()  # type: ignore[assignment]
    response = GuestMiddleware(answer)(request)
    assert isinstance(response, HttpResponse)
    assert response.status_code == 200


# --- How often -------------------------------------------------------------------------------
def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    buckets = Buckets(rate=0.5, burst=3, bound=10)
    assert [buckets.wait("mia", 100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]
    assert buckets.wait("ada", 100.0) == 0.0, "another visitor's bucket is another's"
    assert buckets.wait("mia", 101.0) == 1.0
    assert buckets.wait("mia", 102.0) == 0.0
    assert buckets.wait("mia", 10_000.0) == 0.0
    assert [buckets.wait("mia", 10_000.0) for _ in range(3)] == [0.0, 0.0, 2.0]


def test_the_table_is_bounded_and_forgets_who_was_quiet_longest() -> None:
    buckets = Buckets(rate=1, burst=1, bound=2)

    def count() -> int:
        return int(metrics.report()["counters"].get("web.limits_forgotten", 0))

    before = count()
    for key in ("mia", "ada", "ben"):
        assert buckets.wait(key, 5.0) == 0.0
    assert len(buckets) == 2
    assert count() == before + 1
    assert buckets.wait("ben", 5.0) > 0
    assert buckets.wait("mia", 5.0) == 0.0, "forgotten, so as good as new"


@pytest.fixture
def limit() -> Callable[[HttpRequest], HttpResponse]:
    return RequestLimitMiddleware(answer)  # type: ignore[return-value]


def test_hasty_posts_are_refused_with_a_kind_sentence(
    limit: Callable[[HttpRequest], HttpResponse],
) -> None:
    burst = RequestLimitMiddleware.GUEST_BURST
    answers = [limit(with_cookie(page.post("/api/play"), MIA)) for _ in range(burst + 1)]
    assert [response.status_code for response in answers] == [200] * burst + [429]
    assert answers[0].content == b"the page"
    sentence = "That was quick! Please wait 2 seconds and try again."
    assert json.loads(answers[-1].content) == {"error": sentence}
    assert answers[-1].headers["Retry-After"] == "2"
    assert answers[-1].headers["Cache-Control"] == "no-store"


def test_one_hasty_guest_costs_the_others_at_the_same_address_nothing(
    limit: Callable[[HttpRequest], HttpResponse],
) -> None:
    for _ in range(RequestLimitMiddleware.GUEST_BURST + 5):
        limit(with_cookie(page.post("/api/play"), MIA))
    response = limit(with_cookie(page.post("/api/play"), uuid4()))
    assert (response.status_code, response.content) == (200, b"the page")


def test_throwing_the_cookie_away_does_not_help(
    limit: Callable[[HttpRequest], HttpResponse],
) -> None:
    burst = RequestLimitMiddleware.ADDRESS_BURST
    answers = [limit(page.post("/api/rooms", REMOTE_ADDR="10.0.0.9")) for _ in range(burst + 1)]
    assert [response.status_code for response in answers] == [200] * burst + [429]
    elsewhere = limit(page.post("/api/rooms", REMOTE_ADDR="10.0.0.10"))
    assert (elsewhere.status_code, elsewhere.content) == (200, b"the page")


def test_reading_is_never_limited(limit: Callable[[HttpRequest], HttpResponse]) -> None:
    for request in (page.get("/api/boards/"), page.get("/"), page.post("/admin/login/")):
        answers = {limit(request).status_code for _ in range(100)}
        assert answers == {200}


async def test_an_async_page_is_limited_too() -> None:
    middleware = RequestLimitMiddleware(answer_async)
    codes = []
    for _ in range(RequestLimitMiddleware.GUEST_BURST + 1):
        response = await middleware(with_cookie(page.post("/api/play"), MIA))  # type: ignore[misc]
        codes.append(response.status_code)
    assert codes == [200] * RequestLimitMiddleware.GUEST_BURST + [429]
