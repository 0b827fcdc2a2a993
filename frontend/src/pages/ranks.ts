/** A leaderboard on a page: rows by player, gliding to their new places. */

import type { Rank } from "./live";
import { fillRank, glow, showRows } from "./rows";

const TOLD = 10; // rows the server tells of; fewer mean that there are no more

/** Puts a board's new first rows over the ones shown; whoever fell out of them moves down. */
export function merge(shown: readonly Rank[], first: readonly Rank[], most: number): Rank[] {
  if (first.length < TOLD) return [...first];
  const above = new Set(first.map((rank) => rank.player));
  const lowest = first.at(-1)?.value ?? 0;
  const below = shown.filter((rank) => !above.has(rank.player) && rank.value <= lowest);
  const merged = [...first, ...below.sort((a, b) => b.value - a.value)];
  return place(merged).slice(0, most);
}

/** Places as in sport: equal values share the better one, the next skips (1, 2, 2, 4). */
function place(ranks: readonly Rank[]): Rank[] {
  let last = 0;
  return ranks.map((rank, index) => {
    if (index === 0 || rank.value !== ranks[index - 1]?.value) last = index + 1;
    return { ...rank, place: last };
  });
}

/** What a list that the server rendered shows. */
export function readRanks(list: HTMLElement): Rank[] {
  return ([...list.children] as HTMLElement[]).map((row) => ({
    player: row.dataset.player ?? "",
    name: row.querySelector('[data-part="name"]')?.textContent.trim() ?? "",
    colour: Number(row.querySelector<HTMLElement>('[data-part="swatch"]')?.dataset.colour),
    value: Number(row.querySelector('[data-part="value"]')?.textContent),
    place: Number(row.querySelector('[data-part="place"]')?.textContent),
  }));
}

/** Shows ranks in a list; the guest's own row is marked, changed ones glow. */
export function showRanks(
  list: HTMLElement,
  template: HTMLTemplateElement,
  ranks: readonly Rank[],
  guest = "",
): void {
  const before = new Map(readRanks(list).map((rank) => [rank.player, rank.value]));
  showRows(
    list,
    template,
    ranks,
    (rank) => rank.player,
    (row) => row.dataset.player,
    (row, rank) => {
      fillRank(row, rank);
      row.classList.toggle("own", rank.player === guest);
    },
  );
  ranks.forEach((rank, index) => {
    const row = list.children[index] as HTMLElement;
    if (before.get(rank.player) !== rank.value) glow(row);
  });
}
