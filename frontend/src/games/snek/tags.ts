/** Name tags over heads; each name is painted once and then copied. */

import type { Stage } from "../../render/stage";
import { paintOf } from "./palette";

const FONT = 12; // css px
const PAD = 5; // css px beside the name
const HEIGHT = 18; // css px
const MOST = 128; // tags kept: twice the largest room

export class Tags {
  private painted = new Map<string, HTMLCanvasElement>();
  private dpr = 0;

  /** Draws a name over a head at a place in cells. */
  draw(stage: Stage, name: string, colour: number, x: number, y: number, alpha: number, mine: boolean): void {
    const tag = this.tag(stage.dpr, name, colour, mine);
    const ctx = stage.inPixels();
    const lift = stage.scale * 0.85 + tag.height;
    ctx.globalAlpha = alpha;
    const top = stage.ty + y * stage.scale - lift;
    const below = top < 2 ? stage.scale * 1.7 + tag.height : 0; // at the upper edge: under the head
    ctx.drawImage(tag, Math.round(stage.tx + x * stage.scale - tag.width / 2), Math.round(top + below));
    ctx.globalAlpha = 1;
  }

  private tag(dpr: number, name: string, colour: number, mine: boolean): HTMLCanvasElement {
    if (dpr !== this.dpr || this.painted.size > MOST) this.painted.clear();
    this.dpr = dpr;
    const key = `${colour}${mine ? "!" : ":"}${name}`;
    let tag = this.painted.get(key);
    if (tag === undefined) this.painted.set(key, (tag = paintTag(dpr, name, colour, mine)));
    return tag;
  }
}

function paintTag(dpr: number, name: string, colour: number, mine: boolean): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  const ctx = canvas.getContext("2d")!;
  const font = `${mine ? 700 : 600} ${FONT}px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`;
  ctx.font = font;
  const width = Math.ceil(ctx.measureText(name).width) + 2 * PAD;
  canvas.width = Math.round(width * dpr);
  canvas.height = Math.round(HEIGHT * dpr);
  ctx.scale(dpr, dpr);
  ctx.font = font;
  ctx.textBaseline = "middle";
  ctx.fillStyle = mine ? "#fffaf0" : "rgba(12,15,21,0.72)";
  ctx.beginPath();
  ctx.roundRect(0, 0, width, HEIGHT, HEIGHT / 2);
  ctx.fill();
  ctx.fillStyle = mine ? "#1b1713" : paintOf(colour).light;
  ctx.fillText(name, PAD, HEIGHT / 2 + 0.5);
  return canvas;
}
