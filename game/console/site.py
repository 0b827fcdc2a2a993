"""The admin site: Django's own, plus one page that has no model behind it."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, path, reverse

from game.console import permission, process_levers, queue_levers, runbook, views


class ConsoleSite(AdminSite):
    """Lists Metrics first, for those who may see it."""

    site_header = "Kogame"
    site_title = "Kogame"
    index_title = "Operations"

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """The page, its figures, and one address per lever; all need a staff log-in."""
        own: list[URLPattern | URLResolver] = [
            path("metrics/", self.admin_view(views.page), name="metrics"),
            path("metrics/figures/", views.figures, name="metrics_figures"),
            path("metrics/runbook/", self.admin_view(runbook.page), name="metrics_runbook"),
            path(
                "metrics/runbook/<slug:alarm>/",
                self.admin_view(runbook.page),
                name="metrics_runbook",
            ),
            path("metrics/past/", views.past, name="metrics_past"),
            path("metrics/purge/", queue_levers.purge, name="metrics_purge"),
            path("metrics/pause/", queue_levers.pause, name="metrics_pause"),
            path("metrics/resume/", queue_levers.resume, name="metrics_resume"),
            path("metrics/run/", queue_levers.run, name="metrics_run"),
            path("metrics/revoke/", queue_levers.revoke, name="metrics_revoke"),
            path("metrics/kick/", views.kick, name="metrics_kick"),
            path("metrics/close/", views.close, name="metrics_close"),
            path("metrics/message/", views.message, name="metrics_message"),
            *(
                path(f"metrics/{name}/", getattr(process_levers, name), name=f"metrics_{name}")
                for name in ("drain_engine", "resume_engine", "drain_web", "resume_web")
            ),
        ]
        return own + super().get_urls()

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Django's list of models, with the Metrics page as the first entry."""
        apps = super().get_app_list(request, app_label)
        if app_label is not None or not request.user.has_perm(permission.VIEW):
            return apps
        address = reverse("admin:metrics")
        entry = {
            "name": "Metrics",
            "object_name": "metrics",
            "perms": {"add": False, "change": False, "delete": False, "view": True},
            "admin_url": address,
            "add_url": None,
            "view_only": True,
            "model": None,
        }
        live = {
            "name": "Live",
            "app_label": "live",
            "app_url": address,
            "has_module_perms": True,
            "models": [entry],
        }
        return [live, *apps]
