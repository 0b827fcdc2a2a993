/**
 * What does not move: the board, its rim, its rocks; painted once, then copied. Of a board that is
 * larger than the screen only what is in view is painted, and a little around it.
 */

import { MARGIN, type Stage, type View } from "../../render/stage";
import { AROUND, GROUND } from "./palette";
import { type Ground, images } from "./board";

const AHEAD = 6; // cells painted beyond the view, so that following repaints only now and then
const WHOLE = 5_000_000; // device px (20 MB): a board that needs no more is painted once and for all
const CORNER = 0.6; // cells: radius of the board's corners
const BEYOND = 0.15; // cells that the ground reaches beyond its outermost cells
const RIM = 2; // css px: thickness of the edge
const KILLS = "255,112,84";
const WRAPS = "132,156,196";

export class GroundLayer {
  private readonly canvas = document.createElement("canvas");
  private painted: View | null = null;
  private scale = 0;
  private stale = true;

  constructor(
    private readonly ground: Ground,
    private readonly rocks: () => Iterable<number>,
  ) {}

  /** The rocks changed. */
  repaint(): void {
    this.stale = true;
  }

  draw(stage: Stage): void {
    const view = stage.view();
    if (this.stale || this.scale !== stage.scale || !this.covers(view)) this.paint(stage, view);
    const ctx = stage.inPixels();
    const { left, top } = this.painted!;
    ctx.drawImage(this.canvas, Math.round(left * this.scale) + stage.tx, Math.round(top * this.scale) + stage.ty);
  }

  private covers(view: View): boolean {
    const p = this.painted;
    const slack = 1 / this.scale; // a pixel of rounding
    return p !== null && p.left <= view.left + slack && p.top <= view.top + slack &&
      p.right >= view.right - slack && p.bottom >= view.bottom - slack;
  }

  private paint(stage: Stage, view: View): void {
    const scale = (this.scale = stage.scale);
    const ahead = stage.follows ? this.ahead(view) : 0;
    const snap = (cells: number) => Math.floor(cells * scale) / scale;
    const left = snap(view.left - ahead), top = snap(view.top - ahead);
    this.painted = { left, top, right: view.right + ahead, bottom: view.bottom + ahead };
    this.stale = false;
    this.size(Math.ceil((this.painted.right - left) * scale) + 1, Math.ceil((this.painted.bottom - top) * scale) + 1);
    const ctx = this.canvas.getContext("2d", { alpha: false })!;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.fillStyle = AROUND;
    ctx.fillRect(0, 0, this.canvas.width, this.canvas.height);
    const shifts = images(this.painted, this.ground);
    const paint = (what: () => void) => {
      for (const { x, y } of shifts) {
        ctx.setTransform(scale, 0, 0, scale, Math.round((x - left) * scale), Math.round((y - top) * scale));
        what();
      }
    };
    paint(() => this.paintBoard(ctx, shifts.length > 1 ? 0 : BEYOND));
    paint(() => this.paintRim(ctx, stage.dpr));
    paint(() => this.paintRocks(ctx));
  }

  /** A canvas of this size in device px; a new one costs more than painting over the old. */
  private size(width: number, height: number): void {
    if (this.canvas.width === width && this.canvas.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
  }

  /** How far beyond the view to paint, in cells: all that following can reach, where that is affordable. */
  private ahead({ left, top, right, bottom }: View): number {
    const { width, height } = this.ground;
    const all = Math.max(left, top, width - right, height - bottom, 0) + MARGIN;
    const pixels = (right - left + 2 * all) * (bottom - top + 2 * all) * this.scale ** 2;
    return pixels <= WHOLE ? all : AHEAD;
  }

  private paintBoard(ctx: CanvasRenderingContext2D, beyond: number): void {
    const { width, height } = this.ground;
    ctx.fillStyle = GROUND;
    ctx.beginPath();
    ctx.roundRect(-beyond, -beyond, width + 2 * beyond, height + 2 * beyond, beyond > 0 ? CORNER : 0);
    ctx.fill();
    ctx.fillStyle = this.dots(ctx);
    ctx.fillRect(0.5, 0.5, width - 1, height - 1);
  }

  /** A dot at every crossing: one small picture, repeated as far as the canvas reaches. */
  private dots(ctx: CanvasRenderingContext2D): CanvasPattern {
    const tile = document.createElement("canvas");
    const cell = (tile.width = tile.height = Math.round(this.scale)); // the stage keeps it whole
    const on = tile.getContext("2d")!;
    const size = Math.max(0.07 * cell, 1.5);
    on.fillStyle = "rgba(150,172,210,0.2)";
    for (const x of [0, cell]) for (const y of [0, cell]) on.fillRect(x - size / 2, y - size / 2, size, size);
    const pattern = ctx.createPattern(tile, "repeat")!;
    pattern.setTransform(new DOMMatrix().scale(1 / cell));
    return pattern;
  }

  private paintRocks(ctx: CanvasRenderingContext2D): void {
    const { width } = this.ground;
    for (const cell of this.rocks()) paintRock(ctx, (cell % width) + 0.5, Math.floor(cell / width) + 0.5, cell);
  }

  private paintRim(ctx: CanvasRenderingContext2D, dpr: number): void {
    const { width, height, wrap } = this.ground;
    const pixel = dpr / this.scale; // a css pixel, in cells
    if (wrap) {
      ctx.strokeStyle = `rgba(${WRAPS},0.6)`;
      ctx.lineWidth = RIM * pixel;
      ctx.setLineDash([0.5, 0.5]);
      ctx.lineDashOffset = 0.25;
      ctx.strokeRect(0, 0, width, height);
      ctx.setLineDash([]);
      return;
    }
    // A soft glow: strokes of growing width, each nearly nothing.
    for (const [line, alpha] of [[26, 0.035], [19, 0.05], [13, 0.07], [7, 0.13], [RIM, 0.6]] as const) {
      ctx.strokeStyle = `rgba(${KILLS},${alpha})`;
      ctx.lineWidth = line * pixel;
      rim(ctx, width, height);
    }
  }
}

function rim(ctx: CanvasRenderingContext2D, width: number, height: number): void {
  ctx.beginPath();
  ctx.roundRect(-0.08, -0.08, width + 0.16, height + 0.16, CORNER);
  ctx.stroke();
}

/** A matt stone, each a little different: its cell is the seed of its shape. */
function paintRock(ctx: CanvasRenderingContext2D, x: number, y: number, cell: number): void {
  stone(ctx, x, y + 0.06, 0.49, cell, "rgba(4,6,10,0.55)");
  stone(ctx, x, y, 0.46, cell, "#4a4f57");
  stone(ctx, x - 0.04, y - 0.07, 0.33, cell + 1, "#5c626b");
  stone(ctx, x - 0.08, y - 0.13, 0.15, cell + 2, "#6d747e");
}

function stone(
  ctx: CanvasRenderingContext2D, x: number, y: number, radius: number, seed: number, fill: string,
): void {
  ctx.fillStyle = fill;
  ctx.beginPath();
  const corners = 7;
  for (let i = 0; i < corners; i++) {
    const angle = ((i + chance(seed, i) * 0.5) / corners) * Math.PI * 2;
    const r = radius * (0.86 + 0.2 * chance(seed, i + 9));
    ctx.lineTo(x + Math.cos(angle) * r, y + Math.sin(angle) * r);
  }
  ctx.closePath();
  ctx.fill();
}

/** A number from 0 to 1 that is always the same for the same two. */
export function chance(a: number, b: number): number {
  const value = Math.sin(a * 127.1 + b * 311.7) * 43758.5453;
  return value - Math.floor(value);
}
