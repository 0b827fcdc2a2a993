"""The addresses of the site."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path


def favicon(request: HttpRequest) -> HttpResponse:
    """The picture in the tab, for pages that name none, such as the admin's."""
    return redirect(static("favicon.svg"))


urlpatterns = [
    path("admin/", admin.site.urls),
    path("favicon.ico", favicon),
    path("", include("game.urls")),
]

handler400 = "game.errors.bad_request"
handler403 = "game.errors.forbidden"
handler404 = "game.errors.not_found"
handler500 = "game.errors.server_error"
