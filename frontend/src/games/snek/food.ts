/** Seeds and remains: small, glowing, in a slow pulse. */

import type { Frame } from "../../protocol";
import type { Stage, View } from "../../render/stage";
import type { State } from "../../state";
import { cellOf, cornerOf, type Ground, images } from "./board";
import { paintOf, rgba, SEED, SEED_RGB } from "./palette";

export const FOOD = 1; // the table's place in the welcome, checked in index.ts
const PULSE = 2600; // ms
const APPEAR = 3; // ticks in which a new one grows to its size
const SPRITE = 2.2; // cells: a glow reaches beyond its cell

interface Morsel {
  cell: number;
  colour: number;
  from: number; // ticks between which it is seen
  to: number;
}

export class Food {
  private morsels = new Map<number, Map<number, Morsel>>(); // by region, by cell
  private eaten: Morsel[] = []; // gone from the state, not yet from the picture
  private sprites = new Map<number, HTMLCanvasElement>();
  private scale = 0;

  constructor(private readonly ground: Ground) {}

  applied(frame: Frame, state: State): void {
    const anew = new Set<number>();
    for (const { region, how } of frame.parts) if (how !== "change") anew.add(region);
    if (frame.keyframe) for (const region of [...this.morsels.keys(), ...state.tables[FOOD]!.keys()]) anew.add(region);
    for (const region of anew) this.replace(region, state, frame.tick);
    for (const { region, changes } of frame.parts) {
      if (anew.has(region)) continue;
      for (const { table, gone, rows } of changes) {
        if (table !== FOOD) continue;
        for (const key of gone) this.take(region, cellOf(region, key, this.ground), frame.tick);
        for (const [key, colour] of rows) this.lay(region, cellOf(region, key!, this.ground), colour!, frame.tick);
      }
    }
  }

  draw(stage: Stage, moment: number, now: number, calm: boolean): void {
    this.forget(moment);
    this.prepare(stage.scale);
    const ctx = stage.inPixels();
    const view = stage.view();
    for (const { x, y } of images(view, this.ground)) {
      const shifted = { left: view.left - x, right: view.right - x, top: view.top - y, bottom: view.bottom - y };
      const at = { left: stage.tx + x * stage.scale, top: stage.ty + y * stage.scale };
      const paint = (morsel: Morsel) => this.paint(ctx, at, shifted, morsel, moment, now, calm);
      for (const [region, morsels] of this.morsels) if (this.seen(region, shifted)) morsels.forEach(paint);
      this.eaten.forEach(paint);
    }
  }

  /** Whether a region reaches into the view. */
  private seen(region: number, { left, right, top, bottom }: View): boolean {
    const { side } = this.ground;
    if (side === 0) return true;
    const { x, y } = cornerOf(region, this.ground);
    return x < right + 1 && x + side > left - 1 && y < bottom + 1 && y + side > top - 1;
  }

  private paint(
    ctx: CanvasRenderingContext2D, at: { left: number; top: number }, view: View, { cell, colour, from }: Morsel,
    moment: number, now: number, calm: boolean,
  ): void {
    const x = (cell % this.ground.width) + 0.5;
    const y = Math.floor(cell / this.ground.width) + 0.5;
    if (from > moment || x < view.left - 1 || x > view.right + 1 || y < view.top - 1 || y > view.bottom + 1) return;
    const grown = calm ? 1 : Math.min((moment - from + 0.3) / APPEAR, 1);
    const beat = calm ? 1 : 1 + 0.09 * Math.sin((now / PULSE + cell * 0.37) * Math.PI * 2);
    const size = Math.max(Math.round(SPRITE * this.scale * grown * beat), 1);
    // Whole pixels and no scaling: a plain copy, a tenth of the cost.
    const left = Math.round(at.left + x * this.scale - size / 2);
    const top = Math.round(at.top + y * this.scale - size / 2);
    ctx.drawImage(this.sprite(colour, size), left, top);
  }

  /** Lets go of what was eaten before a moment, in ticks. */
  forget(moment: number): void {
    while (this.eaten[0] !== undefined && this.eaten[0].to <= moment) this.eaten.shift();
  }

  /** A region came anew, or went: what is new to the eye is simply there. */
  private replace(region: number, state: State, tick: number): void {
    const old = this.morsels.get(region);
    this.morsels.delete(region);
    for (const [key, colour] of state.tables[FOOD]!.get(region)?.values() ?? []) {
      const cell = cellOf(region, key!, this.ground);
      this.lay(region, cell, colour!, old?.get(cell)?.from ?? tick - APPEAR);
    }
  }

  private lay(region: number, cell: number, colour: number, from: number): void {
    let morsels = this.morsels.get(region);
    if (morsels === undefined) this.morsels.set(region, (morsels = new Map()));
    morsels.set(cell, { cell, colour, from, to: Infinity });
  }

  private take(region: number, cell: number, tick: number): void {
    const morsel = this.morsels.get(region)?.get(cell);
    if (morsel === undefined) return;
    this.morsels.get(region)!.delete(cell);
    this.eaten.push({ ...morsel, to: tick });
  }

  /** The picture of a kind at a size in pixels; there are few sizes, as the pulse is small. */
  private sprite(colour: number, size: number): HTMLCanvasElement {
    const key = colour * 4096 + size;
    let sprite = this.sprites.get(key);
    if (sprite === undefined) this.sprites.set(key, (sprite = paintMorsel(colour, size)));
    return sprite;
  }

  private prepare(scale: number): void {
    if (this.scale !== scale) this.sprites.clear();
    this.scale = scale;
  }
}

function paintMorsel(colour: number, size: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const ctx = canvas.getContext("2d")!;
  ctx.scale(size / SPRITE, size / SPRITE);
  ctx.translate(SPRITE / 2, SPRITE / 2);
  const rgb = colour === SEED ? SEED_RGB : paintOf(colour).rgb;
  const glow = ctx.createRadialGradient(0, 0, 0.1, 0, 0, SPRITE / 2);
  glow.addColorStop(0, rgba(rgb, colour === SEED ? 0.5 : 0.34));
  glow.addColorStop(0.45, rgba(rgb, 0.12));
  glow.addColorStop(1, rgba(rgb, 0));
  ctx.fillStyle = glow;
  ctx.fillRect(-SPRITE / 2, -SPRITE / 2, SPRITE, SPRITE);
  if (colour === SEED) paintSeed(ctx);
  else paintRemains(ctx, rgb);
  return canvas;
}

function paintSeed(ctx: CanvasRenderingContext2D): void {
  ctx.fillStyle = rgba(SEED_RGB, 1);
  ctx.beginPath();
  ctx.arc(0, 0.02, 0.24, 0, Math.PI * 2);
  ctx.fill();
  ctx.fillStyle = "#fff3d6";
  ctx.beginPath();
  ctx.ellipse(-0.06, -0.05, 0.12, 0.09, -0.7, 0, Math.PI * 2);
  ctx.fill();
}

/** A rounded lozenge: another shape than a seed, not only another colour. */
function paintRemains(ctx: CanvasRenderingContext2D, rgb: readonly [number, number, number]): void {
  ctx.rotate(Math.PI / 4);
  ctx.fillStyle = rgba(rgb, 0.95);
  ctx.beginPath();
  ctx.roundRect(-0.2, -0.2, 0.4, 0.4, 0.11);
  ctx.fill();
  ctx.fillStyle = "rgba(255,255,255,0.4)";
  ctx.beginPath();
  ctx.roundRect(-0.13, -0.13, 0.14, 0.14, 0.05);
  ctx.fill();
}
