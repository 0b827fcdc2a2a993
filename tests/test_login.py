"""Log-ins to the admin: who guesses passwords is locked out, and nobody else."""

import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar
from typing import Any

import pytest
import redis
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core.management import call_command
from django.http import HttpResponseBase
from django.test import AsyncClient, Client

from game import metrics, tasks
from tests import processes

pytestmark = pytest.mark.django_db(transaction=True)
LOGIN = "/admin/login/"
HOME, ELSEWHERE = "192.0.2.7", "198.51.100.9"


@pytest.fixture(autouse=True)
def _operator(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick
    User.objects.create_superuser("olga", password="right")


def log_in(password: str, address: str = HOME, name: str = "olga") -> HttpResponseBase:
    return Client(REMOTE_ADDR=address).post(LOGIN, {"username": name, "password": password})


def lock(address: str = HOME) -> HttpResponseBase:
    for _ in range(4):
        assert log_in("wrong", address).status_code == 200
    return log_in("wrong", address)


def test_after_five_failures_an_address_is_locked_out_even_with_the_right_password() -> None:
    for answer in (lock(), log_in("right")):
        page = bytes(answer.content).decode()  # type: ignore[attr-defined]
        assert answer.status_code == 429
        assert "Wait 15 minutes, then try again." in page
        assert 'class="site-header"' in page
        assert answer.headers["Retry-After"] == "900"
        assert "no-store" in answer.headers["Cache-Control"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert " style=" not in page
        assert page.count("<script") == page.count('<script type="module"')
    assert log_in("wrong", name="somebody").status_code == 429  # other names do not help
    assert metrics.report()["counters"]["web.lockouts"] >= 3


def test_a_stranger_cannot_lock_an_operator_out() -> None:
    assert lock().status_code == 429
    assert log_in("right", ELSEWHERE).status_code == 302


def test_a_household_of_ipv6_is_one_address() -> None:
    lock("2001:db8:1:2::1")
    assert log_in("right", "2001:db8:1:2:ffff::2").status_code == 429
    assert log_in("right", "2001:db8:1:3::1").status_code == 302


async def test_it_is_so_for_asgi_too() -> None:
    answer = None
    for _ in range(5):
        answer = await AsyncClient().post(LOGIN, {"username": "olga", "password": "wrong"})
    assert answer is not None
    assert answer.status_code == 429
    assert "Wait 15 minutes" in answer.content.decode()


def test_a_log_in_forgets_the_failures_before_it() -> None:
    for _ in range(4):
        log_in("wrong")
    assert log_in("right").status_code == 302
    assert lock().status_code == 429  # five new ones


def test_the_lock_opens_by_itself_and_asking_does_not_prolong_it() -> None:
    lock()
    then = datetime.now(UTC) - timedelta(minutes=14)
    AccessAttempt.objects.update(attempt_time=then)
    assert log_in("right").status_code == 429
    assert AccessAttempt.objects.get().attempt_time == then
    AccessAttempt.objects.update(attempt_time=datetime.now(UTC) - timedelta(minutes=16))
    assert log_in("right").status_code == 302


def test_an_operator_on_the_machine_opens_it_at_once() -> None:
    lock()
    call_command("axes_reset_ip", HOME, verbosity=0)
    assert log_in("right").status_code == 302


def test_it_needs_no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(self: Any) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(redis.Connection, "connect", away)
    monkeypatch.setattr(redis.UnixDomainSocketConnection, "connect", away)
    assert lock().status_code == 429
    assert log_in("right", ELSEWHERE).status_code == 302


def test_old_failures_are_forgotten() -> None:
    log_in("wrong")
    AccessAttempt.objects.update(attempt_time=datetime.now(UTC) - timedelta(minutes=16))
    log_in("wrong", ELSEWHERE)  # forgets the old one, too
    assert list(AccessAttempt.objects.values_list("ip_address", flat=True)) == [ELSEWHERE]
    AccessAttempt.objects.update(attempt_time=datetime.now(UTC) - timedelta(minutes=16))
    tasks.clean_attempts()
    assert not AccessAttempt.objects.exists()


def test_no_password_is_written_down() -> None:
    log_in("my secret")
    attempt = AccessAttempt.objects.get()
    assert "secret" not in repr(vars(attempt))


def test_behind_a_proxy_it_is_the_visitor_who_is_locked_out() -> None:
    with processes.web(KOGAME_TRUSTED_PROXIES="127.0.0.1", LOGIN_FAILURES="2") as base:
        assert [attempt(base, HOME) for _ in range(3)] == [200, 429, 429]
        assert attempt(base, ELSEWHERE) == 200
    with processes.web(LOGIN_FAILURES="2") as base:  # a stranger's claims count nothing
        assert [attempt(base, f"192.0.2.{n}") for n in (21, 22)] == [200, 429]


def attempt(base: str, visitor: str) -> int:
    """The status of a log-in that fails, as a proxy passes it on."""
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    headers = {"X-Forwarded-For": visitor, "Referer": base}
    opener.open(urllib.request.Request(base + LOGIN, headers=headers)).close()
    token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
    form = {"username": "nobody", "password": "wrong", "csrfmiddlewaretoken": token}
    body = urllib.parse.urlencode(form).encode()
    try:
        with opener.open(urllib.request.Request(base + LOGIN, body, headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
