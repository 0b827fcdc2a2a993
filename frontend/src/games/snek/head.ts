/** A snake's head: a little broader than its body, with two eyes that look where it goes. */

import type { Paint } from "./palette";

type Ctx = CanvasRenderingContext2D;

const LENGTH = 0.56, BREADTH = 0.5; // cells, half each
const RIMMED = 16; // device px of a cell from which eyes have a rim: they stand out on a pale head
const TURN_TIME = 45; // ms in which the head covers two thirds of a turn

/** Turns an angle towards another, the shorter way. */
export function turnTowards(from: number, to: number, passed: number): number {
  if (Number.isNaN(from)) return to;
  const gap = Math.atan2(Math.sin(to - from), Math.cos(to - from));
  return from + gap * (1 - Math.exp(-passed / TURN_TIME));
}

/** Adds the head's shape, so much wider, to the path. */
export function headPath(ctx: Ctx, x: number, y: number, angle: number, wider = 0): void {
  const length = LENGTH + wider;
  ctx.moveTo(x + Math.cos(angle) * length, y + Math.sin(angle) * length);
  ctx.ellipse(x, y, length, BREADTH + wider, angle, 0, -Math.PI * 2, true); // the way round the body goes: one shape
}

/** Eyes, with the pupils turned to where the snake wants to go next. */
export function drawEyes(ctx: Ctx, x: number, y: number, angle: number, wish: number, paint: Paint, detail: number): void {
  const cos = Math.cos(angle), sin = Math.sin(angle);
  const look = angle + Math.max(-1.2, Math.min(1.2, Math.atan2(Math.sin(wish - angle), Math.cos(wish - angle))));
  const lx = Math.cos(look) * 0.065, ly = Math.sin(look) * 0.065;
  const eye = (aside: number, radius: number, dx: number, dy: number) => {
    const ex = x + cos * 0.17 - sin * aside + dx;
    const ey = y + sin * 0.17 + cos * aside + dy;
    ctx.moveTo(ex + radius, ey);
    ctx.arc(ex, ey, radius, 0, Math.PI * 2);
  };
  if (detail >= RIMMED) {
    ctx.fillStyle = paint.mark;
    ctx.beginPath();
    eye(0.24, 0.2, 0, 0);
    eye(-0.24, 0.2, 0, 0);
    ctx.fill();
  }
  ctx.fillStyle = "#fffdf8";
  ctx.beginPath();
  eye(0.24, 0.165, 0, 0);
  eye(-0.24, 0.165, 0, 0);
  ctx.fill();
  ctx.fillStyle = "#14110f";
  ctx.beginPath();
  eye(0.24, 0.095, lx, ly);
  eye(-0.24, 0.095, lx, ly);
  ctx.fill();
}
