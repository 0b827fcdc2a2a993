"""Processes are killed, frozen, stopped and added, and the network is cut: every room goes on."""

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from game import store
from game.engine.ledger import LEASE_MS
from tests.live.faults.crew import Crew
from tests.live.faults.house import Play, Witness
from tests.live.faults.record import record
from tests.live.fleet import until
from tests.live.stage import Stage, environment, migrated
from tests.live.valkey import Valkey
from tests.processes import answers

KILLED = "≤ 3 s each, no tick again or undone, no page reload, no life lost or twice"
LEASE = LEASE_MS / 1000  # s

RESTARTING = "4012"
ENDED = re.compile(r"of (\d+) players' sockets, (\d+) have ended")


# --- Engines -----------------------------------------------------------------------------------
def checked(play: Play) -> dict[str, object]:
    """What holds whatever happened to engines; the figures."""
    acked = play.crew("figures")["acked"]
    until(lambda: play.crew("figures")["acked"] > acked + play.players / 2, "turns were taken")
    seen = play.crew("figures")
    until(lambda: set(play.crew("ended")["lives"]) <= set(play.house.outbox()), "no life was lost")
    lives, outbox = play.crew("ended")["lives"], play.house.outbox()
    assert play.witness.wrong == []
    assert (seen["undone"], seen["old"]) == (0, 0)
    assert len(outbox) == len(set(outbox))
    assert seen["codes"] == {}  # nobody lost a socket, so no page reloads
    assert seen["seated"] == play.players
    return {
        "players": play.players,
        "ticks": play.witness.ticks,
        "ticks_again_or_undone": seen["undone"] + len(play.witness.wrong),
        "sockets_lost": 0,
        "lives_seen": len(lives),
        "lost_or_twice": 0,
    }


def test_an_engine_that_is_killed_is_replaced_by_one_that_stands_by(play: Play, full: bool) -> None:
    house, witness = play.house, play.witness
    gaps = []
    for _ in range(10 if full else 1):
        victim = play.engine
        house.start_engine()
        before = witness.epochs()
        witness.fresh()
        house.signal(victim, signal.SIGKILL)
        until(lambda before=before: witness.moved_on(before), "every room had another epoch")
        gaps.append(witness.worst())
    figures = checked(play)
    record(
        "kill -9 an engine, another standing by",
        KILLED,
        kills=len(gaps),
        gap_s=max(gaps),
        gap_of_a_page_s=play.crew("figures")["worst"],
        **figures,
    )
    assert max(gaps) <= 3.0


def test_an_engine_that_was_frozen_changes_nothing(play: Play) -> None:
    house, witness, victim = play.house, play.witness, play.engine
    house.start_engine()
    before = witness.epochs()
    held = house.held()[victim]
    house.signal(victim, signal.SIGSTOP)
    frozen = time.monotonic()
    until(lambda: victim not in house.held(), "its rooms had another engine")
    time.sleep(max(0.0, frozen + 2 * LEASE - time.monotonic()))  # that long is the subject
    kept = {room: store.redis().hget(store.room(room), "epoch") for room in before}
    house.signal(victim, signal.SIGCONT)
    # It has noticed when it lives again, with nothing or with what it was given since.
    until(lambda: store.redis().hexists(store.LOADS, victim), "it counts again")
    ticks = witness.ticks
    until(lambda: witness.ticks > ticks + 30 * play.rooms, "play went on")
    epochs = witness.epochs()
    assert all(epochs[room] >= int(epoch) for room, epoch in kept.items())
    figures = checked(play)
    bar = "nothing of the old epoch is accepted, ticks never go back"
    record("freeze an engine for twice its lease", bar, rooms_it_held=held, **figures)


def test_an_engine_that_comes_gets_its_share_and_one_that_goes_hands_over(
    play: Play,
) -> None:
    house, witness, first = play.house, play.witness, play.engine
    before = witness.epochs()
    second = house.start_engine()
    least = max(1, play.rooms * 3 // 8)  # of unequal rooms, half the load may be fewer
    until(lambda: house.held()[second] >= least, "the new engine had its share", 30)
    given = house.held()[second]
    until(lambda: sum(e > before[r] for r, e in witness.epochs().items()) >= given, "they ticked")
    joining = witness.worst()
    witness.fresh()
    before = witness.epochs()
    house.signal(first, signal.SIGTERM)
    until(lambda: set(house.held()) == {second}, "all rooms were handed over")
    mark = witness.ticks
    until(lambda: witness.ticks > mark + 5 * play.rooms, "all went on")
    leaving = witness.worst()
    figures = checked(play)
    bar = "gap between frames ≤ 1 s, no room lost"
    record(
        "an engine comes, another goes (SIGTERM)", bar,
        rooms_given=given, gap_joining_s=joining, gap_leaving_s=leaving, **figures,
    )  # fmt: skip
    assert joining <= 1.0
    assert leaving <= 1.0
    assert len(witness.epochs()) == play.rooms


# --- The network, and web processes -------------------------------------------------------------
def test_web_processes_are_restarted_one_after_the_other(play: Play, full: bool) -> None:
    house, crew = play.house, play.crew
    goodbyes = len(ENDED.findall(house.log.read_text()))
    old = next(iter(house.webs))
    worst, closed, took = [0.0, 0.0], 0, 0.0
    for _ in range(4 if full else 1):
        house.start_web()
        crew("fresh")
        gone = crew("figures")["open"]
        took = max(took, house.stop_web(old))
        old = next(iter(house.webs))
        until(lambda: crew("figures")["seated"] == play.players, "all were back")
        seen = crew("figures")
        worst = [max(a, b) for a, b in zip(worst, seen["returns"][1:], strict=True)]
        assert seen["codes"] == {RESTARTING: gone}
        assert (seen["same_seat"], seen["other_seat"]) == (gone, 0)
        assert (seen["undone"], seen["old"]) == (0, 0)
        closed += gone
    ended = ENDED.findall(house.log.read_text())[goodbyes:]
    assert len(ended) == (4 if full else 1)
    assert all(opened == over for opened, over in ended)
    assert play.witness.wrong == []
    assert len(play.witness.epochs()) == play.rooms
    bar = "closed with 4012, back p99 ≤ 2 s after, every disconnect ran, no room lost"
    record(
        "restart each web process behind a proxy", bar,
        sockets_closed=closed, back_p99_s=worst[0], back_last_s=worst[1], other_seat=0,
        disconnects_that_did_not_run=0, drain_s=took, room_gap_s=play.witness.worst(),
    )  # fmt: skip
    assert worst[0] <= 2.0


def test_all_sockets_are_cut_for_five_seconds(play: Play, full: bool) -> None:
    crew, proxy = play.crew, play.house.proxy
    until(lambda: crew("mark")["alive"] >= 0.9 * play.players, "nearly all were alive")
    alive = crew("mark")["alive"]
    proxy.cut()
    time.sleep(5)  # that long is the subject
    proxy.mend()
    returned = time.monotonic()
    until(lambda: crew("figures")["seated"] == play.players, "all were back")
    last = time.monotonic() - returned
    seen = crew("figures")
    survived = 1 - sum(seen["fell"].values()) / alive
    bar = "≥ 99.9 % in the same seat within 2 s of the return, ≥ 95 % alive"
    record(
        "cut all sockets for 5 s", bar,
        players=play.players, same_seat=seen["same_seat"], last_back_s=last,
        alive=f"{survived:.1%}", the_others=str(seen["fell"] or "none"),
    )  # fmt: skip
    assert seen["same_seat"] >= 0.999 * play.players
    assert last <= 2.0
    assert survived >= (0.95 if full else 0.7)  # of twenty, a few may fall by chance
    assert (seen["undone"], seen["old"]) == (0, 0)
    assert play.witness.wrong == []


# --- Alone -------------------------------------------------------------------------------------
@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Valkey]:
    """A Redis for one run of everything: its worker must not take what other drills look for."""
    own = Valkey(tmp_path)
    own.start()
    yield own
    own.close()


@pytest.mark.drill
def test_an_engine_that_is_killed_alone_is_started_again(tmp_path: Path, redis: Valkey) -> None:
    """As in `make run`: the supervisor does it, and nothing else stands by."""
    env = environment(tmp_path, redis.url)
    with migrated(tmp_path, env) as stage, Crew() as crew:
        stage.env["PORT"] = str(stage.port)
        stage.start("run")
        until(lambda: answers(f"{stage.base}/readyz"), "it served", 60)
        rooms = [stage.a_room() for _ in range(5)]
        crew("enter", port=stage.port, rooms=rooms, each=8)
        until(lambda: crew("figures")["seated"] == 40, "all were seated", 40)
        gaps, back = [], []
        with Witness(rooms, redis.client) as witness:
            for _ in range(3):
                until(lambda: len(witness.epochs()) == len(rooms), "all ticked")
                seen_to_die = len(crew("ended")["lives"])
                until(lambda n=seen_to_die: len(crew("ended")["lives"]) > n, "somebody died", 40)
                crew("fresh")
                witness.fresh()
                before = witness.epochs()
                known = engines(redis)
                engine(stage).kill()
                until(lambda known=known: engines(redis) - known, "it was back")
                began = time.monotonic()
                until(lambda before=before: witness.moved_on(before), "every room went on")
                back.append(time.monotonic() - began)
                gaps.append(witness.worst())
                seen = crew("figures")
                assert (seen["undone"], seen["old"], seen["codes"]) == (0, 0, {})
            assert witness.wrong == []
        lives = crew("ended")["lives"]
        saved = [f"/api/lives/{life}/" for life in lives]
        until(lambda: all(json.loads(stage.get(one)[1])["saved"] for one in saved), "all are saved")
    bar = "after its restart: " + KILLED
    record(
        "kill -9 the only engine, as in `make run`", bar,
        kills=3, gap_s=max(gaps), of_it_after_the_restart_s=max(back), players=40,
        lives_seen_and_saved=len(lives),
    )  # fmt: skip
    assert max(back) <= 3.0


def engines(redis: Valkey) -> set[bytes]:
    """Those that live, or lived just now."""
    return set(redis.client.hkeys(store.LOADS))


def engine(stage: Stage) -> psutil.Process:
    """The engine that the supervisor runs."""
    children = psutil.Process(stage.running["run"].pid).children()
    (found,) = (child for child in children if "runengine" in " ".join(child.cmdline()))
    return found
