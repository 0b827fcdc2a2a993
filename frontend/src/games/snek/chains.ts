/** From loose cells of one snake to chains of them, tail first. */

import { beside, type Ground } from "./board";

/** The cell from which a cell was entered, or -1; `value` is the cell's row: seat and direction. */
export function behind(cell: number, value: number, ground: Ground): number {
  return beside(cell, (value & 3) ^ 2, ground);
}

/**
 * Cuts one snake's cells into chains. `back` says which cell lies behind each; `after` says what
 * followed a cell when it was last seen: where a body passes its own tail, two cells point back to
 * one. A snake whose head is right behind its tail points back to itself all round: `heads` are
 * where its head may be.
 */
export function chains(
  back: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>, heads: Iterable<number>,
): number[][] {
  const pointed = new Set<number>();
  for (const cell of back.values()) pointed.add(cell);
  const used = new Set<number>();
  const found: number[][] = [];
  const walk = (head: number) => {
    if (used.has(head) || !back.has(head)) return;
    const chain: number[] = [];
    for (let cell = head; back.has(cell) && !used.has(cell); cell = back.get(cell)!) {
      const follower = after.get(cell);
      const last = chain[chain.length - 1];
      if (last !== undefined && follower !== undefined && follower !== last && back.has(follower)) break;
      used.add(cell);
      chain.push(cell);
    }
    found.push(chain.reverse());
  };
  for (const cell of back.keys()) if (!pointed.has(cell)) walk(cell);
  for (const cell of heads) walk(cell);
  for (const cell of back.keys()) walk(cell);
  return found;
}
