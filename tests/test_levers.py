"""The levers on rooms, processes and tasks: who may, what happens, and what is on record."""

import pytest
from django.urls import reverse

from game import protocol
from tests.test_console import (  # noqa: F401 (fixtures)
    Operator,
    arrived,
    audited,
    engine,
    login,
    operator,
)

pytestmark = pytest.mark.django_db(transaction=True)
MESSAGE = "admin:metrics_message"


async def test_a_message_reaches_the_engine_and_is_audited_in_full(
    operator: Operator,  # noqa: F811
    engine: list[object],  # noqa: F811
) -> None:
    client = await operator("message_room")
    text = "We restart at 9, see you <soon>. " + "x" * 160
    answer = await client.post(reverse(MESSAGE), {"room": "abc234", "text": f" {text}  "})
    assert answer.json() == {"done": f"Everyone in room abc234 is being told: “{text}”"}
    await arrived(engine, ("abc234", protocol.Notice(text)))
    assert await audited() == [("olga", "message_room", "abc234", text)]


@pytest.mark.parametrize(
    "text",
    ["", "   ", "x" * 201, "two\nlines", "bell\a", "\N{RIGHT-TO-LEFT OVERRIDE}live", "nul\0"],
)
async def test_what_is_no_sentence_is_refused_in_words(
    operator: Operator,  # noqa: F811
    text: str,
) -> None:
    client = await operator("message_room")
    answer = await client.post(reverse(MESSAGE), {"room": "abc234", "text": text})
    assert answer.status_code == 400
    assert "one line of 1 to 200 characters" in answer.json()["error"]
    assert await audited() == []


LEVERS = [("message", "message_room", {"room": "abc234", "text": "Hello"})]


@pytest.mark.parametrize(("lever", "permission", "fields"), LEVERS)
async def test_each_lever_has_its_own_permission(
    operator: Operator,  # noqa: F811
    lever: str,
    permission: str,
    fields: dict[str, str],
) -> None:
    every = {codename for _, codename, _ in LEVERS} | {"view_metrics", "kick_player", "close_room"}
    client = await operator(*every - {permission})
    answer = await client.post(reverse(f"admin:metrics_{lever}"), fields)
    assert (answer.status_code, answer.json()) == (
        403,
        {"error": "You do not have the permission for this."},
    )
    assert [row[3] for row in await audited()] == ["refused: no permission"]
    page = (await client.get(reverse("admin:metrics"))).content.decode()
    assert f'="{reverse(f"admin:metrics_{lever}")}"' not in page
