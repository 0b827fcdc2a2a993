"""What a visitor sees when a request fails: a sentence in the site's look, or JSON to a script."""

import logging
from typing import Any

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from game import metrics
from game.outage import Outage

log = logging.getLogger(__name__)

SENTENCES = {
    400: "That request could not be understood. Reload the page and try again.",
    403: "This page is not open to you.",
    404: "There is nothing at this address.",
    500: "Something broke on our side. Please try again in a moment.",
}
NO_SCORES = "Scores cannot be read right now. The game goes on, and none is lost."
REST_SECONDS = 3.0  # s that a database which failed is left alone by pages
_database = Outage(log, "The database answers pages again.")

# Shown when even the page about errors cannot be made, as when the frontend was never built.
BARE = "<!doctype html><title>Kogame</title><h1>{sentence}</h1><p><a href='/'>To the lobby</a></p>"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: a request that cannot be understood."""
    return _answer(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: not for this visitor."""
    return _answer(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: no such address."""
    return _answer(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: a mistake of ours; the log has it already."""
    return _answer(request, 500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form or script whose security token is missing or old, mostly an old tab."""
    log.info("CSRF check failed at %s: %s", request.path, reason)
    sentence = "This page is too old to be trusted. Reload it and try again."
    return _answer(request, 403, sentence, template="403_csrf.html")


def locked_out(request: HttpRequest, response: Any, credentials: Any) -> HttpResponse:
    """429: too many log-ins from this address have failed; axes calls this."""
    metrics.count("web.lockouts")
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    minutes = max(1, round(seconds / 60))
    sentence = (
        f"Too many log-ins from your address have failed. Wait {minutes} "
        f"minute{'' if minutes == 1 else 's'}, then try again."
    )
    answer = _answer(request, 429, sentence)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def no_scores(request: HttpRequest, error: Exception) -> HttpResponse:
    """503: the database is away, or its disk is full; the games do not need it."""
    log_database(error)
    return _answer(request, 503, NO_SCORES)


class Resting(OperationalError):
    """The database failed a moment ago, and is not asked again yet."""


def spare_database() -> None:
    """Raise Resting right after a failure: who asks one that hangs waits for seconds, each page."""
    if _database.felt_within(REST_SECONDS):
        raise Resting("The database did not answer a moment ago.")


def log_database(error: Exception) -> None:
    """Say what is wrong with the database and what to do, in one line and not for each page."""
    if isinstance(error, Resting):
        return
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    _database.felt(
        "The database fails (%s); pages go without scores. See that it runs, that its disk has "
        "room, that DATABASE_URL names it, and that `python manage.py migrate` was run.",
        said,
    )


def database_answers() -> None:
    """A page could read scores: if that was not so before, it is said."""
    _database.over()


def _answer(
    request: HttpRequest, status: int, sentence: str = "", template: str = ""
) -> HttpResponse:
    sentence = sentence or SENTENCES[status]
    response: HttpResponse
    if request.path.startswith("/api/"):
        response = JsonResponse({"error": sentence}, status=status)
    else:
        response = HttpResponse(_page(request, template or f"{status}.html", sentence))
        response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


def _page(request: HttpRequest, template: str, sentence: str) -> str:
    try:
        return render_to_string(template, {"sentence": sentence}, request)
    except Exception:  # an error page must not fail with an error of its own
        log.exception("The page %s could not be made", template)
        return BARE.format(sentence=sentence)
