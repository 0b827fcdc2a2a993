/** The board's geometry. A cell is y × width + x all over the page; the wire counts in regions. */

import type { Place, View } from "../../render/stage";
import type { State, Table } from "../../state";

export interface Ground {
  width: number;
  height: number;
  wrap: boolean;
  side: number; // cells of a region's side; 0: the whole board is one
}

const LATE = 2; // cells that the picture of a head may be ahead of what was sent for it
const CATCH_UP = 3; // times as fast as the head moves the end of what may be shown

export function groundOf(options: Record<string, unknown>): Ground {
  return {
    width: Number(options.width),
    height: Number(options.height),
    wrap: options.wrap === true,
    side: Number(options.side ?? 0),
  };
}

/** Regions in a row of them. */
export function columnsOf({ width, side }: Ground): number {
  return side === 0 ? 1 : Math.ceil(width / side);
}

export function regionOf(cell: number, ground: Ground): number {
  const { width, side } = ground;
  if (side === 0) return 0;
  return Math.floor(cell / width / side) * columnsOf(ground) + Math.floor((cell % width) / side);
}

/** The key of a cell within its region. */
export function keyOf(cell: number, { width, side }: Ground): number {
  return side === 0 ? cell : (Math.floor(cell / width) % side) * side + ((cell % width) % side);
}

export function cellOf(region: number, key: number, ground: Ground): number {
  const { width, side } = ground;
  if (side === 0) return key;
  const { x, y } = cornerOf(region, ground);
  return (y + Math.floor(key / side)) * width + x + (key % side);
}

/** The upper left cell of a region. */
export function cornerOf(region: number, ground: Ground): Place {
  const columns = columnsOf(ground);
  return { x: (region % columns) * ground.side, y: Math.floor(region / columns) * ground.side };
}

/** The row of a table that lies on a cell. */
export function rowAt(table: Table, cell: number, ground: Ground): readonly number[] | undefined {
  return table.get(regionOf(cell, ground))?.get(keyOf(cell, ground));
}

/** True if everything next to a cell is in sight. */
export function inside(cell: number, state: State, ground: Ground): boolean {
  if (ground.side === 0) return true;
  for (let way = 0; way < 4; way++) {
    const next = beside(cell, way, ground);
    if (next >= 0 && !state.known.has(regionOf(next, ground))) return false;
  }
  return true;
}

/** The number of the view around a place. Views are centred where regions meet, the nearest counts. */
export function viewAt({ x, y }: Place, { width, height, wrap, side }: Ground): number {
  const nearest = (cell: number) => Math.floor((cell + side / 2) / side);
  const on = (place: number, size: number) =>
    wrap ? ((Math.floor(place) % size) + size) % size : Math.min(Math.max(Math.floor(place), 0), size - 1);
  return nearest(on(y, height)) * (nearest(width - 1) + 1) + nearest(on(x, width));
}

/** What is surely known around a head at a place; it changes without a jump as the head moves. */
export function knownAround({ x, y }: Place, { side }: Ground): View {
  return {
    left: -knownAfter(-x, side),
    top: -knownAfter(-y, side),
    right: knownAfter(x, side),
    bottom: knownAfter(y, side),
  };
}

/** As far as the view shows that a place has been in for a while: two sides beyond its middle. */
function knownAfter(place: number, side: number): number {
  const at = place - LATE;
  const middle = Math.floor((at + side / 2) / side) * side;
  return middle + side + Math.min(side, CATCH_UP * (at - middle + side / 2));
}

/** How far to shift the board so that it shows in a view: once, or several times where it wraps. */
export function images({ left, top, right, bottom }: View, { width, height, wrap, side }: Ground): Place[] {
  if (!wrap || side === 0) return [{ x: 0, y: 0 }];
  const found: Place[] = [];
  for (let row = Math.floor(top / height); row * height < bottom; row++) {
    for (let column = Math.floor(left / width); column * width < right; column++) {
      found.push({ x: column * width, y: row * height });
    }
  }
  return found;
}

/** The cell a step away, or -1 where a wall is. 0 up, 1 right, 2 down, 3 left. */
export function beside(cell: number, direction: number, { width, height, wrap }: Ground): number {
  let x = (cell % width) + (direction === 1 ? 1 : direction === 3 ? -1 : 0);
  let y = Math.floor(cell / width) + (direction === 2 ? 1 : direction === 0 ? -1 : 0);
  if (wrap) {
    x = (x + width) % width;
    y = (y + height) % height;
  } else if (x < 0 || y < 0 || x >= width || y >= height) return -1;
  return y * width + x;
}

/** The direction of the step between two neighbouring cells. */
export function heading(from: number, to: number, ground: Ground): number {
  const dx = stepX(from, to, ground);
  if (dx !== 0) return dx > 0 ? 1 : 3;
  return stepY(from, to, ground) > 0 ? 2 : 0;
}

export function stepX(from: number, to: number, { width }: Ground): number {
  const step = (to % width) - (from % width);
  if (Math.abs(step) <= 1) return step;
  return step > 0 ? -1 : 1; // over the edge
}

export function stepY(from: number, to: number, { width }: Ground): number {
  const step = Math.floor(to / width) - Math.floor(from / width);
  if (Math.abs(step) <= 1) return step;
  return step > 0 ? -1 : 1;
}
