/** The tables as whoever watches the page from outside reads them: cells of the board, snakes in order. */

import type { Row, State } from "../../state";
import { type Bodies, tailOf } from "./bodies";
import { cellOf, type Ground } from "./board";
import { CELLS } from "./cells";

const ON_CELLS = 3; // the first tables have cells as keys

/** Rows by table; those of `cells` are [cell, seat], each snake's from its tail to its head. */
export function readable(state: State, bodies: Bodies, ground: Ground): Record<string, Row[]> {
  const tables = state.specs.map(({ name }, index) => [name, rowsOf(state, index, bodies, ground)] as const);
  return Object.fromEntries(tables);
}

function rowsOf(state: State, index: number, bodies: Bodies, ground: Ground): Row[] {
  if (index === CELLS) {
    return [...bodies.all()].flatMap((body) => body.cells.slice(tailOf(body)).map((cell) => [cell, body.seat]));
  }
  const own = state.own.get(index);
  if (own !== undefined) return [own];
  return [...state.tables[index]!].flatMap(([region, rows]) => {
    if (index >= ON_CELLS) return [...rows.values()];
    return [...rows.values()].map(([key, ...fields]) => [cellOf(region, key!, ground), ...fields]);
  });
}
