"""What the database keeps: players, matches, finished lives, their best, and who pulled a lever.

Only `scores` writes players, matches, lives and standings. Standings and the counters on matches
are derived: they can be rebuilt from the lives at any time.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models

NAME_LENGTH = 64  # 16 visible characters may be up to 48 code points, with their marks


class Player(models.Model):
    """A guest whose life was saved: known by the signed cookie's id, needing no account."""

    id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=NAME_LENGTH, help_text="As of the last finished life.")
    colour = models.PositiveSmallIntegerField(default=0)
    first_seen = models.DateTimeField(help_text="When the first saved life ended.")
    last_seen = models.DateTimeField(help_text="When the last saved life ended.")

    class Meta:
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["last_seen"], name="player_last_seen"),
            models.Index(fields=["name"], name="player_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Match(models.Model):
    """One running of a game in a room; the lives in it share its id."""

    id = models.UUIDField(primary_key=True)
    game = models.CharField(max_length=32)
    room = models.CharField(max_length=64)
    first_life_at = models.DateTimeField()
    last_life_at = models.DateTimeField()
    lives = models.PositiveIntegerField(default=0, help_text="Derived: saved lives in this match.")

    class Meta:
        default_permissions = ("view",)
        verbose_name_plural = "matches"
        indexes = [models.Index(fields=["last_life_at"], name="match_last_life")]

    def __str__(self) -> str:
        return f"{self.game} in {self.room}"


class Life(models.Model):
    """One spawn-to-death of a person, as it was; written once, never changed."""

    id = models.CharField("life", primary_key=True, max_length=48)
    match = models.ForeignKey(Match, models.CASCADE, related_name="+")
    player = models.ForeignKey(Player, models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=NAME_LENGTH, help_text="At the time.")
    colour = models.PositiveSmallIntegerField()
    score = models.PositiveBigIntegerField()
    length = models.PositiveIntegerField()
    kills = models.PositiveIntegerField()
    seconds = models.FloatField(help_text="How long it lasted.")
    cause = models.CharField(max_length=16)
    by = models.CharField(max_length=NAME_LENGTH, blank=True, help_text="Name of who did it.")
    ended_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view", "delete")
        verbose_name_plural = "lives"
        indexes = [
            models.Index(fields=["ended_at"], name="life_ended"),
            models.Index(fields=["player", "-ended_at"], name="life_player_ended"),
        ]

    def __str__(self) -> str:
        return self.id


class Period(models.TextChoices):
    """The spans a leaderboard is for: the UTC day, the ISO week, and all time."""

    DAY = "day"
    WEEK = "week"
    ALL = "all"


class Standing(models.Model):
    """A player's best of one period, derived from the lives; a tie goes to who was first."""

    player = models.ForeignKey(Player, models.CASCADE, related_name="+", db_index=False)
    period = models.CharField(max_length=4, choices=Period)
    start = models.DateField(help_text="First day of the period; 1970-01-01 for all time.")
    score = models.PositiveBigIntegerField()
    score_at = models.DateTimeField()
    length = models.PositiveIntegerField()
    length_at = models.DateTimeField()
    kills = models.PositiveIntegerField()
    kills_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["player", "period", "start"], name="standing_once")
        ]
        # One index per board, in the board's own order: a page of it is read off the index.
        indexes = [
            models.Index(
                fields=["period", "start", f"-{by}", f"{by}_at", "player"], name=f"standing_{by}"
            )
            for by in ("score", "length", "kills")
        ]

    def __str__(self) -> str:
        return f"{self.player_id} {self.period} {self.start}"


class Fence(models.Model):
    """The newest lock token that wrote under a name: a holder that overslept is refused by it."""

    name = models.CharField(primary_key=True, max_length=32)
    token = models.PositiveBigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} {self.token}"


class FailedTask(models.Model):
    """A task of Celery's that raised and was not to be tried again by itself."""

    FAILED, RETRIED, DISCARDED = "failed", "retried", "discarded"
    STATES = [(FAILED, "waits for a decision"), (RETRIED, "started again"), (DISCARDED, "let go")]

    id = models.CharField(primary_key=True, max_length=64)
    task = models.CharField(max_length=200)
    queue = models.CharField(max_length=100, blank=True)
    arguments = models.TextField(blank=True, help_text="JSON; empty when too large to be kept.")
    shown = models.TextField("arguments", blank=True)
    error = models.CharField(max_length=500)
    trace = models.TextField(blank=True)
    worker = models.CharField(max_length=150, blank=True)
    tries = models.PositiveIntegerField(default=1)
    at = models.DateTimeField("failed at")
    state = models.CharField(max_length=9, choices=STATES, default=FAILED)
    settled_by = models.CharField(max_length=150, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ("view",)
        permissions = [
            ("retry_failedtask", "Can start a failed task again"),
            ("discard_failedtask", "Can let a failed task go"),
        ]
        indexes = [
            models.Index(fields=["-at"], name="failed_at"),
            models.Index(fields=["state", "-at"], name="failed_state"),
            models.Index(fields=["task", "-at"], name="failed_task"),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.id}"


class Ban(models.Model):
    """Somebody who may not come in: a player, everyone of an address, or both."""

    player = models.UUIDField(null=True, blank=True, help_text="The player's id.")
    name = models.CharField(
        max_length=NAME_LENGTH, blank=True, help_text="As the player was called then."
    )
    address = models.GenericIPAddressField(
        null=True,
        blank=True,
        help_text="Bans everyone who shares it (of IPv6, its /64 network), so use it with care.",
    )
    reason = models.CharField(max_length=80, blank=True, help_text="The banned player reads it.")
    until = models.DateTimeField(null=True, blank=True, help_text="UTC. Empty: for good.")
    at = models.DateTimeField("since", auto_now_add=True)
    by = models.CharField(max_length=150, editable=False)

    class Meta:
        indexes = [models.Index(fields=["until"], name="ban_until")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(player__isnull=False) | models.Q(address__isnull=False),
                name="ban_somebody",
                violation_error_message="Whom? Give a player's id, or an address.",
            )
        ]

    def __str__(self) -> str:
        return self.name or str(self.player or self.address)

    def clean(self) -> None:
        """An address that a form left empty is none."""
        self.address = self.address or None


class AuditEntry(models.Model):
    """Who did what to what, and when: every lever an operator pulls leaves one."""

    at = models.DateTimeField(auto_now_add=True)
    who = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    who_name = models.CharField(max_length=150, help_text="Stays when the account is deleted.")
    action = models.CharField(max_length=32)
    target = models.CharField(max_length=128)
    detail = models.TextField(blank=True)

    class Meta:
        default_permissions = ("view",)
        permissions = [
            ("view_metrics", "Can see the live metrics page"),
            ("kick_player", "Can remove a player from a room"),
            ("close_room", "Can close a room"),
            ("message_room", "Can show a message to everyone in a room"),
            ("drain_engine", "Can have an engine give its rooms away, and take rooms again"),
            ("drain_web", "Can have a web process send its players to others, and take them again"),
            ("purge_queue", "Can throw away what waits in a task queue"),
            ("pause_queue", "Can pause and resume a task queue"),
            ("run_task", "Can run what is scheduled now"),
            ("revoke_task", "Can revoke a task that a worker has taken"),
        ]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["-at"], name="audit_at"),
            models.Index(fields=["action", "-at"], name="audit_action"),
        ]

    def __str__(self) -> str:
        return f"{self.who_name} {self.action} {self.target}"

    @classmethod
    def record(cls, who: Any, action: str, target: str | UUID, detail: str = "") -> "AuditEntry":
        """Write down what a person did; `who` is the request's user, None for a command."""
        user = None if who is None or isinstance(who, AnonymousUser) else who
        return cls.objects.create(
            who=user,
            who_name=user.get_username() if user is not None else "command line",
            action=action[:32],
            target=str(target)[:128],
            detail=detail[:4000],  # characters: a lever's reason, not a log
        )
