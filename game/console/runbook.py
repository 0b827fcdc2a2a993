"""The runbook: one short page per alarm, from docs/runbook, inside the admin."""

from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

from game.console import permission

FOLDER: Path = settings.BASE_DIR / "docs" / "runbook"


@cache
def pages() -> dict[str, tuple[str, SafeString]]:
    """Every page by its alarm: the title, and the rest as HTML.

    The files are part of the release; HTML in them is shown as text.
    """
    markdown = MarkdownIt("js-default")
    found = {}
    for path in sorted(FOLDER.glob("*.md")):
        title, _, text = path.read_text().partition("\n")
        # Rendered by a library that escapes, from files that only a release changes.
        found[path.stem] = title.removeprefix("# "), mark_safe(markdown.render(text))  # noqa: S308
    return found


def page(request: HttpRequest, alarm: str = "") -> HttpResponse:
    """One page, or the list of all."""
    if not permission.may(request.user, permission.VIEW):
        raise PermissionDenied
    if alarm and alarm not in pages():
        raise Http404("There is no such alarm.")
    title, text = pages().get(alarm, ("Runbook", ""))
    listed = [] if alarm else [(name, said) for name, (said, _) in pages().items()]
    context = {
        **admin.site.each_context(request),
        "title": title,
        "text": text,
        "listed": sorted(listed, key=lambda pair: pair[1]),
    }
    return TemplateResponse(request, "admin/runbook.html", context)
