/** The camera over a board that no page shows whole: it follows a head, or goes where it is moved. */

import { ROOM } from "../../protocol";
import { MARGIN, type Place, type Stage } from "../../render/stage";
import type { Camera, Overview, Standing, Surroundings } from "../contract";
import type { Bodies } from "./bodies";
import { cornerOf, type Ground, viewAt } from "./board";

export const CROWD = 6; // the table's place in the welcome, checked in index.ts
const PUSH = 4; // cells for a press of an arrow key; held down, it repeats
const HELD = 250; // ms after a drag in which the view keeps to the finger

export class SnekCamera implements Camera {
  private place: Place | null = null; // where it was moved to
  private followed = 0; // the seat that it follows while nobody moves it
  private stage: Stage | null = null;
  private dragged = -HELD;

  constructor(
    private readonly around: Surroundings,
    private readonly ground: Ground,
    private readonly me: () => Place | null,
  ) {}

  /** Where it was moved to, if it may be and was. */
  get moved(): Place | null {
    return this.free() ? this.place : (this.place = null);
  }

  /** Follows again, instead of standing where it was moved to. */
  release(): void {
    this.place = null;
  }

  /** Stays with one of the best while it is in sight; of them the first. */
  follow(best: readonly Standing[], bodies: Bodies): Place | null {
    const seen = (seat: number) => bodies.head(seat) !== undefined;
    if (!seen(this.followed)) this.followed = best.find(({ seat }) => seen(seat))?.seat ?? 0;
    const body = bodies.head(this.followed);
    return body === undefined || Number.isNaN(body.lastX) ? null : { x: body.lastX, y: body.lastY };
  }

  /** True while a finger moves it. */
  held(now: number): boolean {
    return this.free() && now - this.dragged < HELD;
  }

  /** The stage was drawn. */
  shown(stage: Stage): void {
    this.stage = stage;
  }

  free(): boolean {
    return this.around.seat() === 0;
  }

  drag(dx: number, dy: number): void {
    const { x, y } = this.from();
    const cell = this.stage?.cell ?? 1;
    this.dragged = performance.now();
    this.jump({ x: x - dx / cell, y: y - dy / cell });
  }

  push(direction: number): void {
    const { x, y } = this.from();
    const along = direction === 1 ? PUSH : direction === 3 ? -PUSH : 0;
    const down = direction === 2 ? PUSH : direction === 0 ? -PUSH : 0;
    this.jump({ x: x + along, y: y + down });
  }

  jump({ x, y }: Place): void {
    const { width, height, wrap } = this.ground;
    const { left, top, right, bottom } = this.stage?.view() ?? { left: 0, top: 0, right: 0, bottom: 0 };
    this.place = wrap
      ? { x: ((x % width) + width) % width, y: ((y % height) + height) % height }
      : { x: onBoard(x, width, right - left), y: onBoard(y, height, bottom - top) };
  }

  view(): number | null {
    return this.stage === null ? null : viewAt(this.place ?? this.stage.centre, this.ground);
  }

  map(): Overview | null {
    if (this.stage === null) return null;
    return { ...this.ground, crowds: this.crowds(), me: this.me(), view: this.stage.view() };
  }

  private from(): Place {
    return this.place ?? this.stage?.centre ?? { x: this.ground.width / 2, y: this.ground.height / 2 };
  }

  private *crowds(): Iterable<Place & { heads: number }> {
    for (const [region, heads] of this.around.state.tables[CROWD]!.get(ROOM)?.values() ?? []) {
      yield { ...cornerOf(region!, this.ground), heads: heads! };
    }
  }
}

/** Where the middle of a view may stand that shows so many cells: at the edge it shows the rim. */
function onBoard(place: number, size: number, seen: number): number {
  const edge = Math.min(seen / 2 - MARGIN, size / 2);
  return Math.min(Math.max(place, edge), size - edge);
}
