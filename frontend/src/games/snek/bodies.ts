/**
 * The snakes in sight, kept cell by cell from the frames, with the tick of each coming and going.
 *
 * A cell's row says whose it is and in which direction it was entered, so a snake is a chain of
 * cells. Of a long one, several pieces may be in sight. Most ticks only add a head's cell and take
 * a tail's away; where more happened, the pieces of that snake are put together anew.
 */

import type { Frame } from "../../protocol";
import type { State } from "../../state";
import { type Ground, inside } from "./board";
import { behind, chains } from "./chains";
import { readCells } from "./cells";

const STAYS = Infinity;

/** A snake, or a piece of one. */
export interface Body {
  seat: number;
  life: number; // one number for each new snake that was seen
  headed: boolean; // its head is in sight, not beyond it
  cells: number[]; // tail first
  born: number[]; // the tick in which each was entered
  gone: number[]; // the tick in which the tail left it
  died: number; // tick, or Infinity
  // What the eye has seen last, so that nothing jumps; kept by the drawing.
  slideX: number;
  slideY: number;
  lastX: number;
  lastY: number;
  look: number; // the head's angle, radians
}

export class Bodies {
  readonly pieces = new Map<number, Body[]>(); // by seat
  readonly dead: Body[] = []; // dissolving
  private readonly owner = new Map<number, Body>(); // cell → whose it is
  private readonly values = new Map<number, number>(); // cell → seat and direction
  private lives = 0;

  constructor(private readonly ground: Ground) {}

  /** Takes a frame in; `state` already holds it. */
  applied(frame: Frame, state: State): void {
    const news = readCells(frame, state, this.values, this.ground);
    const broken = new Set<number>(); // seats whose pieces must be put together anew
    const loose = new Map<number, number[]>(); // seat → its cells that belong to no piece yet
    for (const cell of news.lost) this.lose(cell, broken);
    const touched = new Set<Body>();
    for (const cell of news.left) this.vacate(cell, frame.tick, touched);
    for (const [cell, value] of news.came) {
      if (this.owner.has(cell)) this.vacate(cell, frame.tick, touched); // a tail left it in this very tick
      if (!this.extend(cell, value, frame.tick)) this.loosen(cell, value, loose);
    }
    for (const [cell, value] of news.found) this.loosen(cell, value, loose);
    for (const body of touched) this.check(body, frame.tick, broken);
    for (const seat of loose.keys()) broken.add(seat);
    for (const seat of broken) this.relink(seat, loose.get(seat) ?? [], frame.tick);
    for (const body of this.all()) body.headed = inside(headOf(body), state, this.ground);
  }

  /** The piece of a snake that has its head, if that is in sight. */
  head(seat: number): Body | undefined {
    return this.pieces.get(seat)?.find(({ headed }) => headed);
  }

  /** Everything that lives and is in sight. */
  *all(): Iterable<Body> {
    for (const pieces of this.pieces.values()) yield* pieces;
  }

  /** Whose body lies in a cell, as of the newest frame. */
  at(cell: number): Body | undefined {
    return this.owner.get(cell);
  }

  /** Forgets cells that have left the picture, and snakes that have dissolved before `tick`. */
  prune(tick: number, dissolved: number): void {
    for (const body of this.all()) {
      let count = 0;
      while (count < body.gone.length - 1 && body.gone[count]! <= tick) count++;
      if (count === 0) continue;
      body.cells.splice(0, count);
      body.born.splice(0, count);
      body.gone.splice(0, count);
    }
    while (this.dead[0] !== undefined && this.dead[0].died < dissolved) this.dead.shift();
  }

  /** A cell went out of sight, or is no longer as it was when it comes back into sight. */
  private lose(cell: number, broken: Set<number>): void {
    this.values.delete(cell);
    const body = this.owner.get(cell);
    if (body === undefined) return;
    this.owner.delete(cell);
    broken.add(body.seat);
  }

  private vacate(cell: number, tick: number, touched: Set<Body>): void {
    this.values.delete(cell);
    const body = this.owner.get(cell);
    if (body === undefined) return;
    this.owner.delete(cell);
    const tail = tailOf(body);
    body.gone[body.cells[tail] === cell ? tail : body.cells.lastIndexOf(cell)] = tick;
    touched.add(body);
  }

  /** A head went on into this cell. */
  private extend(cell: number, value: number, tick: number): boolean {
    const from = behind(cell, value, this.ground);
    const body = this.owner.get(from);
    if (body === undefined || body.seat !== value >> 2 || headOf(body) !== from) return false;
    this.values.set(cell, value);
    this.owner.set(cell, body);
    body.cells.push(cell);
    body.born.push(tick);
    body.gone.push(STAYS);
    return true;
  }

  private loosen(cell: number, value: number, loose: Map<number, number[]>): void {
    this.values.set(cell, value);
    const cells = loose.get(value >> 2);
    if (cells === undefined) loose.set(value >> 2, [cell]);
    else cells.push(cell);
  }

  /** After cells of a body were left: it went on, it died, or something unheard of happened. */
  private check(body: Body, tick: number, broken: Set<number>): void {
    const tail = tailOf(body);
    if (tail < 0) this.bury(body, tick);
    else if (body.gone.some((gone, index) => index > tail && gone !== STAYS)) broken.add(body.seat);
  }

  /** Nothing is left: it died, or the last cell of a piece without a head went by. */
  private bury(body: Body, tick: number): void {
    const left = (this.pieces.get(body.seat) ?? []).filter((each) => each !== body);
    if (left.length > 0) this.pieces.set(body.seat, left);
    else this.pieces.delete(body.seat);
    const at = body.gone.filter((gone) => gone === tick).length;
    if (!body.headed && at < 2) return;
    body.died = tick;
    body.gone = body.gone.map((gone) => (gone === tick ? STAYS : gone)); // it keeps its shape while it dissolves
    this.dead.push(body);
  }

  /** Puts the pieces of a snake together anew, so that what goes on keeps its motion. */
  private relink(seat: number, loose: number[], tick: number): void {
    const old = this.pieces.get(seat) ?? [];
    const back = new Map<number, number>();
    const after = new Map<number, number>();
    for (const body of old) {
      for (let i = tailOf(body); i < body.cells.length; i++) {
        const cell = body.cells[i]!;
        if (this.owner.get(cell) !== body) continue; // lost
        back.set(cell, this.behind(cell));
        if (i + 1 < body.cells.length) after.set(cell, body.cells[i + 1]!);
      }
    }
    for (const cell of loose) back.set(cell, this.behind(cell));
    const free = new Set(old);
    const pieces = chains(back, after, [...loose, ...old.map(headOf)]).map((chain) => this.resume(seat, chain, free, tick));
    if (pieces.length > 0) this.pieces.set(seat, pieces);
    else this.pieces.delete(seat);
    for (const body of pieces) for (let i = tailOf(body); i < body.cells.length; i++) this.owner.set(body.cells[i]!, body);
  }

  private behind(cell: number): number {
    return behind(cell, this.values.get(cell)!, this.ground);
  }

  /** A chain of cells as a body: the one that went on into it, or a new one. */
  private resume(seat: number, chain: number[], free: Set<Body>, tick: number): Body {
    let seen = chain.length - 1; // the foremost cell that is not new
    while (seen >= 0 && !this.owner.has(chain[seen]!)) seen--;
    const old = seen < 0 ? undefined : this.owner.get(chain[seen]!)!;
    const gone = chain.map(() => STAYS);
    if (old === undefined) return newBody(seat, ++this.lives, chain, chain.map(() => tick), gone);
    const bornAt = (cell: number) => {
      const owner = this.owner.get(cell);
      return owner === undefined ? 0 : owner.born[owner.cells.lastIndexOf(cell)]!;
    };
    // Beyond the old head one cell a tick up to now.
    const born = chain.map((cell, i) => (i > seen ? tick - (chain.length - 1 - i) : bornAt(cell)));
    if (!free.delete(old)) return newBody(seat, old.life, chain, born, gone);
    const tail = tailOf(old);
    if (old.cells[tail] === chain[0]) return Object.assign(old, withLeaving(old, tail, chain, born, gone));
    return Object.assign(old, { cells: chain, born, gone });
  }
}

/** In front of a chain the cells that the tail has just left. */
function withLeaving(old: Body, tail: number, cells: number[], born: number[], gone: number[]): Partial<Body> {
  return {
    cells: [...old.cells.slice(0, tail), ...cells],
    born: [...old.born.slice(0, tail), ...born],
    gone: [...old.gone.slice(0, tail), ...gone],
  };
}

/** Where the tail is: the index of the oldest cell that it has not left, or -1. */
export function tailOf(body: Body): number {
  return body.gone.indexOf(STAYS);
}

/** The cell of a piece's foremost end. */
export function headOf(body: Body): number {
  return body.cells[body.cells.length - 1]!;
}

function newBody(seat: number, life: number, cells: number[], born: number[], gone: number[]): Body {
  return {
    seat, life, cells, born, gone,
    headed: true, died: STAYS,
    slideX: 0, slideY: 0, lastX: NaN, lastY: NaN, look: NaN,
  };
}
