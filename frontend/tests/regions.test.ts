/** Boards in regions: what a page that sees a part of it makes of the frames, held against the truth. */

import { describe, expect, it } from "vitest";
import { Bodies, tailOf } from "../src/games/snek/bodies";
import { beside, cellOf, type Ground, heading, images, keyOf, knownAround, regionOf, viewAt } from "../src/games/snek/board";
import { CELLS } from "../src/games/snek/cells";
import { Standings } from "../src/games/snek/standings";
import type { Change, Frame, Part, TableSpec } from "../src/protocol";
import { ROOM } from "../src/protocol";
import { apply, emptyState } from "../src/state";

const NAMES = ["rocks", "food", "cells", "shields", "scores", "mine", "crowd"];
const TABLES = NAMES.map((name) => ({
  name, key: "B", fields: [],
  scope: name === "mine" ? "seat" : name === "scores" || name === "crowd" ? "room" : "region",
  across: name === "cells" ? 16 : 0,
})) as TableSpec[];
const WRAPPING: Ground = { width: 100, height: 72, wrap: true, side: 16 };
const WALLED: Ground = { width: 96, height: 80, wrap: false, side: 16 };

/** Numbers that look random and are the same every time. */
function dice(seed: number) {
  return (below: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

/** A room with snakes that wander, as the rules move them and the wire tells it. */
class World {
  readonly snakes = new Map<number, number[]>(); // seat → cells, tail first
  readonly ways = new Map<number, number>(); // cell → direction in which it was entered
  tick = 0;
  private seen = new Set<number>();
  private news = new Map<number, Change>();

  constructor(readonly ground: Ground, private readonly roll: (below: number) => number) {}

  spawn(seat: number): void {
    const { width, height } = this.ground;
    const tail = this.roll(height) * width + 2 + this.roll(width - 6);
    const body = [tail, tail + 1, tail + 2];
    if (body.some((cell) => this.ways.has(cell))) return;
    this.snakes.set(seat, body);
    for (const cell of body) this.put(cell, seat, 1);
  }

  /** One tick: everyone goes somewhere free, or dies. */
  step(): void {
    this.tick++;
    this.news.clear();
    for (const [seat, body] of this.snakes) {
      const head = body[body.length - 1]!;
      if (this.roll(4) > 0 || body.length < 4) {
        if (body.length < 60 && this.roll(3) === 0) continue; // grows
        const tail = body.shift()!;
        this.ways.delete(tail);
        this.changeOf(tail).gone.push(keyOf(tail, this.ground));
      }
      const straight = this.ways.get(head)!;
      const turns = this.roll(5) === 0 ? [1, 3, 0] : [0, 1, 3];
      const way = turns.map((turn) => (straight + turn) & 3).find((way) => this.free(beside(head, way, this.ground)));
      if (way === undefined || this.roll(300) === 0) this.kill(seat);
      else this.advance(seat, body, head, way);
    }
    for (let seat = 1; seat < 40; seat++) if (!this.snakes.has(seat) && this.roll(6) === 0) this.spawn(seat);
  }

  /** The frame of this tick for who sees these regions from now on. */
  frame(view: ReadonlySet<number>, keyframe = false): Frame {
    const parts: Part[] = [];
    for (const region of this.seen) if (!view.has(region) && !keyframe) parts.push({ region, how: "forget", changes: [] });
    for (const region of view) {
      const change = this.news.get(region);
      if (keyframe || !this.seen.has(region)) parts.push({ region, how: "anew", changes: [this.picture(region)] });
      else if (change !== undefined) parts.push({ region, how: "change", changes: [change] });
    }
    this.seen = new Set(view);
    return { epoch: 1, tick: this.tick, keyframe, parts, rosters: [], events: [] };
  }

  private advance(seat: number, body: number[], head: number, way: number): void {
    const next = beside(head, way, this.ground);
    const near = regionOf(next, this.ground) === regionOf(head, this.ground);
    const delta = [-16, 1, 16, -1][way];
    body.push(next);
    if (near && keyOf(next, this.ground) - keyOf(head, this.ground) === delta) {
      this.ways.set(next, way);
      this.changeOf(head).steps.push([keyOf(head, this.ground), way]);
    } else this.put(next, seat, way);
  }

  private kill(seat: number): void {
    for (const cell of this.snakes.get(seat)!) {
      this.ways.delete(cell);
      this.changeOf(cell).gone.push(keyOf(cell, this.ground));
    }
    this.snakes.delete(seat);
  }

  private put(cell: number, seat: number, way: number): void {
    this.ways.set(cell, way);
    this.changeOf(cell).rows.push([keyOf(cell, this.ground), (seat << 2) | way]);
  }

  private free(cell: number): boolean {
    return cell >= 0 && !this.ways.has(cell);
  }

  private changeOf(cell: number): Change {
    const region = regionOf(cell, this.ground);
    let change = this.news.get(region);
    if (change === undefined) this.news.set(region, (change = { table: CELLS, gone: [], steps: [], rows: [] }));
    return change;
  }

  private picture(region: number): Change {
    const rows: number[][] = [];
    for (const [seat, body] of this.snakes) {
      for (const cell of body) {
        if (regionOf(cell, this.ground) === region) rows.push([keyOf(cell, this.ground), (seat << 2) | this.ways.get(cell)!]);
      }
    }
    return { table: CELLS, gone: [], steps: [], rows: rows.sort(([a], [b]) => a! - b!) };
  }
}

/** The regions within 24 cells and more of a place. */
function around(x: number, y: number, ground: Ground): Set<number> {
  const regions = new Set<number>();
  for (let dy = -32; dy < 32; dy += 4) {
    for (let dx = -32; dx < 32; dx += 4) {
      const [px, py] = [x + dx, y + dy];
      const out = px < 0 || py < 0 || px >= ground.width || py >= ground.height;
      if (out && !ground.wrap) continue;
      const cx = (px + ground.width) % ground.width, cy = (py + ground.height) % ground.height;
      regions.add(regionOf(cy * ground.width + cx, ground));
    }
  }
  return regions;
}

/** What lies in sight of a body: its stretches of cells that follow one another. */
function stretches(body: number[], view: ReadonlySet<number>, ground: Ground): number[][] {
  const found: number[][] = [[]];
  for (const cell of body) {
    if (view.has(regionOf(cell, ground))) found[found.length - 1]!.push(cell);
    else if (found[found.length - 1]!.length > 0) found.push([]);
  }
  return found.filter(({ length }) => length > 0);
}

describe("snakes in sight", () => {
  for (const [name, ground] of [["wraps", WRAPPING], ["has walls", WALLED]] as const) {
    it(`are the pieces that are there, wherever the camera goes, on a board that ${name}`, () => {
      const roll = dice(ground.width);
      const world = new World(ground, roll);
      const state = emptyState(TABLES);
      const bodies = new Bodies(ground);
      let [x, y] = [50, 40];
      let wrong = 0, seen = 0;
      for (let i = 0; i < 900; i++) {
        world.step();
        if (roll(30) === 0) [x, y] = [roll(ground.width), roll(ground.height)];
        else [x, y] = [(x + 1) % ground.width, (y + roll(2)) % ground.height];
        const view = around(x, y, ground);
        const frame = world.frame(view, i === 0 || roll(100) === 0);
        expect(apply(state, frame)).toBe("applied");
        bodies.applied(frame, state);
        bodies.prune(world.tick - 1, world.tick - 10);
        const pieces = [...bodies.all()].map((body) => body.cells.slice(tailOf(body)).join(" "));
        const truth = [...world.snakes.values()].flatMap((body) => stretches(body, view, ground));
        seen += truth.length;
        const known = new Set(pieces);
        wrong += truth.filter((cells) => !known.has(cells.join(" "))).length;
        expect(pieces.flatMap((piece) => piece.split(" ")).sort()).toEqual(truth.flat().map(String).sort());
        for (const [seat, body] of world.snakes) {
          const head = body[body.length - 1]!;
          const near = [0, 1, 2, 3].every((way) => {
            const next = beside(head, way, ground);
            return next < 0 || view.has(regionOf(next, ground));
          });
          if (near && view.has(regionOf(head, ground))) expect(bodies.head(seat)?.cells.at(-1)).toBe(head);
        }
      }
      expect(seen).toBeGreaterThan(9000);
      expect(wrong).toBe(0);
    });
  }
});

describe("pieces of a snake", () => {
  const region = (cell: number) => regionOf(cell, WALLED);
  const row = (cell: number, seat: number, way: number) => [keyOf(cell, WALLED), (seat << 2) | way];
  const change = (more: Partial<Change>): Change => ({ table: CELLS, gone: [], steps: [], rows: [], ...more });
  const at = (x: number, y: number) => y * WALLED.width + x;

  /** One snake, seat 5, heading right over the border of regions 0 and 1, and both of them in sight. */
  function crossing() {
    const state = emptyState(TABLES);
    const bodies = new Bodies(WALLED);
    const step = (tick: number, parts: Part[], keyframe = false) => {
      const frame: Frame = { epoch: 1, tick, keyframe, parts, rosters: [], events: [] };
      expect(apply(state, frame)).toBe("applied");
      bodies.applied(frame, state);
    };
    const cells = (from: number, to: number) => {
      return change({ rows: Array.from({ length: to - from }, (_, i) => row(at(from + i, 3), 5, 1)) });
    };
    step(10, [
      { region: 0, how: "anew", changes: [cells(12, 16)] },
      { region: 1, how: "anew", changes: [cells(16, 18)] },
      { region: 6, how: "anew", changes: [] },
      { region: 7, how: "anew", changes: [] },
    ], true);
    return { state, bodies, step, cells };
  }

  it("are one across the border of two regions", () => {
    const { bodies, step } = crossing();
    const life = bodies.head(5)!.life;
    step(11, [
      { region: 0, how: "change", changes: [change({ gone: [keyOf(at(12, 3), WALLED)] })] },
      { region: 1, how: "change", changes: [change({ steps: [[keyOf(at(17, 3), WALLED), 2]] })] },
    ]);
    expect(bodies.pieces.get(5)).toHaveLength(1);
    expect(bodies.head(5)).toMatchObject({ life, gone: [11, ...Array(6).fill(Infinity)] });
    expect(bodies.head(5)!.born.slice(-2)).toEqual([10, 11]);
    expect(bodies.head(5)!.cells.slice(1)).toEqual([13, 14, 15, 16, 17].map((x) => at(x, 3)).concat(at(17, 4)));
  });

  it("lose what goes out of sight without dissolving, and have no head where it may be further on", () => {
    const { bodies, step } = crossing();
    step(11, [{ region: 1, how: "forget", changes: [] }]);
    const [piece] = bodies.pieces.get(5)!;
    expect(piece).toMatchObject({ headed: false, cells: [12, 13, 14, 15].map((x) => at(x, 3)) });
    expect(bodies.head(5)).toBeUndefined();
    expect(bodies.dead).toEqual([]);
  });

  it("take up again what comes back into sight, and do not jump", () => {
    const { bodies, step, cells } = crossing();
    step(11, [{ region: 1, how: "forget", changes: [] }]);
    const [piece] = bodies.pieces.get(5)!;
    step(12, [{ region: 1, how: "anew", changes: [cells(16, 19)] }, { region: 2, how: "anew", changes: [] }]);
    expect(bodies.pieces.get(5)).toEqual([piece]);
    expect(bodies.head(5)!.born).toEqual([10, 10, 10, 10, 10, 11, 12]);
  });

  it("come to an end when the last cell of one is left, which is no death", () => {
    const { bodies, step } = crossing();
    step(11, [{ region: 1, how: "forget", changes: [] }]);
    for (let x = 12; x < 16; x++) {
      step(x, [{ region: 0, how: "change", changes: [change({ gone: [keyOf(at(x, 3), WALLED)] })] }]);
    }
    expect(bodies.pieces.size).toBe(0);
    expect(bodies.dead).toEqual([]);
  });

  it("dissolve together when the snake dies", () => {
    const { bodies, step } = crossing();
    const gone = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => keyOf(at(from + i, 3), WALLED));
    step(11, [
      { region: 0, how: "change", changes: [change({ gone: gone(12, 16) })] },
      { region: 1, how: "change", changes: [change({ gone: gone(16, 18) })] },
    ]);
    expect(bodies.pieces.size).toBe(0);
    expect(bodies.dead.map(({ cells }) => cells.length)).toEqual([6]);
  });

  it("are where the wire says they are", () => {
    expect([region(at(15, 15)), region(at(16, 15)), region(at(15, 16)), region(at(95, 79))]).toEqual([0, 1, 6, 29]);
    for (const ground of [WALLED, WRAPPING]) {
      for (let cell = 0; cell < ground.width * ground.height; cell += 7) {
        expect(cellOf(regionOf(cell, ground), keyOf(cell, ground), ground)).toBe(cell);
      }
    }
  });
});

describe("viewAt", () => {
  const big: Ground = { width: 256, height: 128, wrap: false, side: 16 };

  it("numbers views row by row, one more to a row than regions", () => {
    expect(viewAt({ x: 0, y: 0 }, big)).toBe(0);
    expect(viewAt({ x: 7.9, y: 0 }, big)).toBe(0);
    expect(viewAt({ x: 8, y: 0 }, big)).toBe(1);
    expect(viewAt({ x: 255.5, y: 0 }, big)).toBe(16);
    expect(viewAt({ x: 0, y: 8 }, big)).toBe(17);
    expect(viewAt({ x: 128, y: 64 }, big)).toBe(4 * 17 + 8);
  });

  it("stays on the board, or goes on around it", () => {
    expect(viewAt({ x: -5, y: 300 }, big)).toBe(viewAt({ x: 0, y: 127 }, big));
    expect(viewAt({ x: -5, y: 130 }, { ...big, wrap: true })).toBe(viewAt({ x: 251, y: 2 }, big));
  });
});

describe("knownAround", () => {
  it("is at least 22 cells, never more than the view shows, and never jumps", () => {
    let before = knownAround({ x: 20, y: 20 }, WALLED);
    for (let x = 20; x < 90; x += 0.05) {
      const known = knownAround({ x, y: 20 }, WALLED);
      expect(known.right - x).toBeGreaterThanOrEqual(22 - 1e-9);
      expect(x - known.left).toBeGreaterThanOrEqual(22 - 1e-9);
      const late = Math.floor((x - 2 + 8) / 16), early = Math.ceil((x + 2 - 8) / 16); // the view two cells ago, either way
      expect(known.right).toBeLessThanOrEqual(16 * late + 32);
      expect(known.left).toBeGreaterThanOrEqual(16 * early - 32);
      expect(Math.abs(known.right - before.right) + Math.abs(known.left - before.left)).toBeLessThan(0.4);
      before = known;
    }
  });
});

describe("images", () => {
  it("shows a wrapping board again beyond its edges", () => {
    const view = { left: -10, top: 20, right: 20, bottom: 50 };
    expect(images(view, WRAPPING)).toEqual([{ x: -100, y: 0 }, { x: 0, y: 0 }]);
    expect(images(view, WALLED)).toEqual([{ x: 0, y: 0 }]);
  });

  it("knows the way over an edge", () => {
    expect(heading(99, 0, WRAPPING)).toBe(1);
    expect(heading(0, 71 * 100, WRAPPING)).toBe(0);
  });
});

describe("Standings of a large room", () => {
  function room(me: number) {
    const state = emptyState(TABLES);
    const bodies = new Bodies(WALLED);
    const standings = new Standings(state, bodies, false, () => me);
    const tell = (tick: number, rows: number[][], events: Frame["events"] = []) => {
      const parts: Part[] = [{ region: ROOM, how: "change", changes: [{ table: 4, gone: [], steps: [], rows }] }];
      const frame = { epoch: 1, tick, keyframe: tick === 1, parts, rosters: [], events };
      apply(state, frame);
      standings.applied(frame);
    };
    tell(1, [[3, 90, 9, 0], [4, 120, 8, 1]]);
    return { state, standings, tell };
  }

  it("are the best, and me last without a rank", () => {
    const { state, standings } = room(7);
    state.own.set(5, [10, 4, 0]);
    expect(standings.list().map(({ seat, score, rank }) => [seat, score, rank])).toEqual([[4, 120, 1], [3, 90, 2], [7, 10, null]]);
  });

  it("take my own numbers where I am among the best: they are newer", () => {
    const { state, standings } = room(3);
    state.own.set(5, [95, 10, 0]);
    expect(standings.list().map(({ seat, score, rank }) => [seat, score, rank])).toEqual([[4, 120, 1], [3, 95, 2]]);
  });

  it("take those out of sight to be alive until their death was seen", () => {
    const { standings, tell } = room(7);
    const alive = () => standings.list().map((each) => each.alive);
    expect(alive()).toEqual([true, true]);
    tell(2, [], [["died", 3, "wall", 0, 90, 9, 0]]);
    expect(alive()).toEqual([true, false]);
    tell(3, [[3, 10, 3, 0]]);
    expect(alive()).toEqual([true, true]);
  });
});
