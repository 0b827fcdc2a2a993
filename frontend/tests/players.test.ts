import { describe, expect, it } from "vitest";
import { ranked } from "../src/hud/players";
import { BOT, type Seat } from "../src/state";

const seat = (number: number): Seat => ({ seat: number, name: `Bot ${number}`, colour: 0, pilot: BOT }) as Seat;
const standing = (number: number) => ({ seat: number, score: 0, length: 3, kills: 0, alive: true, rank: null });

describe("The list of players", () => {
  const roster = new Map([1, 2, 3].map((number) => [number, seat(number)]));

  it("keeps the order of the standings, and puts who has none at the end", () => {
    const rows = ranked(roster, [standing(3), standing(1)], true);
    expect(rows.map((row) => row.seat.seat)).toEqual([3, 1, 2]);
    expect(rows[2]!.standing).toBeUndefined();
  });

  it("leaves out scores of those who are no longer here", () => {
    expect(ranked(roster, [standing(9), standing(2)], true).map((row) => row.seat.seat)).toEqual([2, 1, 3]);
  });

  it("names only those in the standings where these are not of everyone", () => {
    expect(ranked(roster, [standing(3), standing(1)], false).map((row) => row.seat.seat)).toEqual([3, 1]);
  });
});
