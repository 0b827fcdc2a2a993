"""How log lines look: sentences for people, or one JSON object a line for those who search them.

Both carry what a line is about (room, player, task) where it is known: bound for a whole
connection, request or task by `structlog.contextvars`, or given to one line as `extra`.
"""

import logging
from typing import Any

import msgspec
import structlog

ABOUT = ("room", "player", "task", "task_id")  # what a line in plain words names behind it


def _of_celery(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """Name the task that a line of Celery's main process is about: there, none is bound."""
    data = getattr(event["_record"], "data", None)
    if isinstance(data, dict) and data.get("id"):
        event.setdefault("task", data.get("name"))
        event.setdefault("task_id", data["id"])
    return event


def _about(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """Leave only the words and what they are about."""
    named = [f"{name}={event[name]}" for name in ABOUT if event.get(name)]
    event["event"] = str(event["event"]) + (f" [{' '.join(named)}]" if named else "")
    return event


def _words(_: Any, __: str, event: dict[str, Any]) -> str:
    trace = f"\n{event['exception']}" if "exception" in event else ""
    return (
        f"{event['timestamp']} {event['level'].upper()} {event['logger']} {event['event']}{trace}"
    )


def _json(event: dict[str, Any], **_: Any) -> str:
    """JSON with the message under the name that log collectors look for."""
    event = {"message": event.pop("event"), **event}
    return msgspec.json.encode(event, enc_hook=str).decode()


def _is_news(record: logging.LogRecord) -> bool:
    return getattr(record, "status_code", 0) != 503


def logging_config(form: str, level: str) -> dict[str, Any]:
    """Django's LOGGING; `form` is "plain" or "json", `level` a level's name."""
    common: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(allow=ABOUT),
        structlog.contextvars.merge_contextvars,
        _of_celery,
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False)
        if form == "plain"
        else structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    last = [_about, _words] if form == "plain" else [structlog.processors.JSONRenderer(_json)]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": common,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["console"], "level": level},
        "filters": {
            # Pages that wait for a service say so; the log has it once, not for each page.
            "unavailable": {"()": "django.utils.log.CallbackFilter", "callback": _is_news}
        },
        "loggers": {
            "daphne": {"level": "WARNING"},
            "django.request": {"filters": ["unavailable"]},
        },
    }
