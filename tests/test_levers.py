"""The levers on rooms, processes and tasks: who may, what happens, and what is on record."""

import pytest
from django.urls import reverse

from game import protocol, store
from game.console import runbook, words
from tests import test_draining
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


# --- Engines and web processes -----------------------------------------------------------------
async def test_an_engine_is_drained_and_taken_back(operator: Operator) -> None:  # noqa: F811
    await store.aredis().flushdb()
    await test_draining.report("engine:e1", "engine:e2")
    client = await operator("drain_engine")
    answer = await client.post(reverse("admin:metrics_drain_engine"), {"id": "e1"})
    assert answer.json() == {"done": "Engine e1 gives its rooms away within seconds."}
    assert await store.aredis().exists(store.drain("engine:e1"))
    answer = await client.post(reverse("admin:metrics_drain_engine"), {"id": "e2"})
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("Not done: it is the only one of its kind")
    answer = await client.post(reverse("admin:metrics_resume_engine"), {"id": "e1"})
    assert answer.json() == {"done": "Engine e1 takes rooms again within seconds."}
    assert not await store.aredis().exists(store.drain("engine:e1"))
    rows = [(action, target, detail[:7]) for _, action, target, detail in await audited()]
    assert rows == [
        ("drain_engine", "e1", ""),
        ("drain_engine", "e2", "failed:"),
        ("resume_engine", "e1", ""),
    ]
    await store.aredis().flushdb()


def test_drained_processes_are_said_in_words() -> None:
    def status(**left: int | None) -> list[str]:
        """What is said of engines with so many rooms left, None for one that is not drained."""
        engines = [
            {"kind": "engine", "id": id}
            | {"gauges": {"engine.drained": n is not None, "engine.rooms": n or 0}}
            for id, n in left.items()
        ]
        problems = list(words._drained(engines))
        assert {problem["page"] for problem in problems} <= set(runbook.pages())
        return [f"{problem['level']}: {problem['words']}" for problem in problems]

    assert status(e1=None, e2=None) == []
    assert status(e1=1_000, e2=None) == ["warn: engine e1 is being drained: 1,000 rooms left"]
    assert status(e1=0, e2=None) == ["warn: engine e1 is drained: it takes no rooms"]
    assert status(e1=0, e2=3) == ["bad: No engine process takes rooms: all are drained"]


# --- Tasks -------------------------------------------------------------------------------------
async def test_a_task_that_no_worker_has_is_not_revoked(operator: Operator) -> None:  # noqa: F811
    client = await operator("revoke_task")
    fields = {"id": "a-b-c", "task": "game.tasks.persist"}
    answer = await client.post(reverse("admin:metrics_revoke"), fields)
    assert answer.status_code == 503
    assert answer.json() == {"error": "Not done: no worker has this task any more"}
    for wrong in ({"id": ""}, {"id": "a b"}, {"task": ""}, {"task": "<b>"}):
        answer = await client.post(reverse("admin:metrics_revoke"), fields | wrong)
        assert answer.status_code == 400
    assert [row[1:] for row in await audited()] == [
        ("revoke_task", "game.tasks.persist a-b-c", "failed: no worker has this task any more")
    ]


# --- Who may ---------------------------------------------------------------------------------
LEVERS = [
    ("message", "message_room", {"room": "abc234", "text": "Hello"}),
    ("drain_engine", "drain_engine", {"id": "e1"}),
    ("resume_engine", "drain_engine", {"id": "e1"}),
    ("drain_web", "drain_web", {"id": "w1"}),
    ("resume_web", "drain_web", {"id": "w1"}),
    ("revoke", "revoke_task", {"id": "a-b-c", "task": "game.tasks.persist"}),
]


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
