"""Redis is killed, hangs, or refuses: nobody ends, play goes on when it is back, no score is lost.

It keeps its append-only file as config/redis.conf says. That file's last second may be lost when
the machine loses power; when the process is killed, what it has answered stands.
"""

import asyncio
import time
from pathlib import Path

from game.outage import ECHO_SECONDS
from tests.live.faults.company import Company, Log
from tests.live.faults.record import record
from tests.live.faults.services import everything

BAR = "play resumes ≤ 3 s after its return; no process exits; every committed score is saved"
WORDS = {
    "dies": "Redis does not answer",
    "hangs": "Redis does not answer",
    "refuses": "REDIS_URL must name the primary",
}


async def go_through(folder: Path, *outages: tuple[str, float]) -> dict[str, object]:
    """All of Kogame on a Redis that is away in these ways for so long; what was seen."""
    resumed: list[float] = []
    saved: list[float] = []
    with everything(folder) as (stage, own, books):
        room = await asyncio.to_thread(stage.a_room)
        async with Company(stage, room, 6) as company:
            for how, seconds in outages:
                clear = time.monotonic() + ECHO_SECONDS if resumed else 0.0
                log = Log(stage)
                lives = len(company.lives)
                await company.so(lambda n=lives: len(company.lives) > n, "one died", 20)
                await asyncio.sleep(max(0.0, clear - time.monotonic()))
                own.lose(how)
                away = time.monotonic()
                status, page = await asyncio.to_thread(stage.get, "/")
                assert status == 200
                if how != "refuses":
                    assert "The game server does not answer" in page
                await asyncio.sleep(seconds - (time.monotonic() - away))
                own.come_back(how)
                resumed.append(await company.resumes(10))
                saved.append(await books.saved())
                log.check()
                if how != "hangs" or seconds > 5:  # shorter, it is just slow
                    assert WORDS[how] in log.new("engine")
                    assert WORDS[how] in log.new("web")
            assert company.reconnects == 0
        number = await books.balance(company.lives)
    assert max(resumed) <= 3, resumed
    return {"resumed_after_s": max(resumed), "saved_after_s": max(saved), "lives": number}


async def test_redis_goes_away(tmp_path: Path, full: bool) -> None:
    spans = (2, 10, 60) if full else (2,)
    drills = {how: [(how, span) for span in spans] for how in ("dies", "hangs")}
    if not full:  # one after the other, on one stage
        await go_through(tmp_path, *drills["dies"], *drills["hangs"])
        return
    drills["dies"].append(("refuses", 2))
    ran = [go_through(tmp_path / how, *outages) for how, outages in drills.items()]
    for how, found in zip(drills, await asyncio.gather(*ran), strict=True):
        record(f"Redis {how} for 2, 10 and 60 s", BAR, **found)
