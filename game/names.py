"""Names that people choose: cleaned for every page and canvas, and compared as people see them."""

import json
import unicodedata
from functools import cache, lru_cache
from importlib import resources

MAX_CHARACTERS = 16  # fits a name tag over a snake and a row on a phone
MAX_MARKS = 2  # combining marks on one character; more is drawn over the neighbours' rows
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # control, bidi, zero-width, private
# Look like nothing, or like a space, though Unicode calls them letters or symbols.
_BLANK = {"\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\u034f", "\u17b4", "\u17b5"}


def clean(name: str) -> str:
    """The name as it may be shown, at most 16 visible characters; "" when nothing is left."""
    shown: list[str] = []
    visible = marks = 0
    for char in unicodedata.normalize("NFC", name):
        category = unicodedata.category(char)
        if category in _HIDDEN or char in _BLANK:
            continue
        if category.startswith("M"):
            marks += 1
            if not shown or marks > MAX_MARKS:
                continue
        else:
            marks = 0
            if category == "Zs" and (not shown or shown[-1] == " "):
                continue
            if visible == MAX_CHARACTERS:
                break
            visible += 1
        shown.append(" " if category == "Zs" else char)
    return "".join(shown).strip()


@cache  # 6,000 characters, some 50 ms: engines and web processes ask for it as they start
def _prototypes() -> dict[int, str]:
    """Unicode's confusables (UTS #39): for each character, what stands for all that look like it.

    The library lists pairs both ways. A character with one partner is named by that partner; of
    two that have only each other, the lower code point names both.
    """
    listed = resources.files("confusable_homoglyphs") / "confusables.json"
    pairs = json.loads(listed.read_text(encoding="utf-8"))
    table = {}
    for char, (first, *others) in pairs.items():
        partner = first["c"]
        mutual = len(partner) == 1 and len(pairs[partner]) == 1
        if len(char) == 1 and not others and not (mutual and char < partner):
            table[ord(char)] = partner
    return table


def look(name: str) -> str:
    """A name without what the eye passes over: width, accents, spaces, and which twin it is."""
    told = unicodedata.normalize("NFKD", name).translate(_prototypes())
    told = unicodedata.normalize("NFKD", told)
    return "".join(char for char in told if unicodedata.category(char)[0] in "LNSP")


@lru_cache(maxsize=4096)  # as many as sit in a process' rooms; a look takes some 10 us
def skeletons(name: str) -> tuple[str, str]:
    """Two names are taken for each other when they share either: as typed, or all in capitals.

    One would not do: AI (a capital i) looks like Al, and Ali is ALI, but Ali is not All.
    """
    return look(name).casefold(), "^" + look(name.upper())
