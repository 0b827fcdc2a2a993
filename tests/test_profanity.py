"""Names that are refused, and the honest ones that must never be."""

# ruff: noqa: RUF001 (look-alikes are the subject)
import pytest

from game import names, profanity

HONEST = (
    *("Scunthorpe", "Penistone", "Assam", "Essex", "Sussex", "Middlesex", "Niger", "Nigeria"),
    *("Dick", "Dickens", "Fanny", "Randy", "Willy", "Gaylord", "Van Dyke", "Kike", "Regina"),
    *("Cockburn", "Hancock", "Hitchcock", "Babcock", "Cummings", "Cumberland", "Cunningham"),
    *("Matsushita", "Takeshita", "Shih Tzu", "Fukuda", "Fukuoka", "Pornchai", "Nazim", "Nazir"),
    *("Therapist", "Grape", "Raccoon", "Swank", "Atwater", "Pakistan", "Spicy", "Spicer"),
    *("Snigger", "Sniggers", "Whit Lerner", "Titsworth", "Wogan", "Fagin", "Slutsk", "Wankel"),
    *("Arsenal", "Arsène", "Analyst", "Document", "Classic", "Passat", "Bass", "Massachusetts"),
    *("Ada", "A", "***", "!!!", "x_X", "1337", "Игорь", "李雷", "محمد", "🐍", ""),
)
FOUL = (
    *("fuck", "FUCK", "fuuuuck", "FuckYou", "xXfuckXx", "fuck69", "motherfucker", "fvck"),
    *("f.u.c.k", "f_u_c_k", "f u c k", "F-U-C-K!", "fu ck", "f*ck", "f**k", "f***", "sh*t"),
    *("sh1t", "Sh!t", "shit!", "$hit", "s.h.i.t", "Big Shit", "BigCunt", "CUNT69", "c.u.n.t"),
    *("a$$hole", "assh0le", "b1tch", "wh0re", "fa99ot", "n1gger", "nigg3r", "ni99er", "r4pe"),
    *("fυck", "fu\u0441k", "\u0455hit", "ｆｕｃｋ", "𝓯𝓾𝓬𝓴", "f\u00fcck", "f\u0336u\u0336ck"),
    *("Adolf Hitler", "h1tler", "nazis"),
)


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_name_is_nobodys_business(name: str) -> None:
    assert not profanity.refused(names.clean(name))


@pytest.mark.parametrize("name", FOUL)
def test_a_foul_name_is_found_in_any_disguise(name: str) -> None:
    assert profanity.refused(names.clean(name))


def test_a_site_has_words_of_its_own() -> None:
    more = ("moderator", " *Kogame* ", "", "*", "***")
    for name in (
        "Moderator",
        "M0DERAT0R",
        "m.o.d.e.r.a.t.o.r",
        "Kogame",
        "TheKogameTeam",
        "k0game",
    ):
        assert not profanity.refused(name)
        assert profanity.refused(name, more)
    for name in ("Moderato", "Moderators2", "Ada"):
        assert not profanity.refused(name, more)
