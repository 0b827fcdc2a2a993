/** A frame's bytes, part by part: the largest message, so it has a file beside `protocol.ts`. */

import { Malformed, type Reader } from "./bytes";
import type { Change, Frame, GameEvent, Roster, TableSpec } from "./protocol";

const KEYFRAME = 1; // in the flags
const ROSTER = 2, EVENTS = 3, ANEW = 4, FORGET = 5; // kinds of parts
const CHANGES = 0x80; // a kind that is a mask of tables at the same time: most parts are of these
const MOST_TABLES = 7; // bits in a mask

/** Reads a frame from behind its type. */
export function readFrame(from: Reader, tables: readonly TableSpec[]): Frame {
  const frame: Frame = {
    epoch: from.number("I"),
    tick: from.number("I"),
    keyframe: (from.number("B") & KEYFRAME) !== 0,
    parts: [],
    rosters: [],
    events: [],
  };
  while (!from.done) {
    const kind = from.number("B");
    const region = from.varint();
    const body = from.part(from.varint());
    if (kind >= CHANGES) frame.parts.push({ region, how: "change", changes: readTables(body, kind, tables) });
    else if (kind === ANEW) frame.parts.push({ region, how: "anew", changes: readTables(body, body.number("B"), tables) });
    else if (kind === FORGET) frame.parts.push({ region, how: "forget", changes: [] });
    else if (kind === ROSTER) frame.rosters.push(body.json() as Roster);
    else if (kind === EVENTS) frame.events.push(...(body.json() as GameEvent[]));
    // Any other part is skipped: a newer server may decorate.
  }
  return frame;
}

function readTables(body: Reader, mask: number, tables: readonly TableSpec[]): Change[] {
  const changes: Change[] = [];
  for (let table = 0; table < MOST_TABLES; table++) {
    if ((mask & (1 << table)) === 0) continue;
    const spec = tables[table];
    if (spec === undefined) throw new Malformed(`a frame with table ${table}, which nobody declared`);
    changes.push(readChange(body, table, spec));
  }
  if (!body.done) throw new Malformed("a tables part of the wrong length");
  return changes;
}

function readChange(body: Reader, table: number, spec: TableSpec): Change {
  const gone = readKeys(body, spec);
  const steps = spec.across > 0 ? readSteps(body, spec) : [];
  const rows: number[][] = [];
  for (let left = body.varint(); left > 0; left--) {
    const row = [body.number(spec.key)];
    for (const [, width] of spec.fields) row.push(body.number(width));
    rows.push(row);
  }
  return { table, gone, steps, rows };
}

function readKeys(body: Reader, spec: TableSpec): number[] {
  const keys: number[] = [];
  for (let left = body.varint(); left > 0; left--) keys.push(body.number(spec.key));
  return keys;
}

/** Where heads were, and then which way each went: four directions to a byte. */
function readSteps(body: Reader, spec: TableSpec): Change["steps"] {
  let packed = 0;
  return readKeys(body, spec).map((key, index) => {
    packed = index % 4 === 0 ? body.number("B") : packed >> 2;
    return [key, packed & 3];
  });
}
