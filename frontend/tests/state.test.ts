import { describe, expect, it } from "vitest";
import { type Change, type Frame, type Part, ROOM, type TableSpec } from "../src/protocol";
import { apply, emptyState, type State } from "../src/state";

const TABLES: TableSpec[] = [
  { name: "cells", key: "B", fields: [["body", "H"], ["age", "B"]], scope: "region", across: 16 },
  { name: "food", key: "B", fields: [], scope: "region", across: 0 },
  { name: "scores", key: "H", fields: [["score", "I"]], scope: "room", across: 0 },
];
const CELLS = 0, FOOD = 1, SCORES = 2;

function frame(tick: number, more: Partial<Frame> = {}): Frame {
  return { epoch: 1, tick, keyframe: false, parts: [], rosters: [], events: [], ...more };
}

function part(region: number, how: Part["how"], changes: Partial<Change>[]): Part {
  return { region, how, changes: changes.map((each) => ({ table: CELLS, gone: [], steps: [], rows: [], ...each })) };
}

/** Rows of a table by region, as they stand. */
function rows(state: State, table: number): Record<number, unknown[]> {
  return Object.fromEntries([...state.tables[table]!].map(([region, held]) => [region, [...held.values()]]));
}

/** Two regions in sight, 3 and 4, as of a tick. */
function watching(tick = 5) {
  const state = emptyState(TABLES);
  const parts = [
    part(3, "anew", [{ rows: [[34, 5, 9], [35, 5, 8], [36, 5, 7]] }, { table: FOOD, rows: [[1]] }]),
    part(4, "anew", [{ rows: [[0, 9, 1]] }]),
    part(ROOM, "change", [{ table: SCORES, rows: [[1, 70]] }]),
  ];
  expect(apply(state, frame(tick, { keyframe: true, parts }))).toBe("applied");
  return state;
}

describe("apply", () => {
  it("takes a keyframe as the whole picture", () => {
    const state = watching();
    apply(state, frame(9, { keyframe: true, parts: [part(7, "anew", [{ rows: [[7, 2, 0]] }])] }));
    expect(rows(state, CELLS)).toEqual({ 7: [[7, 2, 0]] });
    expect(rows(state, SCORES)).toEqual({});
    expect(state.known).toEqual(new Set([7]));
    expect(state.tick).toBe(9);
  });

  it("keeps rows in the order in which each was last set", () => {
    const state = watching();
    const change = { gone: [35], rows: [[37, 1, 0], [34, 1, 0]] };
    expect(apply(state, frame(6, { parts: [part(3, "change", [change])] }))).toBe("applied");
    expect([...state.tables[CELLS]!.get(3)!.keys()]).toEqual([36, 37, 34]);
  });

  it("takes steps in every direction: a row like the one it comes from but for the direction", () => {
    const state = watching();
    const steps: Change["steps"] = [[36, 0], [36, 1], [36, 2], [36, 3]];
    apply(state, frame(6, { parts: [part(3, "change", [{ gone: [35], steps }])] }));
    expect(rows(state, CELLS)[3]).toEqual([[34, 5, 9], [36, 5, 7], [20, 4, 7], [37, 5, 7], [52, 6, 7], [35, 7, 7]]);
  });

  it("takes gone keys, then steps, then rows", () => {
    const state = watching();
    const change = { gone: [37, 34], steps: [[36, 1]] as Change["steps"], rows: [[37, 99, 0]] };
    apply(state, frame(6, { parts: [part(3, "change", [change])] }));
    expect(rows(state, CELLS)[3]).toEqual([[35, 5, 8], [36, 5, 7], [37, 99, 0]]);
  });

  it("wants a keyframe when a step starts where nothing is", () => {
    const state = watching();
    expect(apply(state, frame(6, { parts: [part(3, "change", [{ steps: [[99, 1]] }])] }))).toBe("gap");
    expect(apply(state, frame(7))).toBe("gap");
  });

  it("takes a region anew, then what happened in it since, and leaves the others alone", () => {
    const state = watching();
    const parts = [
      part(3, "anew", [{ rows: [[50, 5, 0]] }]),
      part(3, "change", [{ steps: [[50, 1]] }]),
      part(3, "change", [{ gone: [50], steps: [[51, 2]] }]),
    ];
    expect(apply(state, frame(6, { parts }))).toBe("applied");
    expect(rows(state, CELLS)).toEqual({ 3: [[51, 5, 0], [67, 6, 0]], 4: [[0, 9, 1]] });
    expect(rows(state, FOOD)).toEqual({});
    expect(rows(state, SCORES)).toEqual({ [ROOM]: [[1, 70]] });
  });

  it("forgets a region that is out of sight, in every table of regions", () => {
    const state = watching();
    apply(state, frame(6, { parts: [part(3, "forget", [])] }));
    expect(rows(state, CELLS)).toEqual({ 4: [[0, 9, 1]] });
    expect(rows(state, FOOD)).toEqual({});
    expect(rows(state, SCORES)).toEqual({ [ROOM]: [[1, 70]] });
    expect(state.known).toEqual(new Set([4]));
  });

  it("ignores a tick it has", () => {
    expect(apply(watching(), frame(5))).toBe("ignored");
  });

  it("wants a keyframe after a gap, whatever comes next", () => {
    const state = watching();
    expect(apply(state, frame(7))).toBe("gap");
    expect(apply(state, frame(6))).toBe("gap");
    expect(apply(state, frame(8, { keyframe: true }))).toBe("applied");
    expect(apply(state, frame(9))).toBe("applied");
  });

  it("wants a keyframe when another engine took over", () => {
    expect(apply(watching(), frame(6, { epoch: 2 }))).toBe("gap");
  });

  it("ignores an owner of before", () => {
    const state = watching();
    apply(state, frame(3, { epoch: 2, keyframe: true }));
    expect(apply(state, frame(6, { epoch: 1, keyframe: true }))).toBe("ignored");
    expect(state.tick).toBe(3);
  });

  it("keeps the roster", () => {
    const state = watching();
    apply(state, frame(6, { rosters: [{ seats: [[1, "Mia", 3, 0], [2, "Bo", 4, 2]], gone: [] }] }));
    apply(state, frame(7, { rosters: [{ seats: [[2, "Bo", 4, 1]], gone: [1] }] }));
    expect([...state.roster.values()]).toEqual([{ seat: 2, name: "Bo", colour: 4, pilot: 1 }]);
  });
});
