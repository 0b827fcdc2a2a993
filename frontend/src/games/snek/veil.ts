/** What is in view and not known yet: plain ground without its dots, until the server has told of it. */

import type { Stage } from "../../render/stage";
import { type Ground, columnsOf, cornerOf, images } from "./board";
import { UNKNOWN } from "./palette";

export function drawVeil(stage: Stage, known: ReadonlySet<number>, ground: Ground): void {
  const view = stage.view();
  const { width, height, side } = ground;
  const columns = columnsOf(ground), rows = Math.ceil(height / side);
  const within = (from: number, to: number, most: number): [number, number] => [
    Math.max(Math.floor(from / side), 0), Math.min(Math.floor(to / side), most - 1),
  ];
  const ctx = stage.inCells();
  ctx.fillStyle = UNKNOWN;
  for (const { x, y } of images(view, ground)) {
    const [left, right] = within(view.left - x, view.right - x, columns);
    const [top, bottom] = within(view.top - y, view.bottom - y, rows);
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        const region = row * columns + column;
        if (known.has(region)) continue;
        const corner = cornerOf(region, ground);
        const across = Math.min(side, width - corner.x), down = Math.min(side, height - corner.y);
        ctx.fillRect(corner.x + x, corner.y + y, across, down);
      }
    }
  }
}
