/**
 * My snake one step ahead of the frames: a key shows at once, the server has the last word.
 *
 * The turns that the room has taken wait in a queue like the game's own; those still on their way
 * count where they should arrive in time for the next tick.
 */

import type { Surroundings } from "../contract";
import { beside, type Ground, heading } from "./board";
import type { Body } from "./bodies";
import type { Guess } from "./shape";

const QUEUE = 3; // turns a snake can have waiting, as in the rules
const WAY = 8; // ms a message needs inside the server, to the room's inbox
const BUMP = 0.28; // cells that the head still goes towards something deadly

export class Foresight {
  private queue: number[] = []; // turns in the room, not made yet
  private facing = 1; // where the snake will go without another turn
  private moved = 1; // where it last went
  private life = -1;

  constructor(
    private readonly around: Surroundings,
    private readonly ground: Ground,
    private readonly deadly: (cell: number, body: Body) => boolean,
  ) {}

  /** The room took a turn: it counts from the next frame on. */
  taken(direction: number): void {
    push(this.queue, direction, this.facing, this.moved);
  }

  /** A frame came: the room has made one of the waiting turns. */
  applied(body: Body | undefined): void {
    if (body === undefined || body.cells.length < 2) return;
    const last = body.cells.length - 1;
    const actual = heading(body.cells[last - 1]!, body.cells[last]!, this.ground);
    if (body.life !== this.life) {
      this.life = body.life;
      this.queue = [];
      this.facing = this.moved = actual;
      return;
    }
    this.facing = turn(this.queue, this.facing, this.moved);
    const went = body.born[last] === this.around.state.tick;
    if (went && actual !== this.facing) this.queue = []; // we thought wrong: begin again from what is
    if (went) this.moved = this.facing = actual;
  }

  /** Where the head will be after the next tick. */
  guess(body: Body): Guess {
    const { clock, state } = this.around;
    const queue = [...this.queue];
    const due = clock.expected(state.tick + 1) - WAY - (this.around.rtt() || 0);
    for (const { name, values, at } of this.around.pending()) {
      if (name === "turn" && at < due) push(queue, values[0]!, this.facing, this.moved);
    }
    const way = turn(queue, this.facing, this.moved);
    const head = body.cells[body.cells.length - 1]!;
    const cell = beside(head, way, this.ground);
    const ahead = cell < 0 ? step(head, way, this.ground) : cell;
    return { cell: ahead, most: cell < 0 || this.deadly(cell, body) ? BUMP : 1 };
  }

  /** Where the snake will look once every turn pressed so far is made. */
  wish(): number {
    const queue = [...this.queue];
    for (const { name, values } of this.around.pending()) {
      if (name === "turn") push(queue, values[0]!, this.facing, this.moved);
    }
    return queue[queue.length - 1] ?? this.facing;
  }
}

/** As in the rules: a turn that changes nothing, turns back, or is one too many is dropped. */
function push(queue: number[], direction: number, facing: number, moved: number): void {
  const after = queue[queue.length - 1] ?? facing;
  const back = (queue[queue.length - 1] ?? moved) ^ 2;
  if (direction !== after && direction !== back && queue.length < QUEUE) queue.push(direction);
}

/** Takes the next turn off the queue that is not a turn back. */
function turn(queue: number[], facing: number, moved: number): number {
  while (queue.length > 0) {
    const direction = queue.shift()!;
    if (direction !== (moved ^ 2)) return direction;
  }
  return facing;
}

/** A cell beyond the wall, so that the head can at least lean into it. */
function step(cell: number, way: number, { width }: Ground): number {
  return cell + (way === 0 ? -width : way === 1 ? 1 : way === 2 ? width : -1);
}
