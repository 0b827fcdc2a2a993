/** What a frame says about the snakes' cells, in cells of the board. */

import type { Frame } from "../../protocol";
import { type State, stepped } from "../../state";
import { cellOf, type Ground, regionOf } from "./board";

export const CELLS = 2; // the table's place in the welcome, checked in index.ts

type Came = [cell: number, value: number]; // value: seat << 2 | direction

export interface CellNews {
  left: number[]; // in this tick
  came: Came[];
  lost: number[]; // in regions that came anew, or went: how and when is not known
  found: Came[];
}

/** `before` is what was known until this frame. */
export function readCells(frame: Frame, state: State, before: ReadonlyMap<number, number>, ground: Ground): CellNews {
  const news: CellNews = { left: [], came: [], lost: [], found: [] };
  const anew = new Set<number>();
  for (const { region, how } of frame.parts) if (how !== "change") anew.add(region);
  if (frame.keyframe || anew.size > 0) compare(frame.keyframe ? null : anew, state, before, ground, news);
  if (!frame.keyframe) tell(frame, state, anew, ground, news);
  return news;
}

/** Regions of which everything came at once (null: all), older ticks and all: only the outcome counts. */
function compare(
  anew: ReadonlySet<number> | null, state: State, before: ReadonlyMap<number, number>, ground: Ground, news: CellNews,
): void {
  const table = state.tables[CELLS]!;
  const now = new Map<number, number>();
  for (const region of anew ?? table.keys()) {
    for (const [key, value] of table.get(region)?.values() ?? []) now.set(cellOf(region, key!, ground), value!);
  }
  for (const [cell, value] of before) {
    if (anew !== null && !anew.has(regionOf(cell, ground))) continue;
    if (now.get(cell) === value) now.delete(cell);
    else news.lost.push(cell);
  }
  news.found.push(...now);
}

function tell(frame: Frame, state: State, anew: ReadonlySet<number>, ground: Ground, news: CellNews): void {
  for (const { region, changes } of frame.parts) {
    const change = anew.has(region) ? undefined : changes.find(({ table }) => table === CELLS);
    if (change === undefined) continue;
    for (const key of change.gone) news.left.push(cellOf(region, key, ground));
    const rows = state.tables[CELLS]!.get(region)!;
    for (const [key, direction] of change.steps) {
      const [to, value] = rows.get(stepped(key, direction, state.specs[CELLS]!.across))!;
      news.came.push([cellOf(region, to!, ground), value!]);
    }
    for (const [key, value] of change.rows) news.came.push([cellOf(region, key!, ground), value!]);
  }
}
