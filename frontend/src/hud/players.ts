/**
 * The list of players: colour and pattern, name, length, score; best first. Of a large room only
 * the best, and me below them.
 *
 * Its rows stay where they are and take another player's figures when the order changes: nothing
 * moves, so nothing is laid out anew. Rows in sight are filled at once, the others a few at a time.
 */

import type { Standing } from "../games/contract";
import { ABSENT, BOT, type Seat } from "../state";
import { byId, make, setText } from "./dom";

const ELSEWHERE = 4; // rows out of sight filled each time: a few of them cost no frame

interface Line {
  row: HTMLElement;
  swatch: HTMLElement;
  name: HTMLElement;
  badge: HTMLElement;
  length: HTMLElement;
  score: HTMLElement;
}

/** What one row says. */
interface Entry {
  seat: Seat;
  standing: Standing | undefined;
  badge: string;
}

export class Players {
  private readonly list = byId("players");
  private readonly count = byId("player-count");
  private readonly alone = byId("alone");
  private readonly lines: Line[] = [];
  private entries: Entry[] = [];
  private me = 0;
  private first = 0; // rows in sight: from, and how many
  private fit = Infinity;
  private next = 0; // row out of sight to fill next

  constructor() {
    // Measured when it scrolls or changes its size, never while it is being filled.
    this.list.addEventListener("scroll", () => this.measure(), { passive: true });
    new ResizeObserver(() => this.measure()).observe(this.list);
  }

  /** `complete`: everyone is in the standings, or soon will be. */
  show(roster: ReadonlyMap<number, Seat>, standings: readonly Standing[], complete: boolean, me: number): void {
    this.me = me;
    this.entries = ranked(roster, standings, complete).map(({ seat, standing }) => ({ seat, standing, badge: badgeOf(seat, me) }));
    const { length } = this.entries;
    while (this.lines.length < length) this.add();
    while (this.lines.length > length) this.lines.pop()!.row.remove();
    this.fillInSight();
    for (let i = 0; i < Math.min(ELSEWHERE, length); i++) this.fill((this.next = (this.next + 1) % length));
    setText(this.count, String(roster.size));
    this.alone.hidden = me === 0 || roster.size !== 1;
  }

  private measure(): void {
    const high = this.lines[0]?.row.offsetHeight ?? 0;
    if (high === 0) return;
    this.first = Math.floor(this.list.scrollTop / high);
    this.fit = Math.ceil(this.list.clientHeight / high) + 1;
    this.fillInSight();
  }

  private fillInSight(): void {
    const end = Math.min(this.first + this.fit, this.entries.length);
    for (let i = this.first; i < end; i++) this.fill(i);
  }

  private fill(index: number): void {
    const { seat, standing, badge } = this.entries[index]!;
    const line = this.lines[index]!;
    const colour = String(seat.colour);
    if (line.swatch.dataset.colour !== colour) line.swatch.dataset.colour = colour;
    setText(line.name, seat.name);
    setText(line.badge, badge);
    line.badge.hidden = badge === "";
    setText(line.length, standing?.alive ? String(standing.length) : "–");
    setText(line.score, String(standing?.score ?? 0));
    line.row.classList.toggle("me", seat.seat === this.me);
    line.row.classList.toggle("out", !standing?.alive);
    line.row.classList.toggle("apart", standing !== undefined && standing.rank === null);
  }

  private add(): void {
    const swatch = make("span", "swatch small");
    const name = make("span", "player-name");
    const badge = make("span", "badge");
    const length = make("span", "figure");
    const score = make("span", "figure strong");
    const row = make("li", "player", swatch, make("span", "player-who", name, badge), length, score);
    this.lines.push({ row, swatch, name, badge, length, score });
    this.list.append(row);
  }
}

/** Everyone in the standings, best first; where those are to be complete, who has no score yet comes last. */
export function ranked(
  roster: ReadonlyMap<number, Seat>, standings: readonly Standing[], complete: boolean,
): { seat: Seat; standing: Standing | undefined }[] {
  const rows: { seat: Seat; standing: Standing | undefined }[] = [];
  const placed = new Set<number>();
  for (const standing of standings) {
    const seat = roster.get(standing.seat);
    if (seat === undefined) continue;
    rows.push({ seat, standing });
    placed.add(standing.seat);
  }
  if (!complete) return rows;
  for (const seat of roster.values()) if (!placed.has(seat.seat)) rows.push({ seat, standing: undefined });
  return rows;
}

function badgeOf({ seat, pilot }: Seat, me: number): string {
  return seat === me ? "you" : pilot === BOT ? "bot" : pilot === ABSENT ? "away" : "";
}
