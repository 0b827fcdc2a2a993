"""Names as people see them."""

import pytest

from game import names


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Ada", "Ada"),
        ("  Ada   Lovelace  ", "Ada Lovelace"),
        ("a" * 40, "a" * 16),
        ("A\u200bd\u200da\ufeff", "Ada"),  # zero-width
        ("\u202eevil\u202c", "evil"),  # bidi override
        ("A\x00d\na", "Ada"),  # control
        ("\u2003Ada\u00a0B", "Ada B"),  # odd spaces
        ("\u3164\u2800", ""),  # letters that look like nothing
        ("\u0301Ada", "Ada"),  # a mark without a letter
        ("Z\u0351\u0302\u0303\u0304o", "Z\u0351\u0302o"),  # a tower of marks
        ("Zoe\u0308", "Zo\u00eb"),
        ("", ""),
        ("<b>&", "<b>&"),  # escaping is the page's
    ],
)
def test_clean(typed: str, shown: str) -> None:
    assert names.clean(typed) == shown


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ada", "ADA"), ("Ada", "A d a"), ("Zoë", "Zoe"), ("\uff21\uff44\uff41", "ada")],
)
def test_names_that_people_take_for_each_other(one: str, other: str) -> None:
    assert names.skeleton(one) == names.skeleton(other)


def test_names_that_differ() -> None:
    assert names.skeleton("Ada") != names.skeleton("Adam")
    assert names.skeleton("🐍") != names.skeleton("🦊")
