"""Bans in the admin: who may, that each is on record, and that it counts at once."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from game import bans, store
from game.models import AuditEntry, Ban

pytestmark = pytest.mark.django_db(transaction=True)
PLAYER = uuid.UUID(int=7)
LIST, ADD = "admin:game_ban_changelist", "admin:game_ban_add"
FORM = {"player": PLAYER.hex, "name": "Mia", "reason": "Be kind.", "address": ""}
FORM |= {"until_0": "2099-01-02", "until_1": "03:04"}


@pytest.fixture(autouse=True)
def _nobody_is_banned() -> Iterator[None]:
    server = store.redis()
    server.delete(bans.KEY, bans.VERSION)
    yield
    server.delete(bans.KEY, bans.VERSION)


def staff(*permissions: str) -> Client:
    user = User.objects.create_user("olga", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def page(what: str, ban: Ban) -> str:
    return reverse(f"admin:game_ban_{what}", args=[ban.pk])


def mirrored() -> set[str]:
    return {field.decode() for field in store.redis().hkeys(bans.KEY)}


def test_a_ban_counts_at_once_and_is_on_record() -> None:
    client = staff("add_ban", "view_ban")
    assert client.post(reverse(ADD), FORM).status_code == 302
    ban = Ban.objects.get()
    assert (ban.player, ban.by, ban.reason) == (PLAYER, "olga", "Be kind.")
    assert mirrored() == {f"player:{PLAYER.hex}"}
    assert [entry.action_flag for entry in LogEntry.objects.all()] == [ADDITION]
    record = AuditEntry.objects.get()
    assert (record.who_name, record.action, record.target) == ("olga", "ban", str(PLAYER))
    assert record.detail == "Mia, until 2099-01-02 03:04 UTC, address any: Be kind."
    assert b"Mia" in client.get(reverse(LIST)).content


def test_a_ban_that_is_changed_or_lifted_counts_at_once_too() -> None:
    client = staff("add_ban", "view_ban", "change_ban", "delete_ban")
    client.post(reverse(ADD), FORM)
    ban = Ban.objects.get()
    client.post(page("change", ban), FORM | {"address": "192.0.2.7"})
    assert mirrored() == {f"player:{PLAYER.hex}", "address:192.0.2.7"}
    client.post(page("delete", ban), {"post": "yes"})
    assert mirrored() == set()
    client.post(reverse(ADD), FORM)
    ticked = {"action": "delete_selected", "_selected_action": [Ban.objects.get().pk]}
    client.post(reverse(LIST), ticked | {"post": "yes"})
    assert mirrored() == set()
    flags = list(LogEntry.objects.order_by("id").values_list("action_flag", flat=True))
    assert flags == [ADDITION, CHANGE, DELETION, ADDITION, DELETION]
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["ban", "change ban", "lift ban", "ban", "lift ban"]


def test_who_may_not_ban_cannot_forge_it() -> None:
    ban = Ban.objects.create(player=PLAYER)
    client = staff("view_ban", "view_metrics", "kick_player", "close_room")
    assert client.get(reverse(LIST)).status_code == 200
    assert client.post(reverse(ADD), FORM).status_code == 403
    assert client.post(page("change", ban), FORM).status_code == 403
    assert client.post(page("delete", ban), {"post": "yes"}).status_code == 403
    ticked = {"action": "delete_selected", "_selected_action": [ban.pk], "post": "yes"}
    client.post(reverse(LIST), ticked)
    assert Ban.objects.get().name == ""
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("permission", ["add_ban", "change_ban", "delete_ban"])
def test_each_act_asks_for_its_own_permission(permission: str) -> None:
    ban = Ban.objects.create(player=PLAYER)
    client = staff("view_ban", permission)
    allowed = {
        "add_ban": client.get(reverse(ADD)).status_code == 200,
        "change_ban": b'name="_save"' in client.get(page("change", ban)).content,
        "delete_ban": client.get(page("delete", ban)).status_code == 200,
    }
    assert [name for name, is_allowed in allowed.items() if is_allowed] == [permission]


def test_staff_without_any_permission_see_no_bans() -> None:
    client = staff()
    assert client.get(reverse(LIST)).status_code == 403
    assert b"Bans" not in client.get(reverse("admin:index")).content


def test_the_rooms_page_hands_over_whom_to_ban() -> None:
    """The metrics page links here with the player's id and name."""
    content = staff("add_ban").get(reverse(ADD), {"player": PLAYER.hex, "name": "Mia"}).content
    assert f'value="{PLAYER.hex}"'.encode() in content
    assert b'value="Mia"' in content


def test_a_ban_is_of_somebody() -> None:
    answer = staff("add_ban").post(reverse(ADD), FORM | {"player": ""})
    assert b"Whom? Give a player&#x27;s id, or an address." in answer.content
    with pytest.raises(ValidationError):
        Ban().full_clean()


def test_while_redis_is_away_a_ban_is_kept_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*args: Any) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr("game.banning.store.redis", away)
    answer = staff("add_ban", "view_ban").post(reverse(ADD), FORM, follow=True)
    assert b"counts when Redis is back" in answer.content
    assert Ban.objects.exists()


def test_the_list_takes_few_questions_and_filters(django_assert_max_num_queries: Any) -> None:
    Ban.objects.create(player=PLAYER, name="Past", until="2001-01-01T00:00Z")
    Ban.objects.bulk_create(Ban(player=uuid.uuid4(), name=f"P{n}") for n in range(30))
    client = staff("view_ban")
    with django_assert_max_num_queries(12):
        assert client.get(reverse(LIST)).status_code == 200
    assert b"1 ban" in client.get(reverse(LIST), {"holds": "no"}).content
    assert b"30 bans" in client.get(reverse(LIST), {"holds": "yes"}).content
    assert b"1 ban" in client.get(reverse(LIST), {"q": str(PLAYER)}).content
