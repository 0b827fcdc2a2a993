"""Who a visitor is: a random player id in a signed cookie, and nothing else."""

from uuid import UUID

from django.core import signing

COOKIE = "kogame_guest"
SALT = "kogame.guest"
LIFETIME = 365 * 24 * 3600  # seconds: a player who comes back within a year is still the same one
REFRESH_AFTER = 30 * 24 * 3600  # seconds: each refresh makes a response uncacheable, so rarely


def issue(player: UUID) -> str:
    """The cookie's value for a player: the id, the time and a signature over both."""
    return signing.dumps(player.hex, salt=SALT)


def read(cookie: str | None) -> UUID | None:
    """The player a cookie stands for, or None when it is absent, forged, damaged or too old."""
    return _load(cookie, LIFETIME)


def is_fresh(cookie: str | None) -> bool:
    """Whether a cookie is young enough to be left as it is."""
    return _load(cookie, REFRESH_AFTER) is not None


def _load(cookie: str | None, max_age: int) -> UUID | None:
    if not cookie:
        return None
    try:
        return UUID(hex=signing.loads(cookie, salt=SALT, max_age=max_age))
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        # BadSignature covers forged and expired; the rest, a value signed by another version.
        return None
