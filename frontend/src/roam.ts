/** Moving about over a board that no page shows whole, for who only watches; and the map of it. */

import type { Camera } from "./games/contract";
import { byId } from "./hud/dom";
import { MiniMap } from "./hud/map";
import type { InputEvents } from "./input";
import { look } from "./protocol";

const LOOK_EVERY = 250; // ms between two wishes for another view: what the server heeds

export class Roam implements Pick<InputEvents, "roams" | "push" | "drag"> {
  private readonly map = new MiniMap(byId("canvas").parentElement!, (to) => this.camera()?.jump(to));
  private readonly follow = byId("follow-button");
  private looked: number | null = null; // the view last asked for

  constructor(
    private readonly any: () => Camera | null,
    private readonly send: (message: Uint8Array<ArrayBuffer>) => boolean,
  ) {
    setInterval(() => this.look(), LOOK_EVERY);
    this.follow.addEventListener("click", () => this.camera()?.release());
  }

  roams(): boolean {
    return this.camera() !== null;
  }

  push(direction: number): void {
    this.camera()?.push(direction);
  }

  drag(dx: number, dy: number): void {
    this.camera()?.drag(dx, dy);
  }

  /** A new connection knows of no wish. */
  reset(): void {
    this.looked = null;
  }

  draw(now: number): void {
    this.map.show(() => this.any()?.map() ?? null, now);
    const follows = (this.camera()?.moved ?? null) === null;
    if (this.follow.hidden !== follows) this.follow.hidden = follows;
  }

  /** The camera, while it may be moved. */
  private camera(): Camera | null {
    const camera = this.any();
    return camera?.free() ? camera : null;
  }

  /** Asks for what lies around the camera; who plays is shown what lies around the head. */
  private look(): void {
    const view = this.camera()?.view() ?? null;
    if (view === null) this.looked = null;
    else if (view !== this.looked && this.send(look(view))) this.looked = view;
  }
}
