/**
 * From a row of points, head first, to the outline of a smooth body. Units are cells.
 *
 * Corners are rounded by as much as the body has already gone past them, so that the shape grows
 * out of the head without a jump. All arrays are shared scratch space: no garbage at 60 Hz.
 */

const MOST = 16_384; // points or samples: twice the longest snake a room can hold
const ROUND = 0.5; // cells: corners bend from one cell's edge to the next one's
const STEPS = 4; // pieces of a corner: at 40 px a cell the error stays under half a pixel

export const HALF = 0.39; // cells: half the thickness of a body
const TAIL = 0.13; // cells: half the thickness at its end
const TAPER = 4.5; // cells over which it narrows
const TAPER_SHARE = 0.75; // of a short snake
const FINE = 0.6; // cells between samples where it narrows

/** The points to outline, head first: write them here. */
export const px = new Float32Array(MOST);
export const py = new Float32Array(MOST);

/** Samples along the body: place, unit normal, distance from the head. */
export const sx = new Float32Array(MOST);
export const sy = new Float32Array(MOST);
export const nx = new Float32Array(MOST);
export const ny = new Float32Array(MOST);
export const sd = new Float32Array(MOST);

let samples = 0;
let fineFrom = 0; // distance from the head at which the body may begin to narrow

/** Samples the line through `count` points; returns how many samples there are. */
export function sample(count: number): number {
  samples = 0;
  if (count === 0) return 0;
  fineFrom = polyline(count) - TAPER - 1;
  let dx = 0, dy = 0, before = 0; // unit direction of the segment behind us, and its length
  for (let i = 0; i + 1 < count && samples < MOST - 64; i++) {
    const ex = px[i + 1]! - px[i]!;
    const ey = py[i + 1]! - py[i]!;
    const length = Math.hypot(ex, ey);
    if (length < 1e-4) continue;
    const ux = ex / length, uy = ey / length;
    if (samples === 0) add(px[i]!, py[i]!, ux, uy);
    else if (ux * dx + uy * dy < 0.999) bend(px[i]!, py[i]!, dx, dy, before, ux, uy, length);
    dx = ux;
    dy = uy;
    before = length;
  }
  if (samples === 0) add(px[0]!, py[0]!, 1, 0);
  else reach(px[count - 1]!, py[count - 1]!, dx, dy);
  return samples;
}

function polyline(count: number): number {
  let length = 0;
  for (let i = 1; i < count; i++) length += Math.abs(px[i]! - px[i - 1]!) + Math.abs(py[i]! - py[i - 1]!);
  return length;
}

/** Half the thickness at a distance from the head, of a body so long. */
export function halfAt(distance: number, length: number): number {
  const taper = Math.min(TAPER, length * TAPER_SHARE);
  const left = length - distance;
  if (left >= taper) return HALF;
  const part = Math.max(left, 0) / taper;
  return TAIL + (HALF - TAIL) * part * (2 - part);
}

/** Traces the outline of the sampled body, from a distance behind the head on and so much wider, into the path. */
export function outline(ctx: CanvasRenderingContext2D, from = 0, wider = 0): void {
  const tail = samples - 1;
  const length = sd[tail]!;
  const first = cut(from);
  for (let i = first; i <= tail; i++) side(ctx, i, length, 1, wider, i === first);
  const angle = Math.atan2(ny[tail]!, nx[tail]!);
  ctx.arc(sx[tail]!, sy[tail]!, halfAt(length, length) + wider, angle, angle - Math.PI, true);
  for (let i = tail; i >= first; i--) side(ctx, i, length, -1, wider, false);
  const front = Math.atan2(ny[first]!, nx[first]!) + Math.PI;
  ctx.arc(sx[first]!, sy[first]!, halfAt(sd[first]!, length) + wider, front, front - Math.PI, true);
  ctx.closePath();
}

/** Moves the first sample to a distance behind the head; returns its index. */
function cut(from: number): number {
  let i = 0;
  while (i < samples - 1 && sd[i + 1]! <= from) i++;
  const gap = i < samples - 1 ? sd[i + 1]! - sd[i]! : 0;
  if (from <= sd[i]! || gap <= 0) return i;
  const t = (from - sd[i]!) / gap;
  sx[i] = sx[i]! + (sx[i + 1]! - sx[i]!) * t;
  sy[i] = sy[i]! + (sy[i + 1]! - sy[i]!) * t;
  sd[i] = from;
  return i;
}

function side(ctx: CanvasRenderingContext2D, i: number, length: number, sign: number, wider: number, start: boolean): void {
  const half = (halfAt(sd[i]!, length) + wider) * sign;
  const x = sx[i]! + nx[i]! * half;
  const y = sy[i]! + ny[i]! * half;
  if (start) ctx.moveTo(x, y);
  else ctx.lineTo(x, y);
}

function bend(
  x: number, y: number,
  dx: number, dy: number, before: number,
  ux: number, uy: number, after: number,
): void {
  const r = Math.min(ROUND, before, after);
  const ax = x - dx * r, ay = y - dy * r;
  const bx = x + ux * r, by = y + uy * r;
  reach(ax, ay, dx, dy);
  for (let k = 1; k <= STEPS; k++) {
    const t = k / STEPS;
    const s = 1 - t;
    const tx = dx * s + ux * t, ty = dy * s + uy * t; // the tangent, before it is made a unit
    const size = Math.hypot(tx, ty) || 1;
    add(s * s * ax + 2 * s * t * x + t * t * bx, s * s * ay + 2 * s * t * y + t * t * by, tx / size, ty / size);
  }
}

/** Goes straight on to a point; in steps where the body narrows, so that its curve shows. */
function reach(x: number, y: number, dx: number, dy: number): void {
  const last = samples - 1;
  const gap = Math.hypot(x - sx[last]!, y - sy[last]!);
  const plain = Math.min(Math.max(fineFrom - sd[last]!, 0), gap);
  const pieces = Math.max(Math.ceil((gap - plain) / FINE), 1);
  const x0 = sx[last]!, y0 = sy[last]!;
  for (let k = plain > 0 ? 0 : 1; k <= pieces; k++) {
    const t = gap === 0 ? 1 : (plain + ((gap - plain) * k) / pieces) / gap;
    add(x0 + (x - x0) * t, y0 + (y - y0) * t, dx, dy);
  }
}

function add(x: number, y: number, dx: number, dy: number): void {
  const last = samples - 1;
  sd[samples] = last < 0 ? 0 : sd[last]! + Math.hypot(x - sx[last]!, y - sy[last]!);
  sx[samples] = x;
  sy[samples] = y;
  nx[samples] = -dy;
  ny[samples] = dx;
  samples++;
}
