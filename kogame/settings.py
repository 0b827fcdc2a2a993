"""Kogame's settings: everything comes from the environment, and every default runs.

A production start (`KOGAME_ENV=production`) with a dangerous setting is refused, with the reason.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from game.queues import address
from kogame import broker, logs

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
environ.Env.read_env(BASE_DIR / ".env")

# --- Where this runs -------------------------------------------------------------------------
KOGAME_ENV = env.str("KOGAME_ENV", "development")
PRODUCTION = KOGAME_ENV == "production"
DEVELOPMENT_KEY = "kogame-development-key-not-for-production-use-0123456789abcdef"
SECRET_KEY = env.str("SECRET_KEY", DEVELOPMENT_KEY)
DEBUG = env.bool("DEBUG", False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["*"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
if KOGAME_ENV not in {"development", "test", "production"}:
    raise ImproperlyConfigured(
        f"KOGAME_ENV is {KOGAME_ENV!r}; it must be development, test or production."
    )
if PRODUCTION and SECRET_KEY == DEVELOPMENT_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is the development key. Set SECRET_KEY to 50 or more random characters."
    )
if PRODUCTION and DEBUG:
    raise ImproperlyConfigured("DEBUG is on in production. Unset DEBUG.")
if PRODUCTION and not ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS is empty. Set it to the host names players use.")

# --- Services --------------------------------------------------------------------------------
STATE_DIR = Path(env.str("KOGAME_STATE_DIR", str(BASE_DIR / ".run")))
REDIS_URL = env.str("REDIS_URL", "redis://127.0.0.1:6379/0")
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL")
    if env.str("DATABASE_URL", "")
    # Not as a URL: the folder's name may hold characters that mean something in one.
    else {"ENGINE": "django.db.backends.sqlite3", "NAME": str(STATE_DIR / "kogame.sqlite3")},
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Several processes write: WAL lets readers go on, IMMEDIATE takes the write lock at the start
    # of a transaction (a lock taken half-way fails at once instead of waiting).
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 10,  # seconds to wait for another writer: a batch of 500 takes well under one
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    # A file: the workers and servers that a test starts share it.
    DATABASES["default"]["TEST"] = {"NAME": str(STATE_DIR / "test.sqlite3")}
elif DATABASES["default"]["ENGINE"].endswith("postgresql"):
    # A process that was frozen in a transaction must not hold its locks for ever.
    _patience = "-c lock_timeout=10s -c idle_in_transaction_session_timeout=30s"
    _given = DATABASES["default"].setdefault("OPTIONS", {})  # of the URL's query: it wins
    _given.setdefault("connect_timeout", 5)  # seconds
    # A server whose machine is gone says nothing: seconds until it is asked whether it lives,
    # between questions, and how many; and milliseconds that what was sent may stay unconfirmed.
    for _name, _value in {
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }.items():
        _given.setdefault(_name, _value)
    _given.setdefault("options", _patience)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The time-outs are of connecting and publishing; who listens may hear nothing for hours.
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "game.layer.Layer",
        "CONFIG": {
            "hosts": [{"address": REDIS_URL, "socket_timeout": 5, "socket_connect_timeout": 2}],
            "prefix": "kg:layer",
        },
    }
}

# --- Celery: the tasks behind the game -------------------------------------------------------
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", "") or address.url(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = broker.options(CELERY_BROKER_URL)
CELERY_BROKER_CONNECTION_TIMEOUT = broker.PUBLISH_SECONDS
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # for ever: a broker that was away comes back
CELERY_BROKER_CHANNEL_ERROR_RETRY = True  # a Redis that refuses writes for a while is no defect …
CELERY_WORKER_CONSUMER = "kogame.worker:PatientConsumer"  # … and needs more than no time to mend
CELERY_BROKER_POOL_LIMIT = 4  # connections per process; nothing here publishes from more threads
CELERY_BROKER_HEARTBEAT = 20  # seconds; RabbitMQ drops a dead worker's tasks after two of them
CELERY_TASK_PUBLISH_RETRY = False  # whoever publishes cannot wait; beat asks again
CELERY_TASK_QUEUES: dict[str, dict[str, str]] = {"scores": {}, "maintenance": {}}
CELERY_TASK_DEFAULT_QUEUE = "maintenance"
CELERY_TASK_CREATE_MISSING_QUEUES = False  # a misspelt queue is an error, not a place to forget
CELERY_TASK_ROUTES = {
    "game.tasks.persist": {"queue": "scores"},
    "game.tasks.announce": {"queue": "scores"},
    # On Redis a worker looks at the lists in order of priority, 0 first: scores go before
    # maintenance. RabbitMQ serves its queues in turn, which is fair enough for tasks this short.
    "game.tasks.*": {
        "queue": "maintenance",
        **({"priority": 9} if address.is_redis(CELERY_BROKER_URL) else {}),
    },
}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True  # results live in the database, nobody waits for a task
CELERY_TASK_ACKS_LATE = True  # every task may run twice, none may get lost
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 40  # seconds; a task is a batch, which takes about one
CELERY_TASK_TIME_LIMIT = 50  # seconds; below broker.VISIBLE_AGAIN
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # a task waits in the queue, where others can take it
CELERY_WORKER_CONCURRENCY = env.int("CELERY_WORKER_CONCURRENCY", 2)
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000  # a leak in a library never grows old
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 300_000  # kB
# Tasks are short and may run twice: better let them end than kill them in a transaction.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_IMPORTS = ("game.worker_report",)  # workers and beat say once a second how they are
CELERY_BEAT_SCHEDULE_FILENAME = str(STATE_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULER = "kogame.beat:QuietScheduler"  # what fails is a line, not two stacks
CELERY_BEAT_MAX_LOOP_INTERVAL = 5  # seconds; a clock that was set is noticed soon
CELERY_TIMEZONE = "UTC"
# Beat keeps one channel for ever. Only a retry, here once and at once, makes it open another when
# RabbitMQ has closed that one.
_AGAIN = {"retry": True, "retry_policy": {"max_retries": 1, "interval_start": 0}}
_NIGHTLY = {"expires": 3600, **_AGAIN}  # seconds: a night that was missed is done the next night
CELERY_BEAT_SCHEDULE = {
    # The safety net below the nudges: lives wait at most this long when a nudge got lost.
    "persist": {
        "task": "game.tasks.persist",
        "schedule": 10.0,
        "options": {"expires": 10, **_AGAIN},
    },
    "announce": {
        "task": "game.tasks.announce",
        "schedule": 60.0,
        "options": {"expires": 30, **_AGAIN},
    },
    "mirror bans": {
        "task": "game.tasks.mirror_bans",
        "schedule": 10.0,
        "options": {"expires": 10, **_AGAIN},
    },
    "clean rooms": {
        "task": "game.tasks.clean_rooms",
        "schedule": 300.0,
        "options": {"expires": 300, **_AGAIN},
    },
    "save failures": {
        "task": "game.tasks.save_failures",
        "schedule": 5.0,
        "options": {"expires": 5, **_AGAIN},
    },
    "clean failures": {
        "task": "game.tasks.clean_failures",
        "schedule": crontab(hour=3, minute=50),
        "options": _NIGHTLY,
    },
    "clean sessions": {
        "task": "game.tasks.clean_sessions",
        "schedule": crontab(hour=3, minute=10),
        "options": _NIGHTLY,
    },
    "clean attempts": {
        "task": "game.tasks.clean_attempts",
        "schedule": crontab(hour=3, minute=15),
        "options": _NIGHTLY,
    },
    "clean guests": {
        "task": "game.tasks.clean_guests",
        "schedule": crontab(hour=3, minute=20),
        "options": _NIGHTLY,
    },
    "clean lives": {
        "task": "game.tasks.clean_lives",
        "schedule": crontab(hour=3, minute=30),
        "options": _NIGHTLY,
    },
    "clean standings": {
        "task": "game.tasks.clean_standings",
        "schedule": crontab(hour=3, minute=40),
        "options": _NIGHTLY,
    },
    "verify standings": {
        "task": "game.tasks.verify_standings",
        "schedule": crontab(hour=4, minute=0),
        "options": _NIGHTLY,
    },
    "verify matches": {
        "task": "game.tasks.verify_matches",
        "schedule": crontab(hour=4, minute=30),
        "options": _NIGHTLY,
    },
}

# --- How long things are kept ----------------------------------------------------------------
# Then only players' all-time bests stay. Not below 8: this week's board rests on its lives.
KEEP_LIVES_DAYS = max(8, env.int("KEEP_LIVES_DAYS", 90))
KEEP_GUESTS_DAYS = env.int("KEEP_GUESTS_DAYS", 400)  # after a year the cookie itself is gone
KEEP_FAILURES_DAYS = env.int("KEEP_FAILURES_DAYS", 30)  # failed tasks, settled or not
KEEP_ROOMS_HOURS = env.int("KEEP_ROOMS_HOURS", 24)  # an empty room's invite link works that long

# --- Who may come in, and under which name ---------------------------------------------------
# Open sockets in one web process; 0 is no limit. A school, a party or an office shares an address.
KOGAME_SOCKETS_PER_ADDRESS = env.int("KOGAME_SOCKETS_PER_ADDRESS", 200)
KOGAME_SOCKETS_PER_PLAYER = env.int("KOGAME_SOCKETS_PER_PLAYER", 4)  # tabs, and one for luck
KOGAME_REFUSED_NAMES = tuple(env.list("KOGAME_REFUSED_NAMES", default=[]))  # beside our own

# --- Django ----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "game.console.apps.ConsoleConfig",  # Django's admin, with the Metrics page in it
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "channels",
    "csp",
    "django_vite",
    "game",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "game.middleware.GuestMiddleware",
    "game.middleware.RequestLimitMiddleware",
    "game.middleware.DatabaseMiddleware",
    "axes.middleware.AxesMiddleware",  # last: it turns a locked log-in's answer into its page
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: who is locked out is not asked further
    "django.contrib.auth.backends.ModelBackend",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "kogame.urls"
ASGI_APPLICATION = "kogame.asgi.application"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]

# --- Static files: hashed, with their manifest inside the release ----------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "frontend" / "dist"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "kogame.static.Storage"},
}
# Names with a hash of Vite's or Django's in them are kept by browsers for good.
WHITENOISE_IMMUTABLE_FILE_TEST = r"^.+/(assets/[^/]+-[A-Za-z0-9_-]{8}|[^/]+\.[0-9a-f]{12})\.\w+$"
DJANGO_VITE = {
    "default": {
        "dev_mode": False,
        "manifest_path": BASE_DIR / "frontend" / "dist" / "manifest.json",
    }
}

# --- Security --------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}
# Log-ins that fail. By address alone: by name, a stranger could lock an operator out. They are kept
# in the database, which a log-in needs anyway: Redis may be away.
AXES_LOCKOUT_PARAMETERS = ["ip_address"]
AXES_FAILURE_LIMIT = env.int("LOGIN_FAILURES", 5)
AXES_COOLOFF_TIME = timedelta(minutes=env.int("LOGIN_LOCKED_MINUTES", 15))
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # the page says how long; it must be true
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "game.addresses.of_request"
AXES_LOCKOUT_CALLABLE = "game.errors.locked_out"
AXES_DISABLE_ACCESS_LOG = True  # the admin's own log says who did what
AXES_ENABLE_ADMIN = False  # nothing to edit there; `manage.py axes_reset_ip` lets an address go
AXES_SENSITIVE_PARAMETERS = ["username"]  # of a log line; the address is what one looks for
AXES_VERBOSE = False
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
HTTPS = env.bool("KOGAME_HTTPS", PRODUCTION)  # off only behind a proxy on a private network
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
CSRF_FAILURE_VIEW = "game.errors.csrf_failure"
# Addresses or networks whose X-Forwarded-* headers are believed; everyone else's are dropped.
KOGAME_TRUSTED_PROXIES = env.list("KOGAME_TRUSTED_PROXIES", default=[])
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", True)
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", 31_536_000)  # one year
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)$"]

# --- The internal port of each process: Prometheus, life, readiness -----------------------------
KOGAME_METRICS_PORT = env.int("KOGAME_METRICS_PORT", 0)  # 0: none
KOGAME_METRICS_HOST = env.str("KOGAME_METRICS_HOST", "127.0.0.1")

# --- Logs and errors -----------------------------------------------------------------------------
LOG_FORMAT = env.str("LOG_FORMAT", "json" if PRODUCTION else "plain")
if LOG_FORMAT not in {"plain", "json"}:
    raise ImproperlyConfigured(f"LOG_FORMAT is plain or json, not {LOG_FORMAT!r}.")
LOGGING = logs.logging_config(LOG_FORMAT, env.str("LOG_LEVEL", "INFO"))
SENTRY_DSN = env.str("SENTRY_DSN", "")
SENTRY_RELEASE = env.str("SENTRY_RELEASE", "")
if SENTRY_DSN:
    from kogame import sentry  # only who sends needs its library in memory

    sentry.start(SENTRY_DSN, SENTRY_RELEASE, KOGAME_ENV)
