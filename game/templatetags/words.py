"""Numbers and codes as the words a page says."""

from django import template

from game.models import Life

register = template.Library()

ENDINGS = {
    "left": "Left the room",
    "wall": "Hit a wall",
    "rock": "Hit a rock",
    "self": "Ran into itself",
    "snake": "Cut off",
    "head-on": "Head to head",
}


@register.filter
def ending(life: Life) -> str:
    """How a life ended: "Cut off by Mia", "Hit a wall"."""
    words = ENDINGS.get(life.cause, "Ended")
    if not life.by:
        return words
    return f"{words} {'with' if life.cause == 'head-on' else 'by'} {life.by}"


@register.filter
def lasted(seconds: float) -> str:
    """A length of time as minutes and seconds: "2:05"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


@register.filter
def ordinal(place: int) -> str:
    """A place in a list: "1st", "22nd", "113th"."""
    teen = place % 100 in (11, 12, 13)
    return f"{place}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(place % 10, 'th')}"
