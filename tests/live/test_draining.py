"""A web process that is drained, for real: its players find their snakes on another one."""

import urllib.error
import urllib.request

import pytest
from websockets.exceptions import InvalidStatus

from game import draining, matchmaking, metrics, store
from tests import processes
from tests.player import Player

ENDLESS = {"width": 24, "height": 16, "wrap": True, "rocks": 0}  # nobody dies by going on


async def webs() -> set[str]:
    """The web processes that report themselves."""
    found = [key.decode() async for key in store.aredis().scan_iter(metrics.report_key("web:*"))]
    return {key.removeprefix(metrics.report_key("")) for key in found}


def status(address: str) -> int:
    """How a page is answered."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.timeout(120)
async def test_players_of_a_drained_web_process_go_on_by_way_of_another() -> None:
    await store.aredis().flushdb()
    with processes.engine(), processes.web() as old:
        (drained,) = await webs()
        with processes.web() as new:
            room = await matchmaking.create_room(ENDLESS, "", private=True, fill=0)
            async with Player(old, room) as ada:
                await ada.join()
                await draining.ask(drained)
                assert await ada.until_closed() == 4012
            async with Player(new, room, ada.id) as again:
                await again.join()
                assert (again.seat, again.resumed) == (ada.seat, True)
            with pytest.raises(InvalidStatus) as refused:
                await Player(old, room).__aenter__()
            assert refused.value.response.status_code == 503
            assert (status(f"{old}/readyz"), status(f"{new}/readyz")) == (503, 200)
            assert status(f"{old}/how/") == 200
    await store.close_aredis()
