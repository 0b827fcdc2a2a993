/** The map in the corner: a board that no page shows whole, where its crowds are, and where I am. */

import type { Overview } from "../games/contract";
import type { Place } from "../render/stage";
import { make } from "./dom";

const EVERY = 100; // ms between two pictures: what moves on it moves by less than a pixel
const CROWDED = 6; // heads in a square that is drawn as full
const DOT = 2.5; // css px: radius of my place
const CROWD = "150,172,210";
const ME = "#ffdb9b"; // --accent-strong
const RIM = "rgba(255,246,224,0.75)";

export class MiniMap {
  private readonly canvas = make("canvas", "map") as HTMLCanvasElement;
  private shown: Overview | null = null;
  private drawn = -EVERY;

  /** `jump`: somebody pointed at a place. */
  constructor(board: HTMLElement, jump: (to: Place) => void) {
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "Map of the whole board");
    this.canvas.dataset.scroll = ""; // what is pressed here is not meant for the board
    this.canvas.hidden = true;
    board.append(this.canvas);
    const point = (event: PointerEvent) => {
      const place = event.buttons === 1 ? this.placeOf(event) : null;
      if (place !== null) jump(place);
    };
    this.canvas.addEventListener("pointerdown", point);
    this.canvas.addEventListener("pointermove", point);
  }

  /** Shows what the overview says, now and then; null: this board needs no map. */
  show(overview: () => Overview | null, now: number): void {
    if (now - this.drawn < EVERY) return;
    this.drawn = now;
    this.shown = overview();
    this.canvas.hidden = this.shown === null;
    if (this.shown !== null) this.draw(this.shown);
  }

  private placeOf({ offsetX, offsetY }: PointerEvent): Place | null {
    if (this.shown === null) return null;
    const { width, height } = this.shown;
    const { clientWidth, clientHeight } = this.canvas;
    return { x: (offsetX / clientWidth) * width, y: (offsetY / clientHeight) * height };
  }

  private draw(overview: Overview): void {
    const { width, height, me } = overview;
    const ctx = this.canvas.getContext("2d")!;
    const scale = this.fit(width, height);
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, this.canvas.width, this.canvas.height);
    ctx.setTransform(scale, 0, 0, scale, 0, 0);
    drawCrowds(ctx, overview);
    const pixel = Math.min(devicePixelRatio, 2) / scale;
    drawView(ctx, overview, pixel);
    if (me === null) return;
    ctx.fillStyle = ME;
    ctx.beginPath();
    ctx.arc(me.x, me.y, DOT * pixel, 0, Math.PI * 2);
    ctx.fill();
  }

  /** Gives the canvas the board's shape; returns device px to a cell. */
  private fit(width: number, height: number): number {
    const dpr = Math.min(devicePixelRatio, 2); // finer is not seen on so small a picture
    const shape = `${width} / ${height}`;
    if (this.canvas.style.aspectRatio !== shape) {
      this.canvas.style.aspectRatio = shape;
      this.canvas.classList.toggle("upright", height > width);
    }
    const wanted = Math.round(this.canvas.clientWidth * dpr);
    if (this.canvas.width !== wanted) {
      this.canvas.width = wanted;
      this.canvas.height = Math.round((wanted * height) / width);
    }
    return wanted / width;
  }
}

function drawCrowds(ctx: CanvasRenderingContext2D, { crowds, side, width, height }: Overview): void {
  for (const { x, y, heads } of crowds) {
    ctx.fillStyle = `rgba(${CROWD},${0.25 + 0.6 * Math.min(heads / CROWDED, 1)})`;
    const gap = side * 0.06; // of ground between two squares
    ctx.fillRect(x + gap, y + gap, Math.min(side, width - x) - 2 * gap, Math.min(side, height - y) - 2 * gap);
  }
}

/** What the page shows; around the edges of a board that wraps it goes on at the other side. */
function drawView(ctx: CanvasRenderingContext2D, { view, width, height, wrap }: Overview, pixel: number): void {
  ctx.strokeStyle = RIM;
  ctx.lineWidth = pixel;
  for (const x of wrap ? [-width, 0, width] : [0]) {
    for (const y of wrap ? [-height, 0, height] : [0]) {
      ctx.strokeRect(view.left + x, view.top + y, view.right - view.left, view.bottom - view.top);
    }
  }
}
