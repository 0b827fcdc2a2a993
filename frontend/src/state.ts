/** What this page knows of its room, as plain data, and how a frame changes it. */

import { type Change, type Frame, type Part, ROOM, type TableSpec } from "./protocol";

export type Row = readonly number[]; // [key, ...fields]
export type Rows = Map<number, Row>; // key → row, in the order in which each was last set
export type Table = Map<number, Rows>; // region → rows

export const PERSON = 0, ABSENT = 1, BOT = 2;

export interface Seat {
  seat: number;
  name: string;
  colour: number;
  pilot: number; // PERSON, ABSENT or BOT
}

export interface State {
  epoch: number;
  tick: number;
  fresh: boolean; // false: waiting for a keyframe, deltas mean nothing
  specs: readonly TableSpec[];
  tables: Table[]; // as specs
  known: Set<number>; // regions in sight
  own: Map<number, readonly number[]>; // table → the fields that only I get
  roster: Map<number, Seat>;
}

export type Outcome = "applied" | "ignored" | "gap";

export function emptyState(specs: readonly TableSpec[]): State {
  const tables = specs.map((): Table => new Map());
  return { epoch: 0, tick: 0, fresh: false, specs, tables, known: new Set(), own: new Map(), roster: new Map() };
}

/** Takes a frame in, or says why not: "gap" means that only a keyframe helps. */
export function apply(state: State, frame: Frame): Outcome {
  if (frame.epoch < state.epoch) return "ignored"; // an owner of before a hand-over
  if (frame.keyframe) {
    state.tables = state.tables.map(() => new Map());
    state.known = new Set();
    state.roster = new Map();
  } else {
    if (!state.fresh) return "gap";
    if (frame.epoch !== state.epoch) return gap(state);
    if (frame.tick <= state.tick) return "ignored";
    if (frame.tick !== state.tick + 1) return gap(state);
  }
  state.epoch = frame.epoch;
  state.tick = frame.tick;
  state.fresh = true;
  for (const part of frame.parts) if (!takePart(state, part)) return gap(state);
  takeRosters(state, frame);
  return "applied";
}

function gap(state: State): Outcome {
  state.fresh = false;
  return "gap";
}

/** False if the part does not fit what is known. */
function takePart(state: State, { region, how, changes }: Part): boolean {
  if (how !== "change") drop(state, region);
  if (how === "forget") state.known.delete(region);
  else if (region !== ROOM) state.known.add(region);
  return changes.every((change) => takeChange(state, region, change));
}

function drop(state: State, region: number): void {
  state.specs.forEach(({ scope }, index) => scope === "region" && state.tables[index]!.delete(region));
}

function takeChange(state: State, region: number, { table, gone, steps, rows }: Change): boolean {
  const held = rowsOf(state.tables[table]!, region);
  for (const key of gone) held.delete(key);
  for (const [key, direction] of steps) {
    const row = held.get(key);
    if (row === undefined) return false;
    const [, first, ...others] = row;
    set(held, [stepped(key, direction, state.specs[table]!.across), (first! & ~3) | direction, ...others]);
  }
  for (const row of rows) set(held, row);
  return true;
}

/** The key of the cell next to a cell: 0 up, 1 right, 2 down, 3 left. Steps never leave their region. */
export function stepped(key: number, direction: number, across: number): number {
  return key + (direction === 0 ? -across : direction === 1 ? 1 : direction === 2 ? across : -1);
}

function set(held: Rows, row: Row): void {
  held.delete(row[0]!); // so that it becomes the newest even when it was there before
  held.set(row[0]!, row);
}

function rowsOf(table: Table, region: number): Rows {
  let rows = table.get(region);
  if (rows === undefined) table.set(region, (rows = new Map()));
  return rows;
}

function takeRosters(state: State, { rosters }: Frame): void {
  for (const { seats, gone } of rosters) {
    for (const [seat, name, colour, pilot] of seats) state.roster.set(seat, { seat, name, colour, pilot });
    for (const seat of gone) state.roster.delete(seat);
  }
}
