/** A room's board in the small, on a canvas that notes what is filled. */

import { beforeEach, describe, expect, it } from "vitest";
import { MINIATURES } from "../src/games/miniatures";
import { ROOM, type TableSpec, type Welcome } from "../src/protocol";
import { emptyState, type State } from "../src/state";

const spec = (name: string): TableSpec => ({ name, key: "H", fields: [], scope: "region", across: 0 });
const NAMES = ["rocks", "food", "cells", "shields", "scores", "mine", "crowd"];

let filled: [x: number, y: number, width: number, colour: string][];
let canvas: HTMLCanvasElement;

beforeEach(() => {
  filled = [];
  const ctx = {
    fillStyle: "",
    setTransform: () => undefined,
    fillRect(x: number, y: number, width: number) {
      filled.push([x, y, width, this.fillStyle]);
    },
  };
  canvas = { width: 0, height: 0, getContext: () => ctx } as unknown as HTMLCanvasElement;
});

function draw(options: object, fill: (state: State) => void): void {
  const state = emptyState(NAMES.map(spec));
  fill(state);
  MINIATURES.snek?.(canvas, { options } as Welcome, state);
}

describe("the miniature", () => {
  it("has a square for each cell, in its snake's colour", () => {
    draw({ width: 40, height: 20, wrap: false, side: 0 }, (state) => {
      state.roster.set(3, { seat: 3, name: "Ada", colour: 1, pilot: 0 });
      state.tables[2]!.set(0, new Map([[85, [85, (3 << 2) | 1]]]));
    });
    expect([canvas.width, canvas.height]).toEqual([320, 160]);
    expect(filled.slice(1)).toEqual([[5, 2, 1, "#6cc8f7"]]);
  });

  it("shows of a large board where its crowds are", () => {
    draw({ width: 64, height: 64, wrap: false, side: 16 }, (state) => {
      state.tables[6]!.set(ROOM, new Map([[5, [5, 6]]]));
    });
    expect(filled.slice(1)).toEqual([[16.5, 16.5, 15, "rgba(150,172,210,0.85)"]]);
  });
});
