/**
 * Every message of Kogame, to bytes and back; with `bytes.ts` and `frames.ts` all of the page that
 * knows bytes. The server's side is `game/protocol/`; `tests/vectors.json` holds the two together.
 * Numbers are little-endian, the first byte is the message's type, JSON is UTF-8.
 */

import { BYTES, Malformed, Reader, type Width } from "./bytes";
import { readFrame } from "./frames";

export { Malformed };
export const VERSION = 2;
export const ROOM = 0xffff; // the pseudo-region of tables that everyone in the room sees

export type Field = readonly [name: string, width: Width];

export interface TableSpec {
  name: string;
  key: Width;
  fields: Field[];
  scope: "region" | "room" | "seat"; // who gets it: who sees the region, everyone, or each player their own row
  across: number; // > 0: keys are a region's cells, so many to a row, and rows can step to a neighbour
}

export interface ActionSpec {
  code: number;
  name: string;
  fields: Field[];
}

/** What a page must know to read and draw a room. */
export interface Welcome {
  version: number;
  room: string;
  title: string;
  private: boolean;
  capacity: number;
  hold: number; // seconds for which a dropped player's seat is kept
  game: string;
  rate: number; // ticks per second
  causes: string[];
  actions: ActionSpec[];
  tables: TableSpec[];
  options: Record<string, unknown>;
}

/** What happened to one table in one region: keys gone, then steps, then rows set, in that order. */
export interface Change {
  table: number; // index into Welcome.tables
  gone: number[];
  steps: [key: number, direction: number][]; // the row at the key begets one next to it
  rows: number[][]; // [key, ...fields]
}

/** What a frame says of one region: what changed there, all of it anew, or that it is out of sight. */
export interface Part {
  region: number; // or ROOM
  how: "change" | "anew" | "forget";
  changes: Change[];
}

export type SeatRow = [seat: number, name: string, colour: number, pilot: number];
export type GameEvent =
  [kind: "died", seat: number, cause: string, by: number, score: number, length: number, kills: number];

/** Who sits where: new or changed seats, and those given up. */
export interface Roster {
  seats: SeatRow[];
  gone: number[];
}

export interface Frame {
  epoch: number;
  tick: number;
  keyframe: boolean; // forget everything first
  parts: Part[]; // in the order in which they apply
  rosters: Roster[]; // in the order in which they apply
  events: GameEvent[];
}

/** The end of one of my lives. */
export interface DiedNote {
  kind: "died";
  life: string;
  cause: string;
  by: number;
  byName: string;
  score: number;
  length: number;
  kills: number;
  seconds: number;
}

/** A finished life of mine stands in the database, at these places. */
export interface Saved {
  life: string;
  day: number | null;
  week: number | null;
  all: number | null;
  best: boolean;
}

export type ServerMessage =
  | { type: "welcome"; welcome: Welcome }
  | { type: "frame"; frame: Frame }
  | { type: "note"; number: number; note: DiedNote }
  | { type: "seated"; seat: number; seq: number; resumed: boolean }
  | { type: "acked"; seq: number }
  | { type: "pong"; clock: number }
  | { type: "error"; code: number; sentence: string }
  | { type: "saved"; saved: Saved }
  | { type: "sums"; epoch: number; tick: number; regions: [region: number, sum: number][] } // see checks.ts
  | { type: "own"; table: number; fields: number[] } // the newest row that only I get of a table
  | { type: "notice"; text: string } // an operator says something to everyone in the room
  | { type: "unknown" }; // of a newer server

const HELLO = 0x01, JOIN = 0x02, ACTION = 0x03, RESYNC = 0x04, ACK = 0x05, PING = 0x06, LEAVE = 0x07, LOOK = 0x08;
const CHECK = 0x09;
const WELCOME = 0x81, FRAME = 0x82, NOTE = 0x83, SEATED = 0x84;
const ACKED = 0x85, PONG = 0x86, ERROR = 0x87, SAVED = 0x88, OWN = 0x89, SUMS = 0x8a, NOTICE = 0x8b;

const toBytes = new TextEncoder();

// --- To the server ---------------------------------------------------------------------------

type Bytes = Uint8Array<ArrayBuffer>;

export function hello(version = VERSION): Bytes {
  return Uint8Array.of(HELLO, version);
}

/** A wish to play, under a name and a colour (0 to 7). */
export function join(name: string, colour: number): Bytes {
  const body = toBytes.encode(JSON.stringify({ name, colour }));
  const message = new Uint8Array(1 + body.length);
  message[0] = JOIN;
  message.set(body, 1);
  return message;
}

/** A game action, its fields laid out as the game declares them. */
export function action(seq: number, tick: number, spec: ActionSpec, values: number[]): Bytes {
  const size = spec.fields.reduce((sum, [, width]) => sum + BYTES[width], 8);
  const [message, view] = blank(ACTION, size);
  view.setUint16(1, seq, true);
  view.setUint32(3, tick, true);
  view.setUint8(7, spec.code);
  let at = 8;
  spec.fields.forEach(([, width], index) => {
    write(view, at, width, values[index] ?? 0);
    at += BYTES[width];
  });
  return message;
}

/** A gap was seen: send keyframes. */
export function resync(): Bytes {
  return Uint8Array.of(RESYNC);
}

/** Every note up to this number has arrived. */
export function ack(number: number): Bytes {
  const [message, view] = blank(ACK, 3);
  view.setUint16(1, number, true);
  return message;
}

/** A sign of life: the page's clock in ms (32 bits of it), and the last tick applied. */
export function ping(clock: number, tick: number, rtt: number): Bytes {
  const [message, view] = blank(PING, 11);
  view.setUint16(9, rtt, true);
  view.setUint32(1, clock, true);
  view.setUint32(5, tick, true);
  return message;
}

/** Gives the seat up. */
export function leave(): Bytes {
  return Uint8Array.of(LEAVE);
}

/** Who only watches looks at this view of the board. */
export function look(view: number): Bytes {
  const [message, at] = blank(LOOK, 3);
  at.setUint16(1, view, true);
  return message;
}

/** From now on, tell me what my regions must look like. */
export function check(): Bytes {
  return Uint8Array.of(CHECK);
}

function blank(type: number, size: number): [Bytes, DataView] {
  const message = new Uint8Array(size);
  message[0] = type;
  return [message, new DataView(message.buffer)];
}

function write(view: DataView, at: number, width: Width, value: number): void {
  if (width === "B") view.setUint8(at, value);
  else if (width === "H") view.setUint16(at, value, true);
  else view.setUint32(at, value, true);
}

// --- From the server -------------------------------------------------------------------------

/** Reads one message; frames need the welcome's tables. Throws Malformed. */
export function decode(data: ArrayBuffer, tables: readonly TableSpec[]): ServerMessage {
  try {
    return read(new Reader(new DataView(data)), tables);
  } catch (error) {
    if (error instanceof Malformed) throw error;
    throw new Malformed(String(error)); // bad JSON
  }
}

function read(from: Reader, tables: readonly TableSpec[]): ServerMessage {
  const type = from.number("B");
  switch (type) {
    case WELCOME:
      return { type: "welcome", welcome: from.json() as Welcome };
    case FRAME:
      return { type: "frame", frame: readFrame(from, tables) };
    case NOTE:
      return { type: "note", number: from.number("H"), note: from.json() as DiedNote };
    case SEATED:
      return { type: "seated", seat: from.number("H"), seq: from.number("H"), resumed: from.number("B") === 1 };
    case ACKED:
      return { type: "acked", seq: from.number("H") };
    case PONG:
      return { type: "pong", clock: from.number("I") };
    case ERROR:
      return { type: "error", code: from.number("H"), sentence: from.text() };
    case SAVED:
      return { type: "saved", saved: from.json() as Saved };
    case SUMS:
      return { type: "sums", epoch: from.number("I"), tick: from.number("I"), regions: readSums(from) };
    case OWN:
      return readOwn(from, tables);
    case NOTICE:
      return { type: "notice", text: from.text() };
    default:
      return { type: "unknown" };
  }
}

function readSums(from: Reader): [number, number][] {
  const regions: [number, number][] = [];
  while (!from.done) regions.push([from.number("H"), from.number("I")]);
  return regions;
}

function readOwn(from: Reader, tables: readonly TableSpec[]): ServerMessage {
  const table = from.number("B");
  const spec = tables[table];
  if (spec === undefined) throw new Malformed(`a row of table ${table}, which nobody declared`);
  return { type: "own", table, fields: spec.fields.map(([, width]) => from.number(width)) };
}
