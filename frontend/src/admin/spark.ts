/** A sparkline: the last minute of one number, from zero, the newest at the right. */

import { MINUTE } from "./history";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 72;
const HEIGHT = 18;

export function spark(): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("class", "kgm-spark");
  svg.setAttribute("aria-hidden", "true"); // the number beside it says it
  svg.append(document.createElementNS(SVG, "path"));
  return svg;
}

export function drawSpark(svg: SVGSVGElement, values: readonly number[]): void {
  const path = svg.firstElementChild;
  const most = Math.max(...values, 1e-9);
  const step = WIDTH / (MINUTE - 1);
  const left = WIDTH - (values.length - 1) * step;
  const points = values.map((value, n) => {
    const y = HEIGHT - 1 - (Math.max(0, value) / most) * (HEIGHT - 2);
    return `${(left + n * step).toFixed(1)} ${y.toFixed(1)}`;
  });
  path?.setAttribute("d", points.length > 1 ? `M${points.join("L")}` : "");
}
