"""The admin's lists: found, filtered, few questions, and nothing to be changed but false lives."""

import uuid
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from game import scores, tasks
from game.models import AuditEntry, Life, Match, Player, Standing
from tests import factory
from tests.factory import MATCH, put, told

pytestmark = pytest.mark.django_db(transaction=True)
LISTS = ("player", "match", "life", "standing", "auditentry")


@pytest.fixture(autouse=True)
def _filled() -> None:
    factory.empty()
    put(*factory.crowd(30), told(99, name="Ada", player=uuid.UUID(int=99).hex, score=500))
    scores.persist()


@pytest.fixture
def chief() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("chief"))
    return client


def helper(*permissions: str) -> Client:
    """A member of staff with these permissions of the game and no others."""
    user = User.objects.create_user("helper", is_staff=True)
    for codename in permissions:
        user.user_permissions.add(Permission.objects.get(codename=codename))
    client = Client()
    client.force_login(user)
    return client


def page(model: str, what: str = "changelist", *args: str) -> str:
    return reverse(f"admin:game_{model}_{what}", args=args)


@pytest.mark.parametrize("model", LISTS)
def test_a_list_takes_few_questions_however_long_it_is(
    model: str, chief: Client, django_assert_max_num_queries: Any
) -> None:
    AuditEntry.record(User.objects.get(), "kick player", "room abcd seat 3", "Mia")
    with django_assert_max_num_queries(12):
        assert chief.get(page(model)).status_code == 200


@pytest.mark.parametrize(
    ("model", "query", "found"),
    [
        ("player", "Ada", 1),
        ("player", "da", 0),
        ("player", uuid.UUID(int=99).hex, 1),
        ("player", str(uuid.UUID(int=99)), 1),
        ("life", "Ada", 1),
        ("life", f"{MATCH}-99", 1),
        ("life", "abcd", 31),
        ("match", "abcd", 1),
        ("match", MATCH, 1),
        ("standing", "Ada", 3),
        ("standing", "%", 0),
        ("auditentry", "nobody", 0),
    ],
)
def test_search_finds_what_is_meant(model: str, query: str, found: int, chief: Client) -> None:
    answer = chief.get(page(model), {"q": query})
    assert answer.context["cl"].result_count == found


@pytest.mark.parametrize(
    ("model", "wanted", "found"),
    [
        ("life", {"cause__exact": "wall"}, 31),
        ("life", {"cause__exact": "rock"}, 0),
        ("life", {"match__game": "snek"}, 31),
        ("standing", {"period__exact": "all"}, 31),
        ("match", {"game": "snek"}, 1),
    ],
)
def test_filters(model: str, wanted: dict[str, str], found: int, chief: Client) -> None:
    answer = chief.get(page(model), wanted)
    assert answer.status_code == 200
    assert answer.context["cl"].result_count == found


@pytest.mark.parametrize("model", LISTS)
def test_nothing_can_be_added_or_changed_even_by_a_superuser(model: str, chief: Client) -> None:
    assert chief.get(page(model, "add")).status_code == 403
    AuditEntry.record(User.objects.get(), "kick player", "room abcd")
    kinds = {"player": Player, "match": Match, "life": Life, "standing": Standing}
    row = kinds.get(model, AuditEntry).objects.first()
    assert row is not None
    change = page(model, "change", str(row.pk))
    assert chief.get(change).status_code == 200
    assert chief.post(change, {"name": "X"}).status_code == 403
    if model != "life":
        assert chief.post(page(model, "delete", str(row.pk)), {"post": "yes"}).status_code == 403


def test_a_helper_sees_what_the_permissions_say() -> None:
    client = helper("view_life")
    assert client.get(page("life")).status_code == 200
    assert client.get(page("player")).status_code == 403
    assert client.post(page("life", "delete", f"{MATCH}-99"), {"post": "yes"}).status_code == 403


def test_the_levers_have_permissions_of_their_own() -> None:
    own = Permission.objects.filter(content_type__app_label="game")
    assert set(own.values_list("codename", flat=True)) == {
        *("view_player", "view_match", "view_life", "delete_life", "view_standing"),
        *("view_auditentry", "view_metrics", "kick_player", "close_room"),
        *("message_room", "drain_engine", "drain_web"),
        *("purge_queue", "pause_queue", "run_task", "revoke_task"),
        *("view_failedtask", "retry_failedtask", "discard_failedtask"),
        *("view_ban", "add_ban", "change_ban", "delete_ban"),
    }


def test_a_false_life_is_removed_with_its_standing_an_audit_entry_and_a_word_to_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def publish(task: Any, args: Any = (), **options: Any) -> bool:
        # By now it must be committed: a worker would look at once.
        assert not Life.objects.filter(pk=f"{MATCH}-99").exists()
        asked.append(task.name)
        return True

    monkeypatch.setattr(tasks, "publish", publish)
    client = helper("view_life", "delete_life")
    assert scores.board("all")[0]["name"] == "Ada"
    assert client.post(page("life", "delete", f"{MATCH}-99"), {"post": "yes"}).status_code == 302
    assert scores.board("all")[0]["name"] == "P29"
    entry = AuditEntry.objects.get()
    assert (entry.who_name, entry.action, entry.target) == ("helper", "remove life", f"{MATCH}-99")
    assert "score 500" in entry.detail
    assert asked == ["game.tasks.announce"]


def test_several_lives_are_removed_at_once(chief: Client) -> None:
    ticked = [f"{MATCH}-{n}" for n in (1, 2, 3)]
    answer = chief.post(
        page("life"),
        {"action": "delete_selected", "_selected_action": ticked, "post": "yes"},
    )
    assert answer.status_code == 302
    assert Life.objects.count() == 28
    assert Standing.objects.filter(period="all").count() == 28
    assert AuditEntry.objects.filter(action="remove life").count() == 3
    assert Match.objects.get().lives == 28


def test_an_audit_entry_survives_the_account_it_names() -> None:
    user = User.objects.create_user("gone")
    AuditEntry.record(user, "close room", "abcd")
    user.delete()
    assert AuditEntry.objects.get().who_name == "gone"


def test_every_list_has_search_and_an_order() -> None:
    for model, shown in admin.site._registry.items():
        if model._meta.app_label == "game":
            assert shown.search_fields, model
            assert shown.ordering, model
            assert shown.date_hierarchy, model
