/** Who is how good: everyone on a small board, on a large one the best and me. */

import { ROOM, type Frame } from "../../protocol";
import type { State } from "../../state";
import type { Standing } from "../contract";
import type { Bodies } from "./bodies";

export const SCORES = 4, MINE = 5; // the tables' places in the welcome, checked in index.ts

type Figures = readonly [score: number, length: number, kills: number];

export class Standings {
  private fallen = new Set<number>(); // seats seen to die, until their scores are told again

  constructor(
    private readonly state: State,
    private readonly bodies: Bodies,
    private readonly complete: boolean,
    private readonly me: () => number,
  ) {}

  applied(frame: Frame): void {
    if (frame.keyframe) this.fallen.clear();
    for (const { region, changes } of frame.parts) {
      if (region !== ROOM) continue;
      for (const { table, rows } of changes) {
        if (table === SCORES) for (const [seat] of rows) this.fallen.delete(seat!);
      }
    }
    for (const [kind, seat] of frame.events) if (kind === "died") this.fallen.add(seat);
  }

  /** Best first; where not everyone is told, I come last without a rank when I am not among the best. */
  list(): Standing[] {
    const rows: Standing[] = [];
    for (const [seat, score, length, kills] of this.state.tables[SCORES]!.get(ROOM)?.values() ?? []) {
      rows.push(this.standing(seat!, [score!, length!, kills!]));
    }
    rows.sort((a, b) => b.score - a.score || b.length - a.length || a.seat - b.seat);
    rows.forEach((row, index) => (row.rank = index + 1));
    return this.complete ? rows : this.withMine(rows);
  }

  /** My own numbers are newer than those of the list. */
  private withMine(rows: Standing[]): Standing[] {
    const own = this.state.own.get(MINE);
    const me = this.me();
    if (own === undefined || me === 0) return rows;
    const mine = this.standing(me, own as Figures);
    const index = rows.findIndex(({ seat }) => seat === me);
    if (index < 0) return [...rows, mine];
    rows[index] = { ...mine, rank: index + 1 };
    return rows;
  }

  private standing(seat: number, [score, length, kills]: Figures): Standing {
    return { seat, score, length, kills, rank: null, alive: this.alive(seat) };
  }

  /** Where not all is in sight, who was not seen to die is taken to live. */
  private alive(seat: number): boolean {
    if (this.bodies.pieces.has(seat)) return true;
    return !this.complete && seat !== this.me() && !this.fallen.has(seat);
  }
}
