/** Draws one snake: alive, or dissolving. Everything in cells. */

import type { Place, View } from "../../render/stage";
import type { Ground } from "./board";
import type { Body } from "./bodies";
import { drawEyes, headPath, turnTowards } from "./head";
import { chance } from "./ground";
import { drawBack, drawMarks } from "./marks";
import { outline, px, py, sample, sd, sx, sy } from "./outline";
import { type Paint, paintOf, rgba } from "./palette";
import { lay, type Guess, type Shape } from "./shape";
import type { Shield } from "./shields";

type Ctx = CanvasRenderingContext2D;

const SLIDE_TIME = 70; // ms in which two thirds of a wrong guess are made good
const FAR = 2.5; // cells: beyond that it is no correction but another place
export const DISSOLVE = 520; // ms from head to tail
const REACH = 1.2; // cells around a body's line that it may colour: its shield
const PUFF = 420; // ms that a bit of dust lives

/** The moments of one animation frame. */
export interface Moment {
  tick: number; // where everyone is: a tick behind the newest frame
  ahead: number; // where my own head is: a tick further
  passed: number; // ms since the animation frame before
  ticks: number; // the same in ticks
  interval: number; // ms of a tick
  detail: number; // device px of a cell, or 0 where time is too short for fine work
}

export interface Subject {
  body: Body;
  colour: number;
  mine: boolean;
  guess: Guess | null;
  wish: number | null; // the direction its eyes turn to
  shield: Shield | null;
}

const OUTLINE = "#fffaf0"; // of my own snake
const BACK_SEEN = 17; // device px of a cell from which the back's line adds to the pattern on it
const BACK_FROM = 0.5; // cells behind the head's centre at which the back's line begins
const OUTLINE_WIDTH = 0.11; // cells outside the body

/** Draws a living snake; returns where its head is drawn, or null if it is not to be seen (yet). */
export function drawSnake(
  ctx: Ctx, subject: Subject, at: Moment, ground: Ground, view: View,
): Place | null {
  const { body, mine, shield } = subject;
  const shape = lay(body, at.tick, mine ? at.ahead : at.tick, subject.guess, ground);
  if (shape === null) return null;
  slide(body, shape, at, ground);
  body.look = turnTowards(body.look, Math.atan2(shape.dy, shape.dx), at.passed);
  const head = body.headed ? { x: px[0]!, y: py[0]! } : null;
  const images = imagesOf(shape.count, ground, view);
  if (images.length === 0) return head;
  const count = sample(shape.count);
  const paint = paintOf(subject.colour);
  const wish = subject.wish === null ? body.look : ((subject.wish - 1) * Math.PI) / 2;
  const lean = subject.wish === null ? body.look : turnTowards(body.look, wish, 12);
  eachImage(ctx, images, () => {
    paintBody(ctx, subject, paint, count, 0, body.headed ? lean : null, at.detail);
    if (!body.headed) return;
    drawEyes(ctx, px[0]!, py[0]!, lean, wish, paint, at.detail);
    if (shield !== null && shield.until > at.tick) drawShield(ctx, shield, at.tick);
  });
  return head;
}

/** Draws a dead snake on its way into food; false when nothing is left of it. */
export function drawDissolving(
  ctx: Ctx, subject: Subject, at: Moment, ground: Ground, view: View, calm: boolean,
): boolean {
  const { body } = subject;
  const age = ((subject.mine ? at.ahead : at.tick) - body.died) * at.interval;
  if (age < 0) return drawSnake(ctx, { ...subject, guess: null }, { ...at, ahead: at.tick }, ground, view) !== null;
  if (age > DISSOLVE + PUFF) return false;
  const shape = lay(body, body.died - 0.001, body.died, null, ground);
  if (shape === null) return false;
  px[0] = shape.x + body.slideX;
  py[0] = shape.y + body.slideY;
  shape.count = trim(shape.count);
  const images = imagesOf(shape.count, ground, view);
  const count = sample(shape.count);
  const length = sd[count - 1]!;
  const paint = paintOf(subject.colour);
  eachImage(ctx, images, () => {
    if (!calm) drawDust(ctx, count, length, age, paint);
    const from = (age / DISSOLVE) * length;
    ctx.globalAlpha = calm ? Math.max(1 - age / DISSOLVE, 0) : 0.9;
    if (calm || from < length) paintBody(ctx, { ...subject, mine: false }, paint, count, calm ? 0 : from, null, at.detail);
    ctx.globalAlpha = 1;
  });
  return true;
}

/** Keeps the head where the eye last saw it, and lets it slide to where it belongs. */
function slide(body: Body, shape: Shape, at: Moment, ground: Ground): void {
  let dx = body.lastX - shape.x;
  let dy = body.lastY - shape.y;
  if (ground.wrap) {
    dx -= Math.round(dx / ground.width) * ground.width;
    dy -= Math.round(dy / ground.height) * ground.height;
  }
  const fade = Math.exp(-at.passed / SLIDE_TIME);
  body.slideX *= fade;
  body.slideY *= fade;
  if (Math.hypot(dx, dy) > at.ticks * 1.3 + 0.03) {
    body.slideX += dx;
    body.slideY += dy;
  }
  if (Math.hypot(body.slideX, body.slideY) > FAR) body.slideX = body.slideY = 0;
  body.lastX = shape.x;
  body.lastY = shape.y;
  px[0] = shape.x + body.slideX;
  py[0] = shape.y + body.slideY;
  shape.count = trim(shape.count);
}

/** Drops the points that a sliding head has not reached yet: the body would run ahead of it and back. */
function trim(count: number): number {
  while (count > 2) {
    const ahead = (px[0]! - px[1]!) * (px[2]! - px[1]!) + (py[0]! - py[1]!) * (py[2]! - py[1]!);
    if (ahead <= 1e-4) break;
    px.copyWithin(1, 2, count);
    py.copyWithin(1, 2, count);
    count--;
  }
  return count;
}

/** Paints the sampled body from a distance behind the head on; with a head that looks somewhere, or none. */
function paintBody(
  ctx: Ctx, subject: Subject, paint: Paint, count: number, from: number, look: number | null, detail: number,
): void {
  if (subject.mine) fillShape(ctx, OUTLINE, from, look, OUTLINE_WIDTH); // a stroke would cost several times as much
  fillShape(ctx, paint.base, from, look, 0);
  if (detail >= BACK_SEEN) drawBack(ctx, count, paint.light, Math.max(BACK_FROM, from));
  drawMarks(ctx, subject.colour, count, paint.mark, from, detail);
}

function fillShape(ctx: Ctx, fill: string, from: number, look: number | null, wider: number): void {
  ctx.beginPath();
  outline(ctx, from, wider);
  if (look !== null) headPath(ctx, px[0]!, py[0]!, look, wider);
  ctx.fillStyle = fill;
  ctx.fill();
}

/** A ring around the head that closes as spawn protection runs out. */
function drawShield(ctx: Ctx, { from, until }: Shield, tick: number): void {
  const part = (until - tick) / Math.max(until - from, 1);
  const sweep = Math.min(Math.max(part, 0), 1) * Math.PI * 2;
  ctx.lineCap = "round";
  ctx.lineWidth = 0.1;
  ctx.strokeStyle = "rgba(255,255,255,0.18)";
  ctx.beginPath();
  ctx.arc(px[0]!, py[0]!, 1.05, 0, Math.PI * 2);
  ctx.stroke();
  ctx.strokeStyle = "rgba(255,246,224,0.95)";
  ctx.beginPath();
  ctx.arc(px[0]!, py[0]!, 1.05, -Math.PI / 2, -Math.PI / 2 + sweep);
  ctx.stroke();
}

/** Bits of the body that drift off where it has just dissolved. */
function drawDust(ctx: Ctx, count: number, length: number, age: number, paint: Paint): void {
  for (let i = 0; i < count; i++) {
    const since = age - (sd[i]! / Math.max(length, 1)) * DISSOLVE;
    if (since < 0 || since > PUFF) continue;
    const part = since / PUFF;
    ctx.fillStyle = rgba(paint.rgb, 0.7 * (1 - part));
    ctx.beginPath();
    for (let bit = 0; bit < 3; bit++) {
      const angle = chance(i, bit) * Math.PI * 2;
      const far = part * (0.35 + 0.7 * chance(i, bit + 5));
      const x = sx[i]! + Math.cos(angle) * far, y = sy[i]! + Math.sin(angle) * far;
      const size = 0.16 * (1 - part * 0.7);
      ctx.moveTo(x + size, y);
      ctx.arc(x, y, size, 0, Math.PI * 2);
    }
    ctx.fill();
  }
}

/** How far to shift a body so that it is seen: not at all, or around the edges of a wrapping board. */
function imagesOf(points: number, { width, height, wrap }: Ground, view: View): Place[] {
  let left = Infinity, right = -Infinity, top = Infinity, bottom = -Infinity;
  for (let i = 0; i < points; i++) {
    left = Math.min(left, px[i]!);
    right = Math.max(right, px[i]!);
    top = Math.min(top, py[i]!);
    bottom = Math.max(bottom, py[i]!);
  }
  const found: Place[] = [];
  const across = wrap ? shifts(left - REACH, right + REACH, view.left, view.right, width) : [0];
  const along = wrap ? shifts(top - REACH, bottom + REACH, view.top, view.bottom, height) : [0];
  for (const x of across) {
    for (const y of along) {
      const beside = right + x < view.left - REACH || left + x > view.right + REACH;
      if (!beside && bottom + y >= view.top - REACH && top + y <= view.bottom + REACH) found.push({ x, y });
    }
  }
  return found;
}

/** The multiples of `size` by which a stretch must be moved to overlap another. */
function shifts(from: number, to: number, least: number, most: number, size: number): number[] {
  const found: number[] = [];
  for (let k = Math.ceil((least - to) / size); from + k * size <= most; k++) found.push(k * size);
  return found;
}

function eachImage(ctx: Ctx, images: readonly Place[], draw: () => void): void {
  for (const { x, y } of images) {
    ctx.translate(x, y);
    draw();
    ctx.translate(-x, -y);
  }
}
