"""What an operator may do to engines and web processes: drain them, and take that back."""

from functools import partial

from django.http import HttpRequest

from game import draining
from game.console.views import Lever, Pull, lever

DRAIN_ENGINE, DRAIN_WEB = "game.drain_engine", "game.drain_web"
ID_MOST = 100  # characters of a process' id


def _levers(kind: str, name: str, permission: str, work: str) -> tuple[Lever, Lever]:
    """The lever that drains a process of a kind, and the one that takes it back."""

    def process(request: HttpRequest) -> str:
        id = request.POST.get("id", "")
        if not 0 < len(id) <= ID_MOST or not id.isprintable():
            raise ValueError("Which process? Its id is missing.")
        return id

    @lever(permission, f"drain_{kind}")
    def drain(request: HttpRequest) -> Pull:
        id = process(request)
        said = f"{name} {id} gives its {work} away within seconds."
        return Pull(id, said, partial(draining.ask, f"{kind}:{id}"))

    @lever(permission, f"resume_{kind}")
    def resume(request: HttpRequest) -> Pull:
        id = process(request)
        said = f"{name} {id} takes {work} again within seconds."
        return Pull(id, said, partial(draining.take_back, f"{kind}:{id}"))

    return drain, resume


drain_engine, resume_engine = _levers("engine", "Engine", DRAIN_ENGINE, "rooms")
drain_web, resume_web = _levers("web", "Web process", DRAIN_WEB, "players")
