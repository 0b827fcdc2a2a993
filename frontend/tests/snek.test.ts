import { describe, expect, it } from "vitest";
import type { TickClock } from "../src/clock";
import type { Surroundings } from "../src/games/contract";
import { Bodies, type Body, tailOf } from "../src/games/snek/bodies";
import { CELLS } from "../src/games/snek/cells";
import { Foresight } from "../src/games/snek/foresight";
import { outline, px, py, sample, sd } from "../src/games/snek/outline";
import { lay } from "../src/games/snek/shape";
import { SHIELDS, Shields } from "../src/games/snek/shields";
import { ending, news } from "../src/games/snek/words";
import type { Change, DiedNote, Frame, Part, TableSpec } from "../src/protocol";
import type { Pending } from "../src/session";
import { apply, emptyState, type State } from "../src/state";

const ROCKS = 0;
const UP = 0, RIGHT = 1, DOWN = 2, LEFT = 3;
const GROUND = { width: 10, height: 6, wrap: false, side: 0 };
const TABLES = ["rocks", "food", "cells", "shields", "scores"].map((name) => ({
  name, key: "H", fields: [], scope: name === "scores" ? "room" : "region", across: name === "cells" ? 10 : 0,
})) as TableSpec[];

function frame(tick: number, parts: Part[], keyframe = false): Frame {
  return { epoch: 1, tick, keyframe, parts, rosters: [], events: [] };
}

/** What happened to cells: those gone, heads' steps, cells set by their seat and direction. */
function cells(gone: number[], steps: Change["steps"], set: [cell: number, seat: number, way: number][] = []): Part {
  const rows = set.map(([cell, seat, way]) => [cell, (seat << 2) | way]);
  return { region: 0, how: "change", changes: [{ table: CELLS, gone, steps, rows }] };
}

function anew(set: [cell: number, seat: number, way: number][]): Part {
  return { ...cells([], [], set), how: "anew" };
}

/** A board with one snake, seat 1, on cells 11, 12, 13 (heading right), as of tick 100. */
function board(ground = GROUND) {
  const state = emptyState(TABLES);
  const bodies = new Bodies(ground);
  const step = (each: Frame) => {
    expect(apply(state, each)).toBe("applied");
    bodies.applied(each, state);
  };
  step(frame(100, [anew([[11, 1, RIGHT], [12, 1, RIGHT], [13, 1, RIGHT]])], true));
  return { state, bodies, step };
}

function living(body: Body | undefined): number[] {
  return body!.cells.slice(tailOf(body!));
}

describe("Bodies", () => {
  it("moves: a head steps on, the tail is removed", () => {
    const { bodies, step } = board();
    step(frame(101, [cells([11], [[13, RIGHT]])]));
    expect(living(bodies.head(1))).toEqual([12, 13, 14]);
    expect(bodies.head(1)!.gone[0]).toBe(101);
  });

  it("finds the chain whatever the order of its rows", () => {
    const { bodies, step } = board();
    step(frame(101, [cells([], [], [[34, 2, DOWN], [22, 2, RIGHT], [24, 2, RIGHT], [23, 2, RIGHT]])]));
    expect(living(bodies.head(2))).toEqual([22, 23, 24, 34]);
    expect(bodies.pieces.get(2)).toHaveLength(1);
  });

  it("gives a cell over when a head comes where a tail leaves in the same tick", () => {
    const { bodies, step } = board();
    step(frame(101, [cells([], [[13, RIGHT]], [[20, 2, UP], [21, 2, RIGHT]])]));
    step(frame(102, [cells([20, 11], [[14, RIGHT]], [[11, 2, UP]])])); // 11 was the tail of 1
    expect(living(bodies.head(1))).toEqual([12, 13, 14, 15]);
    expect(living(bodies.head(2))).toEqual([21, 11]);
    expect(bodies.at(11)?.seat).toBe(2);
  });

  it("lets a snake follow its own tail round and round", () => {
    const { bodies, step } = board();
    step(frame(101, [cells([], [[13, DOWN]])]));
    step(frame(102, [cells([11], [[23, LEFT]])]));
    expect(living(bodies.head(1))).toEqual([12, 13, 23, 22]);
    const life = bodies.head(1)!.life;
    step(frame(103, [cells([12], [[22, UP]])]));
    step(frame(104, [cells([13], [[12, RIGHT]])]));
    expect(living(bodies.head(1))).toEqual([23, 22, 12, 13]);
    expect(bodies.head(1)!.life).toBe(life);
    expect(bodies.dead).toEqual([]);
  });

  it("finds the head of a snake right behind its own tail again after a keyframe", () => {
    const { bodies, step } = board();
    step(frame(101, [cells([], [[13, DOWN]])]));
    step(frame(102, [cells([11], [[23, LEFT]])]));
    step(frame(103, [cells([12], [[22, UP]])])); // 13 23 22 12: every cell points back to one of its own
    const round: [number, number, number][] = [[13, 1, RIGHT], [23, 1, DOWN], [22, 1, LEFT], [12, 1, UP]];
    step(frame(103 + 9, [anew(round)], true));
    expect(living(bodies.head(1))).toEqual([13, 23, 22, 12]);
    step(frame(113, [cells([13], [[12, RIGHT]])]));
    expect(living(bodies.head(1))).toEqual([23, 22, 12, 13]);
  });

  it("puts a round snake right that it first met in a keyframe", () => {
    const { bodies, step } = board();
    step(frame(110, [anew([[13, 1, RIGHT], [23, 1, DOWN], [22, 1, LEFT], [12, 1, UP]])], true));
    step(frame(111, [cells([22], [[23, LEFT]])])); // so 23 was the head, 22 the tail
    expect(living(bodies.head(1))).toEqual([12, 13, 23, 22]);
    expect(bodies.pieces.get(1)).toHaveLength(1);
  });

  it("keeps the shape of the dead while they dissolve, and not for longer", () => {
    const { bodies, step } = board();
    step(frame(101, [cells([11], [[13, RIGHT]])]));
    step(frame(102, [cells([12, 13, 14], [])]));
    expect(bodies.pieces.size).toBe(0);
    const dead = bodies.dead[0]!;
    expect(living(dead)).toEqual([12, 13, 14]);
    expect(dead.died).toBe(102);
    expect(lay(dead, 101.999, 102, null, GROUND)!.count).toBe(4);
    expect(bodies.at(12)).toBeUndefined();
    bodies.prune(120, 110);
    expect(bodies.dead).toEqual([]);
  });

  it("tells a new life from the old one in the same tick", () => {
    const { bodies, step } = board();
    const life = bodies.head(1)!.life;
    step(frame(101, [cells([11, 12, 13], [], [[31, 1, RIGHT], [32, 1, RIGHT], [33, 1, RIGHT]])]));
    expect(bodies.dead).toHaveLength(1);
    expect(living(bodies.head(1))).toEqual([31, 32, 33]);
    expect(bodies.head(1)!.life).not.toBe(life);
  });

  it("goes on smoothly over a keyframe", () => {
    const { bodies, step } = board();
    Object.assign(bodies.head(1)!, { lastX: 3.5, slideX: 0.2 });
    step(frame(102, [anew([[13, 1, RIGHT], [14, 1, RIGHT], [15, 1, RIGHT]])], true));
    expect(bodies.head(1)).toMatchObject({ born: [100, 101, 102], lastX: 3.5, slideX: 0.2 });
    expect(bodies.dead).toEqual([]);
  });

  it("starts anew after a keyframe of somewhere else, without a death that nobody saw", () => {
    const { bodies, step } = board();
    const life = bodies.head(1)!.life;
    step(frame(150, [anew([[41, 1, RIGHT], [42, 1, RIGHT], [43, 1, RIGHT]])], true));
    expect(living(bodies.head(1))).toEqual([41, 42, 43]);
    expect(bodies.head(1)!.life).not.toBe(life);
    expect(bodies.dead).toEqual([]);
  });

  it("forgets cells that have left the picture", () => {
    const { bodies, step } = board();
    for (let i = 0; i < 4; i++) step(frame(101 + i, [cells([11 + i], [[13 + i, RIGHT]])]));
    bodies.prune(104, 90);
    expect(bodies.head(1)!.cells).toEqual([15, 16, 17]);
  });

  it("crosses the edge of a wrapping board", () => {
    const { bodies, step } = board({ ...GROUND, wrap: true });
    step(frame(101, [cells([11, 12, 13], [], [[18, 1, RIGHT], [19, 1, RIGHT], [10, 1, RIGHT]])]));
    expect(living(bodies.head(1))).toEqual([18, 19, 10]);
  });
});

describe("Shields", () => {
  function shielded() {
    const state = emptyState(TABLES);
    const shields = new Shields();
    const step = (tick: number, gone: number[], rows: number[][], keyframe = false) => {
      const parts: Part[] = [{ region: 0, how: keyframe ? "anew" : "change", changes: [{ table: SHIELDS, gone, steps: [], rows }] }];
      const each = frame(tick, parts, keyframe);
      apply(state, each);
      shields.applied(each, state);
    };
    step(100, [], [[1, 130, 7], [2, 103, 8]], true);
    return { shields, step };
  }

  it("are there from when they were first seen, and for nobody else", () => {
    const { shields, step } = shielded();
    step(101, [], [[3, 131, 9]]);
    expect([1, 2, 3, 4].map((seat) => shields.of(seat))).toEqual([
      { from: 100, until: 130 }, { from: 100, until: 103 }, { from: 101, until: 131 }, null,
    ]);
  });

  it("go on over a keyframe", () => {
    const { shields, step } = shielded();
    step(110, [], [[1, 130, 7]], true);
    expect(shields.of(1)).toEqual({ from: 100, until: 130 });
    expect(shields.of(2)).toBeNull();
  });

  it("close to the end when their time is over, and go at once with the life", () => {
    const { shields, step } = shielded();
    step(101, [1], []);
    expect(shields.of(1)).toBeNull();
    step(102, [], []);
    step(103, [2], []);
    expect(shields.of(2)).toEqual({ from: 100, until: 103 });
    step(104, [], []);
    expect(shields.of(2)).toBeNull();
  });
});

describe("lay", () => {
  it("is between two cells between two ticks, at both ends", () => {
    const { bodies, step } = board();
    step(frame(101, [cells([11], [[13, RIGHT]])]));
    const shape = lay(bodies.head(1)!, 100.25, 100.25, null, GROUND)!;
    expect([shape.x, shape.y]).toEqual([3.75, 1.5]);
    expect([px[shape.count - 1], py[shape.count - 1]]).toEqual([1.75, 1.5]);
  });

  it("shows a predicted step, and only a part of a deadly one", () => {
    const { bodies } = board();
    const body = bodies.head(1)!;
    expect(lay(body, 100, 100.5, { cell: 23, most: 1 }, GROUND)).toMatchObject({ x: 3.5, y: 2 });
    expect(lay(body, 100, 100.99, { cell: 23, most: 0.3 }, GROUND)!.y).toBeLessThan(1.8);
  });

  it("goes over the edge of a wrapping board without a line across it", () => {
    const { bodies, step } = board({ ...GROUND, wrap: true });
    step(frame(101, [cells([11, 12, 13], [], [[8, 1, RIGHT], [9, 1, RIGHT], [0, 1, RIGHT]])]));
    const { count } = lay(bodies.head(1)!, 101, 101, null, { ...GROUND, wrap: true })!;
    const reach = [...px.slice(0, count)];
    expect(Math.max(...reach) - Math.min(...reach)).toBe(2);
  });
});

describe("sample", () => {
  it("rounds a corner: shorter than the way through the middles, and never doubling back", () => {
    [[3.5, 0.5], [2.5, 0.5], [2.5, 1.5], [2.5, 2.5]].forEach(([x, y], i) => {
      px[i] = x!;
      py[i] = y!;
    });
    const count = sample(4);
    expect(sd[count - 1]).toBeGreaterThan(2.6);
    expect(sd[count - 1]).toBeLessThan(3);
    for (let i = 1; i < count; i++) expect(sd[i]).toBeGreaterThanOrEqual(sd[i - 1]!);
  });

  it("makes an outline of finite points even of a snake in one spot", () => {
    px.fill(2.5, 0, 3);
    py.fill(2.5, 0, 3);
    sample(3);
    const points: number[] = [];
    const note = (x: number, y: number) => points.push(x, y);
    outline({ moveTo: note, lineTo: note, arc: note, closePath() {} } as unknown as CanvasRenderingContext2D);
    expect(points.every(Number.isFinite)).toBe(true);
  });
});

describe("Foresight", () => {
  function predicting() {
    const { state, bodies, step } = board();
    const pending: Pending[] = [];
    const around = {
      state,
      clock: { expected: () => 1000 } as unknown as TickClock,
      pending: () => pending,
      rtt: () => 20,
    } as unknown as Surroundings;
    const deadly = (cell: number) => (state as State).tables[ROCKS]!.get(0)?.has(cell) ?? false;
    const foresight = new Foresight(around, GROUND, deadly);
    foresight.applied(bodies.head(1));
    const press = (direction: number, at: number) => pending.push({ seq: 0, name: "turn", values: [direction], at });
    return { bodies, step, pending, press, foresight, body: () => bodies.head(1)! };
  }

  it("goes straight on without a turn", () => {
    const { foresight, body } = predicting();
    expect(foresight.guess(body())).toEqual({ cell: 14, most: 1 });
  });

  it("turns at once when the key still reaches the next tick", () => {
    const { foresight, body, press } = predicting();
    press(2, 900);
    expect(foresight.guess(body()).cell).toBe(23);
  });

  it("goes straight on when it comes too late for that, and already looks there", () => {
    const { foresight, body, press } = predicting();
    press(2, 985);
    expect(foresight.guess(body()).cell).toBe(14);
    expect(foresight.wish()).toBe(2);
  });

  it("makes two quick turns one after the other", () => {
    const { foresight, body, press, step, bodies } = predicting();
    press(2, 900);
    press(3, 910);
    expect(foresight.wish()).toBe(3);
    foresight.taken(2);
    foresight.taken(3);
    step(frame(101, [cells([11], [[13, DOWN]])]));
    foresight.applied(bodies.head(1));
    expect(foresight.guess(body()).cell).toBe(22);
  });

  it("ignores a turn back", () => {
    const { foresight, body, press } = predicting();
    press(3, 900);
    expect(foresight.guess(body()).cell).toBe(14);
  });

  it("believes the server when it guessed wrong", () => {
    const { foresight, body, step, bodies } = predicting();
    foresight.taken(2);
    step(frame(101, [cells([11], [[13, RIGHT]])]));
    foresight.applied(bodies.head(1));
    expect(foresight.guess(body()).cell).toBe(15);
  });

  it("slows down in front of a wall", () => {
    const { foresight, body, press } = predicting();
    press(0, 900);
    expect(foresight.guess(body()).most).toBe(1);
    const up = predicting();
    up.step(frame(101, [cells([11], [[13, UP]])]));
    up.foresight.taken(0);
    up.foresight.applied(up.body());
    expect(up.foresight.guess(up.body()).most).toBeLessThan(0.5);
  });
});

describe("words", () => {
  const names = { of: (seat: number) => ["", "You", "Mia"][seat]!, mine: (seat: number) => seat === 1 };

  it("says who did it", () => {
    expect(ending({ cause: "snake", byName: "Mia" } as DiedNote)).toBe("Cut off by Mia");
    expect(news(["died", 1, "snake", 2, 0, 3, 0], names)).toBe("You were cut off by Mia");
    expect(news(["died", 2, "snake", 1, 0, 3, 0], names)).toBe("You cut off Mia");
    expect(news(["died", 2, "head-on", 1, 0, 3, 0], names)).toBe("Mia and you met head-on");
    expect(news(["died", 2, "wall", 0, 0, 3, 0], names)).toBe("Mia met the wall");
  });

  it("has words for every cause that the game knows", () => {
    for (const cause of ["wall", "rock", "self", "snake", "head-on"]) {
      expect(ending({ cause, byName: "" } as DiedNote)).not.toContain("undefined");
      expect(news(["died", 2, cause, 0, 0, 3, 0], names)).toMatch(/^Mia /);
    }
  });
});
