import { describe, expect, it } from "vitest";
import { Garden } from "../src/pages/garden";
import { backOff, FIRST_WAIT, LONGEST_WAIT, type Rank, type Room, take } from "../src/pages/live";
import { merge } from "../src/pages/ranks";
import { suggestName } from "../src/pages/suggestion";

const rank = (player: string, value: number, place: number): Rank => ({
  player,
  name: player.toUpperCase(),
  colour: 0,
  value,
  place,
});
const told = (ranks: Rank[]): [string, number, number][] =>
  ranks.map(({ player, value, place }) => [player, value, place]);

/** Random numbers that are the same every time. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

describe("a leaderboard that hears of new first rows", () => {
  // Twelve players from 100 points down; the server tells of the first ten.
  const shown = [..."abcdefghijkl"].map((player, n) => rank(player, 100 - n, n + 1));
  const first = (...above: Rank[]): Rank[] => [...above, ...shown].slice(0, 10);

  it("moves who was pushed out of them down, with new places", () => {
    const merged = merge(shown, first(rank("z", 500, 1)), 50);
    expect(merged.map(({ player }) => player).join("")).toBe("zabcdefghijkl");
    expect(told(merged.slice(-3))).toEqual([["j", 91, 11], ["k", 90, 12], ["l", 89, 13]]);
  });

  it("shows who came from further down once", () => {
    const merged = merge(shown, first(rank("l", 200, 1)), 50);
    expect(merged.map(({ player }) => player).join("")).toBe("labcdefghijk");
  });

  it("gives equal values the better place and skips the next", () => {
    const merged = merge(shown, first(rank("z", 100, 1)), 50);
    expect(merged.slice(0, 3).map(({ place }) => place)).toEqual([1, 1, 3]);
  });

  it("shows no more rows than it has room for", () => {
    expect(merge(shown, first(rank("z", 500, 1)), 12)).toHaveLength(12);
  });

  it("starts anew when a new day's board has only begun", () => {
    expect(told(merge(shown, [rank("z", 500, 1)], 50))).toEqual([["z", 500, 1]]);
    expect(merge(shown, [], 50)).toEqual([]);
  });
});

describe("the live socket", () => {
  it("waits longer each time, never too long, and not all pages the same", () => {
    expect(backOff(0, 1)).toBe(FIRST_WAIT);
    expect(backOff(0, 0)).toBe(FIRST_WAIT / 2);
    expect(backOff(3, 1)).toBe(8 * FIRST_WAIT);
    expect(backOff(60, 1)).toBe(LONGEST_WAIT);
  });

  it("hands messages to whom they concern and leaves unknown ones alone", () => {
    const heard: string[] = [];
    const listener = {
      rooms: (rooms: Room[]) => heard.push(`${rooms.length} rooms`),
      boards: (boards: object) => heard.push(Object.keys(boards).join()),
    };
    take('{"type":"rooms","rooms":[]}', listener);
    take('{"type":"scores","boards":{"day/score":[]}}', listener);
    take('{"type":"weather","sun":1}', listener);
    take('{"type":"rooms","rooms":[]}', {});
    expect(heard).toEqual(["0 rooms", "day/score"]);
  });
});

describe("a suggested name", () => {
  it("fits into the field, whatever is drawn", () => {
    for (let a = 0; a < 1; a += 0.05) {
      for (let b = 0; b < 1; b += 0.05) {
        const draws = [a, b];
        const name = suggestName(() => draws.shift() ?? 0);
        expect(name).toMatch(/^[A-Z][a-z]+ [A-Z][a-z]+$/);
        expect(name.length).toBeLessThanOrEqual(16);
      }
    }
  });
});

describe("the lobby's garden", () => {
  const hole = { left: 10, right: 30, top: 4, bottom: 16 };

  it("keeps its snakes whole, apart and out of the hole", () => {
    const garden = new Garden(50, 22, hole, dice(7));
    expect(garden.snakes.length).toBeGreaterThan(3);
    const wrong: string[] = [];
    for (let step = 0; step < 500; step++) {
      garden.step();
      const seen = new Set<number>();
      for (const { cells, fading } of garden.snakes) {
        if (fading) continue;
        cells.forEach((cell, n) => {
          const [x, y] = [cell % 50, Math.floor(cell / 50)];
          const inside = x >= hole.left && x < hole.right && y >= hole.top && y < hole.bottom;
          if (inside) wrong.push(`step ${step}: ${x}, ${y} is in the hole`);
          if (seen.has(cell)) wrong.push(`step ${step}: two snakes on ${x}, ${y}`);
          seen.add(cell);
          const before = cells[n - 1] ?? cell - 1;
          const far = Math.abs(x - (before % 50)) + Math.abs(y - Math.floor(before / 50));
          if (n && far !== 1) wrong.push(`step ${step}: torn at ${x}, ${y}`);
        });
      }
    }
    expect(wrong).toEqual([]);
  });

  it("has nothing to do on no ground", () => {
    const garden = new Garden(0, 0, hole);
    garden.step();
    expect(garden.snakes).toEqual([]);
  });
});
