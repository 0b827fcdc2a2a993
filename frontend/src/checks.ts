/** Does this page hold what the engine holds? Asked with `?debug`; see "Checks" in docs/wire.md. */

import { BYTES } from "./bytes";
import { ROOM, type TableSpec } from "./protocol";
import type { Row, State } from "./state";

export interface Sums {
  epoch: number;
  tick: number;
  regions: [region: number, sum: number][];
}

const ROSTER = 0xff; // in the place of a table's number

const toBytes = new TextEncoder();

export class Checks {
  made = 0; // regions that were compared
  wrong: { epoch: number; tick: number; region: number }[] = []; // those that differed
  private sums: Sums | null = null;

  /** Keeps what regions must look like until the frame of that tick has come. */
  expect(sums: Sums): void {
    this.sums = sums;
  }

  /** A frame was applied. */
  compare(state: State): void {
    const { sums } = this;
    if (sums === null || sums.epoch !== state.epoch || sums.tick !== state.tick) return;
    this.sums = null;
    for (const [region, sum] of sums.regions) {
      this.made += 1;
      if (fingerprint(state, region) === sum) continue;
      this.wrong.push({ epoch: state.epoch, tick: state.tick, region });
      console.error(`This page does not hold what the server holds: region ${region} at tick ${state.tick}.`);
    }
  }
}

/** The sum over what is held of a region. */
export function fingerprint(state: State, region: number): number {
  let total = 0;
  state.specs.forEach((spec, table) => {
    for (const row of state.tables[table]!.get(region)?.values() ?? []) total += crc32(packed(spec, table, row));
  });
  if (region === ROOM) {
    for (const { seat, name, colour, pilot } of state.roster.values()) {
      total += crc32([ROSTER, seat & 0xff, seat >> 8, colour, pilot, ...toBytes.encode(name)]);
    }
  }
  return total % 2 ** 32;
}

function packed({ key, fields }: TableSpec, table: number, row: Row): number[] {
  const bytes = [table];
  [key, ...fields.map(([, width]) => width)].forEach((width, index) => {
    for (let i = 0; i < BYTES[width]; i++) bytes.push((row[index]! >>> (8 * i)) & 0xff);
  });
  return bytes;
}

/** As zlib has it: bit by bit, for nobody is in a hurry here. */
function crc32(bytes: readonly number[]): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
