/** A board of Snek in the small: each cell a square, or, of a large board, where its crowds are. */

import type { Welcome } from "../../protocol";
import { ROOM } from "../../protocol";
import type { State, Table } from "../../state";
import { cellOf, cornerOf, type Ground, groundOf } from "./board";
import { GROUND, paintOf, rgba, SEED, SEED_RGB } from "./palette";

const CROWDED = 6; // heads in a square that is drawn as full
const CROWD = [150, 172, 210] as const;
const ROCK = "#4a525f";
const LEAST = 320; // px across, at least: small cells stay sharp on a fine screen

/** Draws what is known of the board; the canvas takes the board's shape. */
export function drawMiniature(canvas: HTMLCanvasElement, { options }: Welcome, state: State): void {
  const ground = groundOf(options);
  const scale = Math.max(1, Math.ceil(LEAST / ground.width));
  if (canvas.width !== ground.width * scale) {
    canvas.width = ground.width * scale;
    canvas.height = ground.height * scale;
  }
  const ctx = canvas.getContext("2d", { alpha: false });
  if (!ctx) return;
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.fillStyle = GROUND;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.setTransform(scale, 0, 0, scale, 0, 0);
  if (ground.side > 0) drawCrowds(ctx, table(state, "crowd"), ground);
  else drawCells(ctx, state, ground);
}

function drawCells(ctx: CanvasRenderingContext2D, state: State, ground: Ground): void {
  const put = (name: string, colour: (value: number) => string, inset: number): void => {
    for (const [region, rows] of table(state, name)) {
      for (const [key, value] of rows.values()) {
        const cell = cellOf(region, key!, ground);
        ctx.fillStyle = colour(value ?? 0);
        const x = cell % ground.width, y = Math.floor(cell / ground.width);
        ctx.fillRect(x + inset, y + inset, 1 - 2 * inset, 1 - 2 * inset);
      }
    }
  };
  put("rocks", () => ROCK, 0);
  put("food", (colour) => (colour === SEED ? rgba(SEED_RGB, 1) : paintOf(colour).base), 0.3);
  put("cells", (value) => paintOf(state.roster.get(value >> 2)?.colour ?? 7).base, 0);
}

function drawCrowds(ctx: CanvasRenderingContext2D, crowd: Table, ground: Ground): void {
  const { side, width, height } = ground;
  for (const [region, heads] of crowd.get(ROOM)?.values() ?? []) {
    const { x, y } = cornerOf(region!, ground);
    ctx.fillStyle = rgba(CROWD, 0.25 + 0.6 * Math.min(heads! / CROWDED, 1));
    ctx.fillRect(x + 0.5, y + 0.5, Math.min(side, width - x) - 1, Math.min(side, height - y) - 1);
  }
}

function table(state: State, name: string): Table {
  return state.tables[state.specs.findIndex((spec) => spec.name === name)] ?? new Map();
}
