/** My part in the room: the seat, the actions until the room has taken them, and how lives ended. */

import * as wire from "./protocol";
import type { ActionSpec, DiedNote, Saved, Welcome } from "./protocol";

export interface Pending {
  seq: number;
  name: string;
  values: number[];
  at: number; // performance.now() of the press
}

const STALE = 1000; // ms after which a lost turn is better forgotten than made late
const PRESSES = 15; // a second: under the server's 20 messages, and beyond what fingers do
const NOTES_KEPT = 64; // numbers remembered to tell a repeated note from a new one

/** True if sequence number a is b or newer, across the wrap at 65,536. */
export function reached(a: number, b: number): boolean {
  return ((a - b) & 0xffff) < 0x8000;
}

export class Session {
  seat = 0; // 0: watching
  pending: Pending[] = [];
  private seq = 0;
  private recent: number[] = []; // when the last actions were sent
  private notes = new Set<number>();

  constructor(
    private readonly send: (message: Uint8Array<ArrayBuffer>) => boolean,
    private readonly tick: () => number,
    private readonly taken: (action: Pending) => void,
  ) {}

  /** Asks the room for an action; null when it cannot be sent now, then it is as if never pressed. */
  act(welcome: Welcome, name: string, values: number[], now: number): Pending | null {
    const spec = welcome.actions.find((each) => each.name === name);
    if (spec === undefined || this.seat === 0) return null;
    this.recent = this.recent.filter((at) => now - at < 1000);
    if (this.recent.length >= PRESSES) return null;
    const action = { seq: (this.seq + 1) & 0xffff, name, values, at: now };
    if (!this.transmit(spec, action)) return null;
    this.recent.push(now);
    this.seq = action.seq;
    this.pending.push(action);
    return action;
  }

  /** The seat is mine (again); what the room has not taken and is still of use is sent again. */
  seated(welcome: Welcome, seat: number, seq: number, resumed: boolean, now: number): void {
    if (!resumed || seat !== this.seat) this.pending = [];
    if (this.pending.length === 0) this.seq = seq;
    this.seat = seat;
    this.acked(seq);
    this.resend(welcome, now);
  }

  /** After a hand-over between engines as after a reconnect; numbers make repeats harmless. */
  resend(welcome: Welcome, now: number): void {
    this.pending = this.pending.filter(({ at }) => now - at < STALE);
    for (const action of this.pending) {
      const spec = welcome.actions.find((each) => each.name === action.name);
      if (spec !== undefined) this.transmit(spec, action);
    }
  }

  /** All actions up to this number are part of the game now. */
  acked(seq: number): void {
    while (this.pending[0] !== undefined && reached(seq, this.pending[0].seq)) {
      this.taken(this.pending.shift()!);
    }
  }

  /** True for a note seen for the first time; each is acknowledged every time. */
  noted(number: number): boolean {
    this.send(wire.ack(number));
    if (this.notes.has(number)) return false;
    this.notes.add(number);
    if (this.notes.size > NOTES_KEPT) this.notes.delete(this.notes.values().next().value!);
    return true;
  }

  leave(): void {
    this.send(wire.leave());
    this.seat = 0;
    this.pending = [];
  }

  private transmit(spec: ActionSpec, action: Pending): boolean {
    return this.send(wire.action(action.seq, this.tick(), spec, action.values));
  }
}

/** A life that ended: what happened, and what became of the score. */
export interface Ending {
  note: DiedNote;
  at: number; // performance.now()
  rank: number | null; // in the room, by score; null: beyond those of whom the page is told
  of: number; // how many were in it
  saved: Saved | null; // null: not yet in the database
}
