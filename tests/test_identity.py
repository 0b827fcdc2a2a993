"""The guest cookie: what it stands for, and everything that it must not stand for."""

import time
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.core import signing

from game import identity

MIA = UUID(int=7)


@pytest.fixture
def aged(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], str]:
    """Issues a cookie that is so many seconds old."""

    def issue(seconds: float) -> str:
        then = time.time() - seconds
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: then)
            return identity.issue(MIA)

    return issue


def test_a_cookie_reads_back_as_its_player() -> None:
    player = uuid4()
    assert identity.read(identity.issue(player)) == player


@pytest.mark.parametrize(
    "cookie",
    [
        lambda own: None,
        lambda own: "",
        lambda own: "nonsense",
        lambda own: "::",
        lambda own: "\u202e" * 40,
        lambda own: MIA.hex,
        lambda own: own + "x",
        lambda own: "x" + own,
        lambda own: signing.dumps(MIA.hex, salt="another.purpose"),
        lambda own: signing.dumps(MIA.hex, key="another key", salt=identity.SALT),
        lambda own: signing.dumps("not a player", salt=identity.SALT),
        lambda own: signing.dumps({"player": MIA.hex}, salt=identity.SALT),
        lambda own: signing.dumps(7, salt=identity.SALT),
    ],
)
def test_what_kogame_did_not_sign_for_a_guest_is_nobody(
    cookie: Callable[[str], str | None],
) -> None:
    value = cookie(identity.issue(MIA))
    assert identity.read(value) is None
    assert identity.is_fresh(value) is False


def test_a_cookie_lasts_a_year_and_is_renewed_after_a_month(aged: Callable[[float], str]) -> None:
    young, month, year = aged(60), aged(31 * 86400), aged(366 * 86400)
    assert (identity.read(young), identity.is_fresh(young)) == (MIA, True)
    assert (identity.read(month), identity.is_fresh(month)) == (MIA, False)
    assert (identity.read(year), identity.is_fresh(year)) == (None, False)
