"""A room: seats, takeovers, holds, bots, notes, and that a replay ends where the room stood."""

import json
import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from game import protocol
from game.protocol import Ack, Act, Drop, Input, Join, Kick, Leave
from game.room import (
    NOTES_PER_SEAT,
    Newer,
    Room,
    Settings,
    Tick,
)
from game.room.inbox import INPUTS_PER_CONN, JOINS_PER_SEAT
from game.rules.contract import ROOM, Pilot
from game.rules.games import GAMES
from game.rules.snek import Snek

RATE = 10


def room(**settings: Any) -> Room:
    given = {"capacity": 4, "fill": 0} | settings
    return Room(Settings(id="abc123", match="m", game="snek", seed=5, **given))


def join(conn: str, player: str = "", name: str = "", colour: int = 0) -> Join:
    return Join(conn, player or f"p-{conn}", name or f"n{conn}", colour)


def step(r: Room, *inputs: Input) -> Tick:
    for command in inputs:
        assert r.offer(command) == 0
    return r.step()


def told(tick: Tick, conn: str) -> list[int]:
    """The types of what a connection was told; errors as their (negative) codes."""
    messages = tick.personal.get(conn, [])
    return [-int.from_bytes(m[1:3], "little") if m[0] == 0x87 else m[0] for m in messages]


def pilots(r: Room) -> list[Pilot]:
    return [seat.pilot for seat in r.seats.values()]


def test_a_player_is_seated_in_the_next_tick() -> None:
    r = room()
    tick = step(r, join("w:1"))
    assert told(tick, "w:1") == [0x84]
    assert tick.roster == {1: [1, "nw:1", 0, 0]}
    assert r.seats[1].life == 1


def test_a_full_room_says_so() -> None:
    r = room(capacity=1)
    step(r, join("w:1"))
    assert told(step(r, join("w:2")), "w:2") == [-protocol.ROOM_FULL]


@pytest.mark.parametrize("name", ["ÁDA", "\u0410d\u0430", "A d a"])  # the second is Cyrillic
def test_a_name_that_looks_the_same_is_refused(name: str) -> None:
    r = room()
    step(r, join("w:1", name="Ada"))
    assert told(step(r, join("w:2", name=name)), "w:2") == [-protocol.NAME_TAKEN]
    step(r, Leave("w:1"))
    assert told(step(r, join("w:2", name=name)), "w:2") == [0x84]


def test_a_second_tab_takes_the_seat_and_the_first_is_told() -> None:
    r = room()
    step(r, join("w:1", player="p"))
    tick = step(r, join("v:9", player="p"))
    assert tick.close == {"w:1": protocol.REPLACED}
    assert told(tick, "v:9") == [0x84]
    assert [seat.conn for seat in r.seats.values()] == ["v:9"]


def test_what_the_first_tab_still_sends_moves_nothing() -> None:
    r = room()
    step(r, join("w:1", player="p"))
    step(r, join("v:9", player="p"))
    assert r.offer(Act("w:1", 1, r.tick, 1, b"\x00")) == protocol.NOT_SEATED
    assert r.offer(Drop("w:1")) == protocol.NOT_SEATED
    assert r.step().inputs == []
    assert pilots(r) == [Pilot.PERSON]


def test_what_came_with_the_takeover_moves_nothing() -> None:
    r = room()
    step(r, join("w:1", player="p"))
    tick = step(r, join("v:9", player="p"), Act("w:1", 1, r.tick, 1, b"\x00"), Drop("w:1"))
    assert tick.refused == 1
    assert pilots(r) == [Pilot.PERSON]


def test_a_dropped_seat_is_held_ten_seconds_then_given_up() -> None:
    r = room(options={"wrap": True, "rocks": 0})
    step(r, join("w:1"))
    step(r, Drop("w:1"))
    assert pilots(r) == [Pilot.ABSENT]
    for _ in range(protocol.HOLD_SECONDS * RATE - 1):
        step(r)
    assert pilots(r) == [Pilot.ABSENT]
    assert step(r).roster == {1: None}
    assert pilots(r) == []


def test_coming_back_gives_the_seat_back_with_its_notes() -> None:
    r = room()
    step(r, join("w:1", player="p"))
    step(r, Drop("w:1"))
    while r.seats[1].life:
        step(r)  # nobody eats, nobody turns for long: sooner or later it dies, or is still alive
        if r.tick > 60:
            break
    tick = step(r, join("v:2", player="p"))
    notes = [0x83] * len(r.seats[1].notes)
    assert told(tick, "v:2") == [0x84, *notes]
    assert tick.personal["v:2"][0] == protocol.seated(1, 0, resumed=True)
    assert pilots(r) == [Pilot.PERSON]


def test_an_action_counts_once_however_often_it_is_sent() -> None:
    r = room()
    step(r, join("w:1"))
    act = Act("w:1", 1, r.tick, 1, b"\x00")
    assert told(step(r, act), "w:1") == [0x85]
    before = r.checkpoint()["game"]
    again = room()
    step(again, join("w:1"))
    assert told(step(again, act, act), "w:1") == [0x85]
    assert again.checkpoint()["game"] == before


def test_action_numbers_wrap() -> None:
    r = room()
    step(r, join("w:1"))
    r.seats[1].seq = 65_535
    assert step(r, Act("w:1", 0, r.tick, 1, b"\x00")).personal["w:1"] == [protocol.acked(0)]


def test_an_action_for_a_board_long_gone_is_dropped_and_acknowledged() -> None:
    r = room()
    step(r, join("w:1"))
    for _ in range(RATE + 2):
        step(r)
    tick = step(r, Act("w:1", 1, 1, 1, b"\x00"))
    assert tick.stale == 1
    assert 0x85 in told(tick, "w:1")


@pytest.mark.parametrize("act", [(99, b""), (1, b""), (1, b"\x00\x00")])
def test_an_action_that_the_game_does_not_know_is_counted(act: tuple[int, bytes]) -> None:
    r = room()
    step(r, join("w:1"))
    assert step(r, Act("w:1", 1, r.tick, *act)).refused == 1


def test_one_connection_may_say_so_much_in_a_tick_but_always_goodbye() -> None:
    r = room()
    step(r, join("w:1"))
    codes = [r.offer(Ack("w:1", 0)) for _ in range(INPUTS_PER_CONN + 1)]
    assert codes == [0] * INPUTS_PER_CONN + [protocol.TOO_MANY]
    assert r.offer(Drop("w:1")) == r.offer(Leave("w:1")) == 0
    r.step()
    assert r.offer(join("w:1")) == 0


def test_an_end_that_is_said_again_is_one() -> None:
    r = room()
    step(r, join("w:1"))
    assert [r.offer(Drop("w:1")) for _ in range(3)] == [0, 0, 0]
    assert r.step().inputs == [Drop("w:1")]


def test_however_many_ask_to_come_in_no_turn_is_lost() -> None:
    r = room(capacity=1)
    step(r, join("w:1"))
    crowd = [r.offer(join(f"w:{number}")) for number in range(2, 100)]
    assert crowd.count(0) == JOINS_PER_SEAT
    assert set(crowd) == {0, protocol.TOO_MANY}
    assert told(step(r, Act("w:1", 1, r.tick, 1, b"\x00")), "w:1") == [0x85]
    assert told(step(r, join("w:100")), "w:100") == [-protocol.ROOM_FULL]


def test_no_life_begins_while_the_outbox_is_full() -> None:
    r = room()
    step(r, join("w:1"))
    r.backlog = True
    assert r.offer(join("w:2")) == protocol.SCORES_BACKLOG
    assert r.offer(join("v:1", player="p-w:1")) == 0  # coming back begins no life
    assert r.offer(Act("v:1", 1, r.tick, 1, b"\x00")) == 0
    r.seats[1].life = 0
    assert r.offer(Act("w:1", 2, r.tick, 2, b"")) == protocol.SCORES_BACKLOG


def test_a_death_is_a_life_for_the_table_and_a_note_until_acknowledged() -> None:
    r = room()
    step(r, join("w:1", player="p", name="Ada", colour=3))
    tick = step(r)
    while not tick.lives:
        tick = step(r)
    (life,) = tick.lives
    assert life["life"] == "m-1"
    assert (life["player"], life["name"], life["colour"]) == ("p", "Ada", 3)
    assert life["seconds"] > 0
    assert 0x83 in told(tick, "w:1")
    told_again = [told(step(r), "w:1") for _ in range(RATE)]
    assert [kind for kinds in told_again for kind in kinds] == [0x83]
    step(r, Ack("w:1", 1))
    assert [told(step(r), "w:1") for _ in range(RATE)] == [[]] * RATE


def test_notes_are_bounded() -> None:
    r = room()
    step(r, join("w:1"))
    for _ in range(NOTES_PER_SEAT + 3):
        while r.seats[1].life:
            step(r)
        while not r.seats[1].life:
            step(r, Act("w:1", r.seats[1].seq + 1, r.tick, 2, b""))
    assert len(r.seats[1].notes) == NOTES_PER_SEAT


def test_leaving_ends_the_life_and_keeps_its_score() -> None:
    r = room()
    step(r, join("w:1"))
    (life,) = step(r, Leave("w:1")).lives
    assert life["cause"] == "left"
    assert not r.seats


def test_a_kick_ends_the_life_and_closes_the_socket() -> None:
    r = room()
    step(r, join("w:1"))
    tick = step(r, Kick(1))
    assert tick.close == {"w:1": protocol.REMOVED}
    assert len(tick.lives) == 1


def test_bots_fill_the_room_and_give_way_to_people() -> None:
    r = room(fill=3)
    step(r)
    assert pilots(r) == [Pilot.BOT] * 3
    step(r, join("w:1"), join("w:2"))
    assert sorted(pilots(r)) == [Pilot.PERSON, Pilot.PERSON, Pilot.BOT]
    step(r, join("w:3"), join("w:4"))
    assert pilots(r) == [Pilot.PERSON] * 4
    step(r, Leave("w:1"), Leave("w:2"))
    assert sorted(pilots(r)) == [Pilot.PERSON, Pilot.PERSON, Pilot.BOT]


def test_a_bot_gives_its_name_up_and_has_no_scores_saved() -> None:
    r = room(fill=1)
    step(r)
    name = r.seats[1].name
    tick = step(r, join("w:1", name=name))
    assert told(tick, "w:1") == [0x84]
    assert tick.lives == []
    assert [seat.name for seat in r.seats.values() if seat.pilot is Pilot.PERSON] == [name]


def test_bots_of_a_room_have_different_names_and_colours() -> None:
    r = room(fill=8)
    step(r)
    assert len({seat.name for seat in r.seats.values()}) == 8
    assert len({seat.colour for seat in r.seats.values()}) == 8


def test_people_of_a_room_have_different_colours() -> None:
    r = room(capacity=9)
    for n in range(9):
        step(r, join(f"w:{n}", colour=3))
    colours = [seat.colour for seat in r.seats.values()]
    assert colours[0] == 3  # who comes first wears what they wish
    assert set(colours[:8]) == set(range(8))
    assert colours[8] == 3  # all are taken: the wish again


def test_a_bot_gives_way_that_wears_the_newcomers_colour() -> None:
    r = room(fill=6)
    step(r)
    bot = next(iter(r.seats.values()))
    step(r, join("w:1", colour=bot.colour))
    assert bot.number not in r.seats
    assert len({seat.colour for seat in r.seats.values()}) == 6


def busy(seed: int, ticks: int) -> list[list[Input]]:
    """A reproducible crowd that joins, turns, drops, comes back and leaves."""
    rng = random.Random(seed)
    conns = [f"w:{n}" for n in range(6)]
    seqs = dict.fromkeys(conns, 0)
    journal: list[list[Input]] = []
    for tick in range(ticks):
        inputs: list[Input] = []
        for conn in conns:
            roll = rng.random()
            if roll < 0.02:
                inputs.append(join(conn))
            elif roll < 0.3:
                seqs[conn] += 1
                code, fields = rng.choice([(1, bytes([rng.randrange(4)])), (2, b"")])
                inputs.append(Act(conn, seqs[conn], tick, code, fields))
            elif roll < 0.31:
                inputs.append(rng.choice([Drop(conn), Leave(conn), Ack(conn, 1)]))
        journal.append(inputs)
    return journal


def test_a_replay_over_a_checkpoint_ends_where_the_room_stood() -> None:
    journal = busy(3, 600)
    r = room(fill=4)
    for number, inputs in enumerate(journal, 1):
        r.replay(inputs)
        if number == 250:
            kept = protocol.encode(r.checkpoint())
    again = Room.restore(r.settings, protocol.decode_plain(kept))
    for inputs in journal[250:]:
        again.replay(protocol.decode_inputs(protocol.encode(inputs)))
    assert protocol.state_hash(again.checkpoint()) == protocol.state_hash(r.checkpoint())
    assert {k: sorted(v) for k, v in again.keys([0, ROOM]).items()} == {
        k: sorted(v) for k, v in r.keys([0, ROOM]).items()
    }


@pytest.mark.parametrize(
    "damage",
    [
        lambda c: c | {"version": 0},
        lambda c: c | {"version": "1"},
        lambda c: c | {"game_version": None},
        lambda c: {k: v for k, v in c.items() if k != "tick"},
        lambda c: c | {"seats": {"number": [1]}},
        lambda c: c | {"seats": c["seats"] | {"life": []}},
        lambda c: c | {"seats": c["seats"] | {"pilot": [7]}},
        lambda c: c | {"seats": [{"number": 1}]},
        lambda c: c | {"version": 1, "seats": [{"number": 1}]},
        lambda c: c | {"game": {}},
    ],
)
def test_a_damaged_checkpoint_is_a_value_error(damage: Any) -> None:
    r = room()
    step(r, join("w:1"))
    with pytest.raises(ValueError, match=r"\w"):
        Room.restore(r.settings, damage(r.checkpoint()))


@pytest.mark.parametrize("board", ["small", "large"])
def test_a_room_of_version_1_is_brought_up_whole(board: str) -> None:
    old = json.loads((Path(__file__).parent / "rules" / "version_1.json").read_text())[board]
    r = Room.restore(Settings(**old["settings"]), old["checkpoint"])
    kept = old["checkpoint"]
    assert (r.tick, r.over, r.last_seat) == (kept["tick"], kept["over"], kept["last_seat"])
    assert [asdict(seat) for seat in r.seats.values()] == kept["seats"]
    assert any(seat["notes"] for seat in kept["seats"])
    assert {type(seat.pilot) for seat in r.seats.values()} == {Pilot}
    assert set(r.game.state.snakes) == {s["seat"] for s in kept["game"]["snakes"]}  # type: ignore[attr-defined]
    again = Room.restore(r.settings, protocol.decode_plain(protocol.encode(r.checkpoint())))
    assert protocol.encode(again.checkpoint()) == protocol.encode(r.checkpoint())
    for _ in range(20):
        r.step()
        again.step()
    assert protocol.encode(again.checkpoint()) == protocol.encode(r.checkpoint())


@pytest.mark.parametrize("what", ["version", "game_version"])
def test_state_of_a_later_release_is_not_damaged(what: str) -> None:
    r = room()
    with pytest.raises(Newer):
        Room.restore(r.settings, r.checkpoint() | {what: 99})


def test_state_of_a_games_previous_version_is_brought_up_by_the_game(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    r = room()
    step(r, join("w:1"))
    kept, came = r.checkpoint(), []

    class Later(Snek):
        VERSION = Snek.VERSION + 1

        @classmethod
        def restore(cls, data: Any) -> Snek:
            came.append(data["version"])
            return super().restore(data | {"version": cls.VERSION})

    monkeypatch.setitem(GAMES, "snek", Later)
    again = Room.restore(r.settings, kept)
    assert came == [Snek.VERSION]
    assert again.seats.keys() == r.seats.keys()
    assert again.checkpoint()["game_version"] == Later.VERSION


def test_deltas_are_small_and_a_snapshot_fits() -> None:
    r = room(fill=64, capacity=64, options={"width": 80, "height": 60})
    for _ in range(50):
        r.step()
    sizes, alive, ticks = 0, 0, 200
    for _ in range(ticks):
        sizes += len(protocol.frame(1, r.tick, r.delta(r.step()).values()))
        alive += sum(1 for seat in r.seats.values() if seat.life)
    header = 50  # bytes: the frame's head, three parts' heads, and the feed's events
    assert (sizes - header * ticks) / alive <= 6  # bytes a living snake and tick
    assert len(protocol.frame(1, r.tick, r.keys([0, ROOM]).values(), keyframe=True)) <= 10_000
