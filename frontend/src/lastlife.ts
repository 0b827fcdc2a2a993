/** How my last life ended, and what became of its score. */

import { get } from "./api";
import type { Standing } from "./games/contract";
import type { DiedNote, Saved } from "./protocol";
import type { Ending } from "./session";

const ASK_AFTER = 5000; // ms without news of a saved score, then the page asks by itself
const ASK_EVERY = 3000; // ms
const ASK_FOR = 120_000; // ms: after that the leaderboard will show it

export class LastLife {
  /** Until the next one begins. */
  ending: Ending | null = null;

  constructor(private readonly changed: () => void) {
    setInterval(() => void this.ask(), ASK_EVERY);
  }

  /** `others` may be but the best (not `complete`) of so many: who is worse than all of them has no rank. */
  died(note: DiedNote, others: readonly Standing[], complete: boolean, of: number): void {
    const better = others.filter(({ score }) => score > note.score).length;
    const rank = complete || better < others.length ? better + 1 : null;
    this.ending = { note, at: performance.now(), rank, of, saved: null };
  }

  saved(saved: Saved): void {
    if (this.ending?.note.life === saved.life) this.ending.saved = saved;
  }

  /** The push may have been missed: after a while the page asks whether its score is saved. */
  private async ask(): Promise<void> {
    const ending = this.ending;
    const age = ending === null ? 0 : performance.now() - ending.at;
    if (ending === null || ending.saved !== null || age < ASK_AFTER || age > ASK_FOR) return;
    const path = `/api/lives/${encodeURIComponent(ending.note.life)}/`;
    const answer = await get<Saved & { saved: boolean }>(path).catch(() => null); // asked again soon
    if (answer?.saved !== true) return;
    ending.saved = { ...answer, life: ending.note.life };
    this.changed();
  }
}
