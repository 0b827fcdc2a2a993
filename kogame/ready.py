"""Is a process of Kogame ready? For the supervisor, and for the health checks of containers.

`python -m kogame.ready web|engine|worker|beat` ends with 0 when the one on this host is.
"""

import http.client
import json
import os
import socket
import sys

import redis

ANSWER_SECONDS = 3.0  # below the time-out of the health checks, so that the sentence gets out


def web(port: int) -> str | None:
    """None when the web process on this port serves, else why not."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz", headers={"Host": host_header()})
        answer = connection.getresponse()
        body = answer.read(1000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"no answer on port {port}: {error}"
    finally:
        connection.close()
    return None if answer.status == 200 else f"{answer.status} {body}"


def host_header() -> str:
    """A host name that ALLOWED_HOSTS lets through."""
    name = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip()
    return "localhost" if name in {"", "*"} else name.lstrip(".")


def process(kind: str, url: str, pid: int | None = None) -> str | None:
    """None when a process of that kind on this host has reported itself, else why not."""
    try:
        with redis.Redis.from_url(
            url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS
        ) as server:
            keys = list(server.scan_iter(match=f"kg:proc:{kind}:*", count=1000))
            reports = [json.loads(body) for body in server.mget(keys) if body] if keys else []
    except (redis.RedisError, OSError) as error:
        return f"Redis does not answer: {error}"
    if any(r["host"] == socket.gethostname() and pid in {None, r["pid"]} for r in reports):
        return None
    return f"no {kind} of this host has reported itself"


def main(argv: list[str]) -> int:
    """Print what is not ready; 0 when all is."""
    if len(argv) != 1 or argv[0] not in {"web", "engine", "worker", "beat"}:
        print("usage: python -m kogame.ready web|engine|worker|beat", file=sys.stderr)
        return 2
    if argv[0] == "web":
        problem = web(int(os.environ.get("PORT", "8000")))
    else:
        problem = process(argv[0], os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))
    if problem:
        print(f"{argv[0]} is not ready: {problem}", file=sys.stderr)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
