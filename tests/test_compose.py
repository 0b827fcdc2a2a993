"""The compose file, the image and the proxy, without Docker: all they name is in the project."""

import ast
import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from kogame import ready, server

BASE = Path(__file__).resolve().parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((BASE / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, service in SERVICES.items() if "build" in service}
DOCKERFILE = (BASE / "config/Dockerfile").read_text()
NGINX = (BASE / "config/nginx.conf").read_text()
EXAMPLE = (BASE / "config/env.example").read_text()
# What the images of others read.
FOREIGN = {"postgres": {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}}


def settings_variables() -> set[str]:
    """Every variable that the settings read: the first argument of each env.…(…) call."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse((BASE / "kogame/settings.py").read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "env"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def interpolated() -> dict[str, bool]:
    """Every ${VARIABLE} of the compose file, and whether it is required."""
    text = (BASE / "docker-compose.yml").read_text()
    found = re.findall(r"\$\{([A-Z_]+)(:\?|:-)?", text)
    return {name: mode == ":?" for name, mode in found}


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_all_the_processes_are_there() -> None:
    assert set(SERVICES) == {
        *("valkey", "postgres", "nginx", "prometheus"),
        *("migrate", "web", "engine", "worker", "beat"),
    }
    assert SERVICES["web"]["deploy"]["replicas"] == 2
    assert SERVICES["engine"]["deploy"]["replicas"] == 2
    assert "deploy" not in SERVICES["beat"]  # two beats would ask for everything twice
    assert {"migrate", "web", "engine", "worker", "beat"} == OURS


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"migrate"}))
def test_every_process_that_stays_has_a_health_check(name: str) -> None:
    test = SERVICES[name]["healthcheck"]["test"]
    assert test[0] == "CMD"
    if name in OURS:
        assert test[1:] == ["python", "-m", "kogame.ready", name]
        assert importlib.util.find_spec("kogame.ready")
        timeout = float(SERVICES[name]["healthcheck"]["timeout"].rstrip("s"))
        assert timeout > ready.ANSWER_SECONDS


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_exists(name: str) -> None:
    program, *arguments = SERVICES[name]["command"]
    if program == "celery":
        assert arguments[:2] == ["-A", "kogame"]
        assert arguments[2] in {"worker", "beat"}
        assert importlib.util.find_spec("kogame.celery")
        return
    assert program == "python"
    if arguments[0] == "-m":
        assert importlib.util.find_spec(arguments[1])
        server.arguments(arguments[2:])  # ends the test when an option does not exist
    else:
        assert (BASE / arguments[0]).is_file()
        assert arguments[1] in get_commands()


def test_celery_takes_the_options_it_is_given() -> None:
    for name in ("worker", "beat"):
        command = SERVICES[name]["command"]
        said = subprocess.run(
            [sys.executable, "-m", *command[:4], "--help"],
            cwd=BASE,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for argument in command[4:]:
            if argument.startswith("-"):
                assert re.search(rf"(^|\s){argument}[\s,]", said), argument


def test_the_worker_takes_every_queue(settings: Any) -> None:
    queues = set(option(SERVICES["worker"]["command"], "-Q").split(","))
    assert queues == set(settings.CELERY_TASK_QUEUES)


def test_every_variable_is_read_by_the_settings() -> None:
    known = settings_variables()
    for name, service in SERVICES.items():
        given = set(service.get("environment", {}))
        assert given <= (FOREIGN.get(name, known)), name


def test_the_example_explains_every_variable_and_holds_no_secret() -> None:
    optional = set(re.findall(r"^#([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    required = dict(re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    asked = interpolated()
    assert set(required) == {name for name, must in asked.items() if must}
    assert optional == (settings_variables() | set(asked)) - set(required) - {"KOGAME_VERSION"}
    assert not any(required.values())


def test_what_the_example_explains_reaches_every_process() -> None:
    for name in OURS:
        assert SERVICES[name]["env_file"] == [{"path": ".env", "required": False}], name
    # The rest of the example says that these are set here, whatever the file says.
    own = re.findall(r"^#([A-Z_]+)=", EXAMPLE.partition("sets these itself")[2], re.MULTILINE)
    assert set(own) - {"DEBUG"} <= set(SERVICES["web"]["environment"])


def test_no_secret_has_a_default() -> None:
    asked = interpolated()
    assert asked["SECRET_KEY"]
    assert asked["POSTGRES_PASSWORD"]


def test_addresses_name_services_and_their_ports() -> None:
    environment = SERVICES["web"]["environment"]
    assert "@postgres:5432/" in environment["DATABASE_URL"]
    user, database = re.findall(r"//(\w+):.*/(\w+)$", environment["DATABASE_URL"])[0]
    assert user == SERVICES["postgres"]["environment"]["POSTGRES_USER"]
    assert database == SERVICES["postgres"]["environment"]["POSTGRES_DB"]
    assert environment["REDIS_URL"] == "redis://valkey:6379/0"
    assert "port 6379" in (BASE / "config/redis.conf").read_text().splitlines()


def test_ports_agree() -> None:
    port = option(SERVICES["web"]["command"], "--port")
    assert SERVICES["web"]["expose"] == [port]
    assert re.findall(r"server web:(\d+)", NGINX) == [port]
    assert re.findall(r"EXPOSE (\d+)", DOCKERFILE) == [port]
    assert f'"--port", "{port}"' in DOCKERFILE
    assert ready.web.__defaults__ is None  # the health check asks PORT's default, which is …
    assert f'"PORT", "{port}"' in (BASE / "kogame/ready.py").read_text()
    (listens,) = re.findall(r"listen (\d+);", NGINX)
    assert SERVICES["nginx"]["ports"] == [f"${{KOGAME_PORT:-8080}}:{listens}"]
    assert f":{listens}/nginx-health" in SERVICES["nginx"]["healthcheck"]["test"][-1]


def test_only_nginx_is_reachable_from_outside() -> None:
    opened = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    outside = [name for name, ports in opened.items() if not ports[0].startswith("127.0.0.1:")]
    assert outside == ["nginx"]


def test_prometheus_asks_every_process_at_its_port() -> None:
    config = yaml.safe_load((BASE / "config/prometheus/prometheus.yml").read_text())
    [job] = config["scrape_configs"]
    [found] = job["dns_sd_configs"]
    assert set(found["names"]) == OURS - {"migrate"}
    assert str(found["port"]) == SERVICES["web"]["environment"]["KOGAME_METRICS_PORT"]
    mounted = [volume.split(":")[1] for volume in SERVICES["prometheus"]["volumes"]]
    assert set(config["rule_files"]) < set(mounted)


def test_forwarded_headers_are_believed_from_the_network_of_the_proxy() -> None:
    (network,) = COMPOSE["networks"]["default"]["ipam"]["config"]
    assert SERVICES["web"]["environment"]["KOGAME_TRUSTED_PROXIES"] == network["subnet"]
    assert "X-Forwarded-For $proxy_add_x_forwarded_for" in NGINX
    assert "X-Forwarded-Proto" in NGINX


def test_mounted_files_and_volumes_exist() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (BASE / source).is_file(), source
            else:
                assert source in COMPOSE["volumes"]


def test_who_needs_whom_exists_and_says_when_it_is_ready() -> None:
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[needed], (name, needed)
            else:
                assert SERVICES[needed]["restart"] == "no"


def test_each_process_is_given_the_time_it_takes_to_end() -> None:
    def grace(name: str) -> float:
        return float(SERVICES[name]["stop_grace_period"].rstrip("s"))

    assert grace("web") > server.DRAIN_SECONDS + server.HOOK_SECONDS
    assert grace("worker") >= 50  # the hard limit of a task


def test_redis_is_configured_as_kogame_asks() -> None:
    lines = (BASE / "config/redis.conf").read_text().splitlines()
    assert {"appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction"} <= set(lines)


# --- The image -----------------------------------------------------------------------------------


def copied() -> list[str]:
    """Every path that the image takes from the project."""
    lines = [line for line in DOCKERFILE.splitlines() if line.startswith("COPY ")]
    own = [shlex.split(line)[1:-1] for line in lines if "--from=" not in line]
    return [path for paths in own for path in paths]


def test_every_copied_path_exists_and_reaches_the_builder() -> None:
    allowed = {
        line[1:]
        for line in (BASE / "config/Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for path in copied():
        assert (BASE / path).exists(), path
        assert path.split("/")[0] in allowed, path


def test_the_data_of_a_developer_never_reaches_the_builder() -> None:
    lines = (BASE / "config/Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in lines
    assert not {"!.env", "!.run", "!.git"} & set(lines)


def test_the_image_runs_as_nobody_special() -> None:
    assert re.search(r"^USER kogame$", DOCKERFILE, re.MULTILINE)


def test_the_release_carries_its_manifest(settings: Any) -> None:
    """Static files and their manifest are made while the image is, inside the code's folder."""
    steps = DOCKERFILE.split("ENV KOGAME_ENV=production")
    assert "manage.py collectstatic" in steps[0]
    assert settings.STATIC_ROOT.is_relative_to(settings.BASE_DIR)
    assert "--from=frontend /frontend/dist frontend/dist" in steps[0]


# --- nginx ---------------------------------------------------------------------------------------


def test_nginx_is_written_in_blocks_that_close() -> None:
    bare = re.sub(r"#.*|\"[^\"]*\"|'[^']*'", "", NGINX)
    assert bare.count("{") == bare.count("}")
    for line in bare.splitlines():
        assert not line.strip() or line.strip()[-1] in "{};", line


def test_nginx_asks_another_process_when_one_is_drained() -> None:
    sockets = NGINX.partition("location /ws/ {")[2].partition("}")[0]
    assert "proxy_next_upstream error timeout http_503;" in sockets


def test_nginx_passes_sockets_on_and_keeps_them_open() -> None:
    """An idle socket is pinged more often than nginx would cut it."""
    assert "location /ws/" in NGINX
    assert "proxy_set_header Upgrade $http_upgrade;" in NGINX
    block = NGINX.split("location /ws/")[1].split("}")[0]
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s", block)
    assert int(seconds) > server.PING_SECONDS + server.PONG_SECONDS


def test_nginx_hides_what_is_for_the_inside() -> None:
    block = NGINX.split("^/(healthz|readyz)$")[1].split("}")[0]
    assert "return 404" in block
