"""Days and weeks: when a leaderboard's period starts. All of it is UTC, the week is ISO's."""

from datetime import UTC, date, datetime, timedelta

from game.models import Period

FOREVER = date(1970, 1, 1)  # the start of "all": a real date, so that the row's key has no null
PERIODS: tuple[str, ...] = tuple(Period.values)
MEASURES = ("score", "length", "kills")


def start(period: str, at: datetime) -> date:
    """The first day of the period that `at` lies in."""
    day = at.astimezone(UTC).date()
    if period == Period.DAY:
        return day
    if period == Period.WEEK:
        return day - timedelta(days=day.weekday())
    return FOREVER


def starts(at: datetime) -> tuple[tuple[str, date], ...]:
    """(period, first day) of the three periods that `at` lies in."""
    return tuple((period, start(period, at)) for period in PERIODS)


def span(period: str, first: date) -> tuple[datetime, datetime]:
    """From when (included) to when (not) a period goes."""
    begins = datetime(first.year, first.month, first.day, tzinfo=UTC)
    if period == Period.ALL:
        return begins, datetime.max.replace(tzinfo=UTC)
    return begins, begins + timedelta(days=1 if period == Period.DAY else 7)
