/** Who is protected after a spawn, and for how long still. */

import type { Frame } from "../../protocol";
import type { State } from "../../state";

export const SHIELDS = 3; // the table's place in the welcome, checked in index.ts

export interface Shield {
  from: number; // tick at which it was first seen
  until: number; // tick at which it ends
}

export class Shields {
  private held = new Map<number, Shield>(); // by seat

  applied(frame: Frame, state: State): void {
    if (!frame.keyframe && frame.parts.every(({ how, changes }) => how === "change" && !changes.some(of))) return;
    const before = this.held;
    this.held = new Map();
    for (const [seat, shield] of before) {
      if (shield.until === frame.tick) this.held.set(seat, shield); // the picture is not there yet
    }
    for (const rows of state.tables[SHIELDS]!.values()) {
      for (const [seat, until] of rows.values()) {
        const known = before.get(seat!);
        const same = known !== undefined && known.until === until;
        this.held.set(seat!, same ? known : { from: frame.tick, until: until! });
      }
    }
  }

  of(seat: number): Shield | null {
    return this.held.get(seat) ?? null;
  }
}

function of({ table }: { table: number }): boolean {
  return table === SHIELDS;
}
