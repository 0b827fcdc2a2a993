"""Failed tasks in the admin: to look at, to start again, to let go."""

import logging
from typing import Any

from celery import current_app
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from game import failures, tasks
from game.admin import ReadOnly
from game.console.words import several
from game.models import AuditEntry, FailedTask

log = logging.getLogger(__name__)

AT_ONCE = 1_000  # tasks that one click settles: a second or two of the broker's time
NAMED = 20  # of them that the question names
SEARCHED = 20_000  # newest ones that words are looked for in: half a second, however many there are


class KnownTask(admin.SimpleListFilter):
    """By the tasks there are; which ones failed would be a walk over all rows."""

    title, parameter_name = "task", "task"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What to choose from."""
        own = sorted(name for name in current_app.tasks if not name.startswith("celery."))
        return [(name, name) for name in own]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those chosen."""
        return queryset.filter(task=self.value()) if self.value() else queryset


class KnownQueue(admin.SimpleListFilter):
    """By the queues there are, likewise."""

    title, parameter_name = "queue", "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What to choose from."""
        return [(name, name) for name in sorted(current_app.amqp.queues)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those chosen."""
        return queryset.filter(queue=self.value()) if self.value() else queryset


@admin.register(FailedTask)
class FailedTaskAdmin(ReadOnly):
    """What failed for good; what is ticked can be started again, or let go."""

    list_display = ("at", "task", "queue", "error", "arguments_shown", "tries", "state")
    list_filter = ("state", KnownTask, KnownQueue)
    search_fields = ("error", "shown", "trace")
    search_help_text = (
        "A whole id, or words of the error, the arguments or the trace: these are looked for in "
        f"the {SEARCHED:,} newest of those that the filters leave."
    )
    date_hierarchy = "at"
    ordering = ("-at",)
    actions = ("retry", "discard")
    fields = (
        ("task", "queue", "id"),
        ("at", "tries", "worker"),
        ("state", "settled_by", "settled_at"),
        "error",
        "shown",
        "trace",
    )

    @admin.display(description="arguments")
    def arguments_shown(self, failure: FailedTask) -> str:
        """The beginning of them."""
        return failure.shown[:80] + "…" * (len(failure.shown) > 80)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[FailedTask], search_term: str
    ) -> tuple[QuerySet[FailedTask], bool]:
        """By id among all, by words among the newest: no index knows words within a text."""
        if not search_term:
            return queryset, False
        if queryset.filter(pk=search_term.strip()).exists():
            return queryset.filter(pk=search_term.strip()), False
        beyond = queryset.order_by("-at").values_list("at", flat=True)[SEARCHED : SEARCHED + 1]
        for at in beyond:
            queryset = queryset.filter(at__gt=at)
        return super().get_search_results(request, queryset, search_term)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whether this user may start tasks again."""
        return bool(request.user.has_perm("game.retry_failedtask"))

    def has_discard_permission(self, request: HttpRequest) -> bool:
        """Whether this user may let tasks go."""
        return bool(request.user.has_perm("game.discard_failedtask"))

    @admin.action(description="Start the chosen tasks again", permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[FailedTask]) -> HttpResponse | None:
        """Ask, and then do it; each is a new task with the same arguments."""
        chosen = self._chosen(request, queryset)
        if not chosen:
            return None
        if "sure" not in request.POST:
            return self._ask(request, chosen, "Start", "again", "Each runs once more.")
        who, started = request.user.get_username(), 0
        for failure in chosen:
            try:
                started += tasks.start_again(failure, who)
            except tasks.NotKept as error:
                self.message_user(request, str(error), messages.WARNING)
            except Exception as error:  # each broker's library has its own
                log.warning("a failed task could not be started again: %s", error)
                said = f"The task broker does not take them: {error}. The others are as they were."
                self.message_user(request, said, messages.ERROR)
                break
        self._told(request, "retry tasks", f"{several(started, 'task')} started again", chosen)
        return None

    @admin.action(description="Let the chosen tasks go", permissions=["discard"])
    def discard(self, request: HttpRequest, queryset: QuerySet[FailedTask]) -> HttpResponse | None:
        """Ask, and then settle them."""
        chosen = self._chosen(request, queryset)
        if not chosen:
            return None
        if "sure" not in request.POST:
            return self._ask(request, chosen, "Let", "go", "They stay in this list, as settled.")
        ids = (failure.pk for failure in chosen)
        gone = failures.settle(ids, FailedTask.DISCARDED, request.user.get_username())
        self._told(request, "discard tasks", f"{several(gone, 'task')} let go", chosen)
        return None

    def _chosen(self, request: HttpRequest, queryset: QuerySet[FailedTask]) -> list[FailedTask]:
        """Those that wait for a decision, the oldest first, as many as one click settles."""
        chosen = list(queryset.filter(state=FailedTask.FAILED).order_by("at")[:AT_ONCE])
        if not chosen:
            said = "None of them waits for a decision: they were settled before."
            self.message_user(request, said, messages.WARNING)
        return chosen

    def _told(self, request: HttpRequest, action: str, said: str, chosen: list[FailedTask]) -> None:
        names = sorted({failure.task for failure in chosen})
        AuditEntry.record(request.user, action, ", ".join(names), said)
        self.message_user(request, f"{said}.", messages.SUCCESS)

    def _ask(
        self, request: HttpRequest, chosen: list[FailedTask], verb: str, rest: str, then: str
    ) -> HttpResponse:
        passed: list[tuple[str, Any]] = [
            (name, value)
            for name in ("action", "_selected_action", "select_across", "index")
            for value in request.POST.getlist(name)
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": f"{verb} {several(len(chosen), 'task')} {rest}?",
            "then": then,
            "named": chosen[:NAMED],
            "more": max(0, len(chosen) - NAMED),
            "most": AT_ONCE if len(chosen) == AT_ONCE else 0,
            "passed": passed,
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "admin/settle.html", context)
