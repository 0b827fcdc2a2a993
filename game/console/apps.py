"""Django's admin, with the Metrics page in it."""

from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    """Stands in INSTALLED_APPS in place of "django.contrib.admin"."""

    default_site = "game.console.site.ConsoleSite"
