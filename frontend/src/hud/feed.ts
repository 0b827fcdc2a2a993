/** The feed: what has just happened, a few lines that go by themselves. */

import { byId, make } from "./dom";

const LINES = 5; // beyond that nobody reads
const STAYS = 6000; // ms
const LEAST_GAP = 500; // ms between two lines about others: in a full room more happens than can be read

export class Feed {
  private readonly list = byId("feed");
  private last = -LEAST_GAP; // when the newest line came

  add(text: string, mine: boolean): void {
    const now = performance.now();
    if (!mine && now - this.last < LEAST_GAP) return;
    this.last = now;
    const line = make("li", mine ? "mine" : "", text);
    this.list.append(line);
    while (this.list.childElementCount > LINES) this.list.firstElementChild!.remove();
    setTimeout(() => line.classList.add("leaving"), STAYS - 400);
    setTimeout(() => line.remove(), STAYS);
  }
}
