"""Names that people choose: cleaned for every page and canvas, and compared as people see them."""

import unicodedata

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


def skeleton(name: str) -> str:
    """What two names share when people would take one for the other by case, width or spacing."""
    folded = unicodedata.normalize("NFKD", name.casefold())
    return "".join(char for char in folded if unicodedata.category(char)[0] in "LNSP")
