/**
 * The patterns on the snakes' backs: one per colour, so that colour is never the only sign.
 * All are filled polygons: strokes cost a software rasteriser several times as much.
 */

import { halfAt, nx, ny, sd, sx, sy } from "./outline";

type Ctx = CanvasRenderingContext2D;

const FIRST = 0.95; // cells behind the head's centre at which a pattern begins
const LAST = 0.35; // cells before the end of the tail at which it ends
const SMALL = 18; // device px of a cell below which marks stand wider apart: finer is not seen
const WIDER = 2; // by how much

/** A mark at a place: along the body (ux, uy points to the head), with the half thickness there. */
type Mark = (ctx: Ctx, x: number, y: number, ux: number, uy: number, half: number) => void;
type Pattern = (ctx: Ctx, count: number, from: number, spread: number) => void;

/** Draws the pattern of a colour on the sampled body, from a distance behind the head on. */
export function drawMarks(ctx: Ctx, colour: number, count: number, style: string, from: number, detail: number): void {
  ctx.fillStyle = style;
  ctx.beginPath();
  PATTERNS[colour & 7]!(ctx, count, Math.max(FIRST, from), detail < SMALL ? WIDER : 1);
  ctx.fill();
}

/** Draws the lighter line along the back. */
export function drawBack(ctx: Ctx, count: number, style: string, from: number): void {
  ctx.fillStyle = style;
  ctx.beginPath();
  ribbon(ctx, count, from, 0, 0.44);
  ctx.fill();
}

const dot: Mark = (ctx, x, y, _ux, _uy, half) => {
  ctx.moveTo(x + half * 0.38, y);
  ctx.arc(x, y, half * 0.38, 0, Math.PI * 2);
};

const ring: Mark = (ctx, x, y, _ux, _uy, half) => {
  ctx.moveTo(x + half * 0.62, y);
  ctx.arc(x, y, half * 0.62, 0, Math.PI * 2);
  ctx.moveTo(x + half * 0.36, y);
  ctx.arc(x, y, half * 0.36, 0, -Math.PI * 2, true);
};

const band: Mark = (ctx, x, y, ux, uy, half) => quad(ctx, x, y, ux * 0.08, uy * 0.08, -uy * half * 0.84, ux * half * 0.84);

const slant: Mark = (ctx, x, y, ux, uy, half) => {
  const side = half * 0.72;
  quad(ctx, x, y, ux * 0.09, uy * 0.09, (ux - uy) * side, (uy + ux) * side);
};

const chevron: Mark = (ctx, x, y, ux, uy, half) => {
  const side = half * 0.74, back = half * 0.62, thick = 0.2;
  const lx = -uy * side - ux * back, ly = ux * side - uy * back;
  const rx = uy * side - ux * back, ry = -ux * side - uy * back;
  const tx = ux * thick, ty = uy * thick;
  ctx.moveTo(x + tx, y + ty);
  ctx.lineTo(x + lx + tx, y + ly + ty);
  ctx.lineTo(x + lx, y + ly);
  ctx.lineTo(x, y);
  ctx.lineTo(x + rx, y + ry);
  ctx.lineTo(x + rx + tx, y + ry + ty);
  ctx.closePath();
};

const lozenge: Mark = (ctx, x, y, ux, uy, half) => {
  const side = half * 0.54, along = half * 0.78;
  ctx.moveTo(x + ux * along, y + uy * along);
  ctx.lineTo(x - uy * side, y + ux * side);
  ctx.lineTo(x - ux * along, y - uy * along);
  ctx.lineTo(x + uy * side, y - ux * side);
  ctx.closePath();
};

/** A parallelogram around a place, from its two half axes. */
function quad(ctx: Ctx, x: number, y: number, ax: number, ay: number, bx: number, by: number): void {
  ctx.moveTo(x + ax + bx, y + ay + by);
  ctx.lineTo(x - ax + bx, y - ay + by);
  ctx.lineTo(x - ax - bx, y - ay - by);
  ctx.lineTo(x + ax - bx, y + ay - by);
  ctx.closePath();
}

const PATTERNS: readonly Pattern[] = [
  (ctx, count, from) => ribbon(ctx, count, from, 0, 0.2),
  stamped(dot, 0.62),
  stamped(band, 0.6),
  stamped(chevron, 0.62),
  stamped(lozenge, 0.76),
  (ctx, count, from) => {
    ribbon(ctx, count, from, 0.4, 0.14);
    ribbon(ctx, count, from, -0.4, 0.14);
  },
  stamped(slant, 0.52),
  stamped(ring, 0.76),
];

/** Puts a mark at even distances from the head: so the pattern travels with its snake. */
function stamped(mark: Mark, every: number): Pattern {
  return (ctx, count, from, spread) => {
    const length = sd[count - 1]!;
    const gap = every * spread;
    let at = FIRST + Math.ceil((from - FIRST) / gap) * gap;
    for (let i = 1; i < count && at < length - LAST; i++) {
      const span = sd[i]! - sd[i - 1]!;
      while (at <= sd[i]! && at < length - LAST) {
        const t = span > 0 ? (at - sd[i - 1]!) / span : 0;
        const x = sx[i - 1]! + (sx[i]! - sx[i - 1]!) * t;
        const y = sy[i - 1]! + (sy[i]! - sy[i - 1]!) * t;
        mark(ctx, x, y, -ny[i]!, nx[i]!, halfAt(at, length)); // samples run to the tail: turned round
        at += gap;
      }
    }
  };
}

/** A band along the body; its place aside and its half width are shares of the body's half width. */
function ribbon(ctx: Ctx, count: number, from: number, aside: number, half: number): void {
  const length = sd[count - 1]!;
  const end = length - LAST;
  let first = 1;
  while (first < count && sd[first]! <= from) first++;
  let last = count - 1;
  while (last > 0 && sd[last - 1]! >= end) last--;
  if (first >= count || from >= end) return;
  edge(ctx, first, from, length, aside + half, true);
  for (let i = first; i < last; i++) edge(ctx, i, sd[i]!, length, aside + half, false);
  edge(ctx, last, end, length, aside + half, false);
  edge(ctx, last, end, length, aside - half, false);
  for (let i = last - 1; i >= first; i--) edge(ctx, i, sd[i]!, length, aside - half, false);
  edge(ctx, first, from, length, aside - half, false);
  ctx.closePath();
}

/** A point at a distance from the head, between samples i − 1 and i, aside of the middle. */
function edge(ctx: Ctx, i: number, at: number, length: number, aside: number, start: boolean): void {
  const span = sd[i]! - sd[i - 1]!;
  const t = span > 0 ? (at - sd[i - 1]!) / span : 1;
  const off = aside * halfAt(at, length);
  const x = sx[i - 1]! + (sx[i]! - sx[i - 1]!) * t + nx[i]! * off;
  const y = sy[i - 1]! + (sy[i]! - sy[i - 1]!) * t + ny[i]! * off;
  if (start) ctx.moveTo(x, y);
  else ctx.lineTo(x, y);
}
