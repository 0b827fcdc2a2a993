"""Names as people see them."""

# ruff: noqa: RUF001 (look-alikes are the subject)
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
    [
        ("Ada", "ADA"),
        ("Ada", "A d a"),
        ("Zoë", "Zoe"),
        ("\uff21\uff44\uff41", "ada"),  # wide
        ("Ada", "\u0410d\u0430"),  # Cyrillic a
        ("vera", "\u03bdera"),  # a Greek nu
        ("Max", "M\u0430\u0445"),
        ("AI", "Al"),  # a capital i, a small l
        ("Bill", "BiIl"),
        ("Ella", "E11a"),
        ("Bob", "B0b"),
        ("modern", "modem"),  # r and n, or m
        ("Ali", "ALI"),
        ("\u0410\u041d\u041d\u0410", "\u0430\u043d\u043d\u0430"),  # Anna, in Russian
        ("Straße", "STRASSE"),
    ],
)
def test_names_that_people_take_for_each_other(one: str, other: str) -> None:
    assert set(names.skeletons(one)) & set(names.skeletons(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ada", "Adam"), ("🐍", "🦊"), ("Ali", "All"), ("Mia", "Mla"), ("Eli", "Ell"), ("Bo", "Во1")],
)
def test_names_that_differ(one: str, other: str) -> None:
    assert not set(names.skeletons(one)) & set(names.skeletons(other))
