"""The processes of Kogame on one machine: how each is started, in which order, and the end."""

import asyncio
import json
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from kogame import ready
from kogame.supervisor import valkey
from kogame.supervisor.child import Child, NotStarted, Spec, ending
from kogame.supervisor.voice import Voice
from kogame.supervisor.watcher import Watcher

BASE = Path(__file__).resolve().parents[2]
PREPARE_SECONDS = 120.0  # a first migration on a slow disk


class Stack:
    """All processes; `start` brings them up, `stop` takes them down in order."""

    def __init__(self, state: Path, listener: socket.socket, voice: Voice, watcher: Watcher):
        self.state = state
        self.listener = listener
        self.voice = voice
        self.watcher = watcher
        self.port: int = listener.getsockname()[1]
        self.external = "REDIS_URL" in os.environ
        self.admin = ""
        self.children: list[Child] = []
        self.private: Path | None = None  # the folder of Valkey's socket and all temporary files

    async def start(self) -> None:
        """Start everything; raises NotStarted or NoServer with what is wrong."""
        self.private = Path(tempfile.mkdtemp(prefix="kogame-"))
        self.watcher.folder(self.private)
        os.environ["TMPDIR"] = str(self.private)  # a killed Celery leaves folders of its pool there
        if not self.external:
            os.environ["REDIS_URL"] = f"unix://{self.private / 'redis.sock'}"
        migrated = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            prepared = group.create_task(self._prepare(migrated))
            if not self.external:
                await self._child(self._valkey())
            # The engine touches no database: it may start beside the migrations.
            group.create_task(self._child(self._engine()))
            await migrated.wait()
            for spec in (self._web(), self._worker(), self._beat()):
                group.create_task(self._child(spec))
        self.admin = await prepared

    async def stop(self) -> None:
        """Stop everything, those who use others first; nothing of it is left."""
        self.listener.close()
        children = {child.name: child for child in self.children}
        for names in (("web",), ("engine",), ("worker", "beat"), ("valkey",)):
            stops = [children[name].stop() for name in names if name in children]
            await asyncio.gather(*stops)
        if self.private is not None:
            shutil.rmtree(self.private, ignore_errors=True)

    def kill(self) -> None:
        """End everything at once."""
        for child in self.children:
            child.kill()

    async def _child(self, spec: Spec) -> None:
        began = time.monotonic()
        child = Child(spec, self.voice, self.watcher)
        self.children.append(child)
        await child.start()
        self.voice.log("kogame", f"{spec.name} ready after {time.monotonic() - began:.2f} s")

    async def _prepare(self, migrated: asyncio.Event) -> str:
        """Migrate and see to the admin, in a process that ends; returns how to log in."""
        began = time.monotonic()
        command = [sys.executable, "-m", "kogame.supervisor.prepare"]
        if self.external:
            command.append("--redis")
        process = await asyncio.create_subprocess_exec(
            *self.watcher.command(command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=BASE,
            pass_fds=(self.watcher.pipe,),
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        errors = asyncio.create_task(process.stderr.read())
        said: dict[str, Any] = {}
        try:
            async with asyncio.timeout(PREPARE_SECONDS):
                async for line in process.stdout:
                    said.update(json.loads(line))
                    if "migrated" in said:
                        migrated.set()
                code = await process.wait()
        except TimeoutError:
            raise NotStarted(
                f"The database took over {PREPARE_SECONDS:.0f} s to migrate."
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            self.watcher.gone(process.pid)
        if code:
            text = (await errors).decode(errors="replace").strip()
            raise NotStarted(text or f"The migrations {ending(code)}.")
        self.voice.log("kogame", f"database ready after {time.monotonic() - began:.2f} s")
        return str(said.get("admin", ""))

    # --- The processes -----------------------------------------------------------------------

    def _valkey(self) -> Spec:
        assert self.private is not None
        folder = self.state / "valkey"
        folder.mkdir(parents=True, exist_ok=True)
        path = self.private / "redis.sock"

        async def answers(pid: int) -> bool:
            try:
                reader, writer = await asyncio.open_unix_connection(str(path))
                writer.write(b"PING\r\n")
                answer = await asyncio.wait_for(reader.readline(), 1)
                writer.close()
            except (OSError, TimeoutError):
                return False
            return answer == b"+PONG\r\n"

        command = [valkey.binary(), *valkey.arguments(path)]
        return Spec("valkey", command, answers, 15, cwd=str(folder), quiet=True)

    def _web(self) -> Spec:
        fd = self.listener.fileno()
        command = self._python("-m", "kogame.server", "--fd", str(fd), "--port", str(self.port))

        async def serves(pid: int) -> bool:
            return await asyncio.to_thread(ready.web, self.port) is None

        return Spec("web", command, serves, 25, cwd=str(BASE), files=(fd,))

    def _engine(self) -> Spec:
        command = self._python("manage.py", "runengine")
        return Spec("engine", command, self._reports("engine"), 15, cwd=str(BASE))

    def _worker(self) -> Spec:
        command = self._python(
            *("-m", "celery", "-A", "kogame", "--quiet", "worker", "-Q", "scores,maintenance"),
            *("--without-mingle", "--without-gossip", "-n", f"kogame-{os.getpid()}@%h"),
        )
        return Spec("worker", command, self._reports("worker"), 20, cwd=str(BASE))

    def _beat(self) -> Spec:
        command = self._python(
            *("-m", "celery", "-A", "kogame", "--quiet", "beat", "--pidfile", ""),
        )
        return Spec("beat", command, self._reports("beat"), 10, cwd=str(BASE))

    @staticmethod
    def _python(*arguments: str) -> list[str]:
        return [sys.executable, *arguments]

    @staticmethod
    def _reports(kind: str) -> Callable[[int], Awaitable[bool]]:
        """Ready once the process has reported its figures for the first time."""

        async def reported(pid: int) -> bool:
            url = os.environ["REDIS_URL"]
            return await asyncio.to_thread(ready.process, kind, url, pid) is None

        return reported
