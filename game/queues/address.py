"""What a broker's address says."""

from urllib.parse import parse_qs, urlsplit


def url(redis_url: str) -> str:
    """Celery's form of a Redis URL: it spells a unix socket `redis+socket://`."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    login = f":{parts.password}@" if parts.password else ""
    return f"redis+socket://{login}{parts.path}?virtual_host={database}"


def is_redis(broker_url: str) -> bool:
    """Whether this broker is Redis; everything else Kogame supports is RabbitMQ."""
    return broker_url.startswith(("redis://", "rediss://", "redis+socket://"))
