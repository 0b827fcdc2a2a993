/** Where a body is at a moment between ticks: its points, head first, into the outline's scratch. */

import { type Ground, stepX, stepY } from "./board";
import type { Body } from "./bodies";
import { px, py } from "./outline";

/** A step that the frames do not show yet: the cell my head enters next, and how far it may go. */
export interface Guess {
  cell: number;
  most: number; // 0–1
}

export interface Shape {
  count: number; // points written to px, py
  x: number; // the head, before any smoothing
  y: number;
  dx: number; // where it is going: a unit step
  dy: number;
}

const shape: Shape = { count: 0, x: 0, y: 0, dx: 1, dy: 0 };

/**
 * Lays the body out for its tail's moment and its head's (in ticks); null while it is unborn.
 * The points are unwrapped: they may reach beyond the board, but never jump.
 */
export function lay(body: Body, tailAt: number, headAt: number, guess: Guess | null, ground: Ground): Shape | null {
  const { cells, born, gone } = body;
  const tick = Math.floor(headAt);
  let head = cells.length - 1;
  while (head >= 0 && born[head]! > tick) head--;
  if (head < 0) return null;
  const x = (cells[head]! % ground.width) + 0.5;
  const y = Math.floor(cells[head]! / ground.width) + 0.5;
  advance(body, head, headAt - tick, guess, ground, x, y);
  px[0] = shape.x;
  py[0] = shape.y;
  px[1] = x;
  py[1] = y;
  shape.count = 2 + follow(cells, gone, head, tailAt, ground);
  return shape;
}

/** Moves the head from the centre of its cell towards the next one, where that is known. */
function advance(
  body: Body, head: number, part: number,
  guess: Guess | null, ground: Ground, x: number, y: number,
): void {
  const { cells } = body;
  let next = head + 1 < cells.length ? cells[head + 1]! : -1;
  if (next < 0 && guess !== null) {
    next = guess.cell;
    part = ease(part, guess.most);
  }
  if (next >= 0) {
    shape.dx = stepX(cells[head]!, next, ground);
    shape.dy = stepY(cells[head]!, next, ground);
  } else {
    part = 0;
    if (head > 0) {
      shape.dx = stepX(cells[head - 1]!, cells[head]!, ground);
      shape.dy = stepY(cells[head - 1]!, cells[head]!, ground);
    }
  }
  shape.x = x + shape.dx * part;
  shape.y = y + shape.dy * part;
}

/** Writes the cells behind the head, down to where the tail is by now; returns how many points. */
function follow(cells: number[], gone: number[], head: number, tailAt: number, ground: Ground): number {
  const tick = Math.floor(tailAt);
  let count = 0;
  for (let i = head - 1; i >= 0 && gone[i]! > tick; i--) {
    const part = gone[i]! === tick + 1 ? tailAt - tick : 0; // it is leaving this cell right now
    const at = 2 + count;
    px[at] = px[at - 1]! - stepX(cells[i]!, cells[i + 1]!, ground) * (1 - part);
    py[at] = py[at - 1]! - stepY(cells[i]!, cells[i + 1]!, ground) * (1 - part);
    count++;
  }
  return count;
}

/** Slows down in front of something deadly instead of showing a step that may never be. */
function ease(part: number, most: number): number {
  return most >= 1 ? part : most * (1 - Math.exp(-part / most));
}
