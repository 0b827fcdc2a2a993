"""Django's admin, with the Metrics page in it."""

from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    """Stands in INSTALLED_APPS in place of "django.contrib.admin"."""

    default_site = "game.console.site.ConsoleSite"

    def ready(self) -> None:
        """Find every app's admin, and add what belongs to the operator's console."""
        super().ready()
        from game.console import failed  # noqa: F401, PLC0415  (models are there only now)
