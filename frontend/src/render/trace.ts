/** The faint trace under a swiping thumb. */

import type { TracePoint } from "../input";
import type { Stage } from "./stage";

const LASTS = 320; // ms

export function drawTrace(stage: Stage, trace: readonly TracePoint[], now: number): void {
  const newest = trace[trace.length - 1];
  if (newest === undefined || now - newest.at > LASTS) return;
  const box = stage.canvas.getBoundingClientRect();
  const ctx = stage.inPixels();
  ctx.lineCap = "round";
  ctx.lineWidth = 10 * stage.dpr;
  for (let i = 1; i < trace.length; i++) {
    const [from, to] = [trace[i - 1]!, trace[i]!];
    const fresh = 1 - (now - to.at) / LASTS;
    if (fresh <= 0) continue;
    ctx.strokeStyle = `rgba(255,246,224,${0.16 * fresh})`;
    ctx.beginPath();
    ctx.moveTo((from.x - box.left) * stage.dpr, (from.y - box.top) * stage.dpr);
    ctx.lineTo((to.x - box.left) * stage.dpr, (to.y - box.top) * stage.dpr);
    ctx.stroke();
  }
}
