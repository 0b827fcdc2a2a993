/** The canvas: its size in device pixels, and which part of the board it shows. Units are cells. */

const LEAST_CELL = 12; // css px: below it a head's eyes are lost, so the view follows the head instead
const LEAST_WATCHED_CELL = 7; // css px: who only watches would rather see everything
const FOLLOW_CELLS = 16; // across the shorter side of a following view: enough to see trouble coming
const FOLLOW_LEAST = 20, FOLLOW_MOST = 30; // css px of a cell in a following view
const MOST_CELL = 40; // css px: a small board on a big screen stays a board
export const MARGIN = 1; // cells around the board, for its rim
/** Device pixels a css px may take: beyond two they cost time that nobody sees; then what is left when time is short. */
const RESOLUTIONS = [2, 1.5, 1.25, 1] as const;
const MOST_SEEN = 20; // cells on each side of the camera, where only a part of the board is known
const FOLLOW_TIME = 160; // ms in which the view covers two thirds of its way to the head

export interface View {
  left: number; // cells
  top: number;
  right: number;
  bottom: number;
}

/** The board, as far as the camera must know it. */
export interface Scene {
  width: number; // cells
  height: number;
  wrap: boolean;
  known: ((at: Place) => View) | null; // what is surely known around the place looked at; null: everything
}

export interface Place {
  x: number; // cells
  y: number;
}

export class Stage {
  readonly ctx: CanvasRenderingContext2D;
  cell = 20; // css px
  dpr = 1;
  tx = 0; // device px from the canvas' corner to the board's
  ty = 0;
  follows = false;
  private width = 0; // css px
  private height = 0;
  readonly centre: Place = { x: NaN, y: NaN }; // of the view, in cells
  private aim: Place | null = null; // the last place followed
  private last = 0;
  /** How many steps down in resolution this screen allows. */
  steps = 0;
  private coarse = 0; // steps taken

  constructor(readonly canvas: HTMLCanvasElement) {
    const ctx = canvas.getContext("2d", { alpha: false });
    if (ctx === null) throw new Error("This browser cannot draw: it has no canvas.");
    this.ctx = ctx;
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  /** Device pixels of a cell. */
  get scale(): number {
    return this.cell * this.dpr;
  }

  /** Sets the view for this animation frame: the whole board, or around a point of it; `held`: at once. */
  look(board: Scene, at: Place | null, watching: boolean, now: number, held = false): void {
    const fit = Math.min(
      this.width / (board.width + 2 * MARGIN),
      this.height / (board.height + 2 * MARGIN),
      MOST_CELL,
    );
    this.follows = board.known !== null || fit < (watching ? LEAST_WATCHED_CELL : LEAST_CELL);
    if (at !== null) this.aim = at;
    const wanted = Math.floor((this.follows ? this.followed() : fit) * this.dpr);
    const least = board.known !== null ? Math.ceil((Math.max(this.width, this.height) * this.dpr) / (2 * MOST_SEEN)) : 1;
    this.cell = Math.max(wanted, least) / this.dpr; // whole device pixels: crisp
    this.pan(board, now, held);
    const scale = this.scale;
    this.tx = Math.round(this.canvas.width / 2 - this.centre.x * scale);
    this.ty = Math.round(this.canvas.height / 2 - this.centre.y * scale);
  }

  /** The part of the board in sight. */
  view(): View {
    const scale = this.scale;
    return {
      left: -this.tx / scale,
      top: -this.ty / scale,
      right: (this.canvas.width - this.tx) / scale,
      bottom: (this.canvas.height - this.ty) / scale,
    };
  }

  /** Draws at a resolution so many steps below the best from now on. */
  coarsen(steps: number): void {
    if (steps === this.coarse) return;
    this.coarse = steps;
    this.resize();
  }

  /** From here on, draw in cells. */
  inCells(): CanvasRenderingContext2D {
    this.ctx.setTransform(this.scale, 0, 0, this.scale, this.tx, this.ty);
    return this.ctx;
  }

  /** From here on, draw in device pixels. */
  inPixels(): CanvasRenderingContext2D {
    this.ctx.setTransform(1, 0, 0, 1, 0, 0);
    return this.ctx;
  }

  /** Css px of a cell in a view that follows. */
  private followed(): number {
    return Math.min(Math.max(Math.min(this.width, this.height) / FOLLOW_CELLS, FOLLOW_LEAST), FOLLOW_MOST);
  }

  private pan(board: Scene, now: number, held: boolean): void {
    const target = this.target(board);
    if (board.known !== null && board.wrap) this.wrap(target, board);
    const near = Math.hypot(target.x - this.centre.x, target.y - this.centre.y) < 12; // cells; else cut
    const ease = near && this.follows && !held ? 1 - Math.exp((this.last - now) / FOLLOW_TIME) : 1;
    this.last = now;
    this.centre.x = near ? this.centre.x + (target.x - this.centre.x) * ease : target.x;
    this.centre.y = near ? this.centre.y + (target.y - this.centre.y) * ease : target.y;
  }

  /** Where the middle of the view should be. */
  private target(board: Scene): Place {
    const aim = this.aim ?? { x: board.width / 2, y: board.height / 2 };
    if (board.known !== null && board.wrap) return { ...aim }; // MOST_SEEN keeps to what is known
    const across = this.width / this.cell, down = this.height / this.cell;
    const x = clamp(aim.x, board.width, across);
    const y = clamp(aim.y, board.height, down);
    if (board.known === null) return { x, y };
    const { left, top, right, bottom } = board.known(aim);
    return { x: inside(x, left, right, across), y: inside(y, top, bottom, down) };
  }

  /** On a board without edges the view goes on over them: it is moved to the side where its target is. */
  private wrap(target: Place, { width, height }: Scene): void {
    const { centre } = this;
    if (Number.isNaN(centre.x)) return;
    centre.x += Math.round((target.x - centre.x) / width) * width;
    centre.y += Math.round((target.y - centre.y) / height) * height;
  }

  private resize(): void {
    const box = this.canvas.getBoundingClientRect();
    const best = Math.min(devicePixelRatio || 1, RESOLUTIONS[0]);
    const coarser = RESOLUTIONS.filter((dpr) => dpr < best);
    this.steps = coarser.length;
    this.dpr = [best, ...coarser][Math.min(this.coarse, this.steps)]!;
    this.width = Math.max(box.width, 1);
    this.height = Math.max(box.height, 1);
    this.canvas.width = Math.round(this.width * this.dpr);
    this.canvas.height = Math.round(this.height * this.dpr);
  }
}

/** Keeps a view of so many cells on the board. */
function clamp(centre: number, size: number, seen: number): number {
  return inside(centre, -MARGIN, size + MARGIN, seen);
}

/** Keeps a view of so many cells between two ends; one that is larger stands in the middle. */
function inside(centre: number, from: number, to: number, seen: number): number {
  if (seen >= to - from) return (from + to) / 2;
  return Math.min(Math.max(centre, from + seen / 2), to - seen / 2);
}
