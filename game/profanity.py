"""Names that nobody should have to read on a board: obscenities and slurs, however disguised.

The list is short on purpose, and of words that have no other use: Dick, Fanny and Cockburn are
people, Scunthorpe is a town. A word counts where it stands alone, and inside another only where no
honest name holds it.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby

from game import names

ALONE = (
    *("arse", "bastard", "boobs", "chink", "cunt", "dildo", "fag", "gook", "hitler", "jizz"),
    *("nazi", "paedo", "paki", "pedo", "penis", "porn", "porno", "pussy", "rape", "raped"),
    *("rapist", "retard", "retarded", "shit", "shitty", "slut", "slutty", "spastic", "spic"),
    *("tits", "tranny", "twat", "vagina", "wank", "wog"),
)
ANYWHERE = (
    *("arsehole", "asshole", "bitch", "blowjob", "bullshit", "cocksuck", "cumshot", "dickhead"),
    *("faggot", "fuck", "handjob", "jigaboo", "motherfuk", "nigga", "nigger", "paedophil"),
    *("pedophil", "phuck", "raghead", "shemale", "shithead", "siegheil", "towelhead", "wanker"),
    *("wetback", "whore"),
)
HONEST = ("snigger",)  # words that hold one of those, and mean no harm

# What is written for what. `look` has made 1, I and | an l, and 0 an o; i and l are one here.
_WRITTEN = str.maketrans("@435$79+!l", "aaesstgtii")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BETWEEN = re.compile(r"[^\w*]+|_+")


def refused(name: str, more: tuple[str, ...] = ()) -> bool:
    """Whether a name holds a word of the list, or of `more`: "word" alone, "*word*" anywhere."""
    alone, anywhere, honest = _patterns(more)
    for word in _words(name):
        if alone.fullmatch(word) or anywhere.search(honest.sub("", word)):
            return True
    return False


def _words(name: str) -> Iterator[str]:
    """Every way to read words out of a name: as it stands, without its dots, letter by letter."""
    pieces = name.split()
    parts = [part for piece in pieces for part in re.split(r"[\s._\-~,;:]+", piece) if part]
    spelt = ("".join(run) for single, run in groupby(parts, lambda p: len(p) == 1) if single)
    camel = (part for piece in pieces for part in _CAMEL.split(piece))
    for read in (*pieces, *parts, *spelt, *camel, "".join(pieces)):
        for word in {read, read.strip("0123456789!?$+*.,_-~")}:
            yield _BETWEEN.sub("", _plain(word))


def _plain(word: str) -> str:
    # Looked at twice: a capital's small letter may have a twin of its own (m is r and n).
    return names.look(names.look(word).casefold()).translate(_WRITTEN)


@lru_cache(maxsize=8)
def _patterns(more: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    words = [word.strip() for word in more if word.strip("* ")]
    anywhere = [word.strip("*") for word in words if word.startswith("*") and word.endswith("*")]
    alone = [word.strip("*") for word in words if word.strip("*") not in anywhere]
    return (
        _any_of([*ALONE, *(f"{word}s" for word in ALONE), *alone]),
        _any_of([*ANYWHERE, *anywhere]),
        _any_of(HONEST),
    )


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(sorted(map(_spelling, words), key=len, reverse=True)))


def _spelling(word: str) -> str:
    """A word's letters, each at least as often as it stands there; all but the first may be *."""
    pattern = ""
    for letter, run in groupby(_plain(word)):
        also = {"u": "uv"}.get(letter, letter)
        least = len(list(run))
        first = re.escape(letter) if not pattern else f"[{re.escape(also)}*]"
        pattern += f"{first}{{{least},}}"
    return pattern
