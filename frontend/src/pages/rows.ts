/** Lists that change under the reader's eyes: rows are kept, filled anew, and moved gently. */

import type { Rank, Room } from "./live";

/** The element of a row that carries one part of it; names only ever go in as text. */
function part<T extends HTMLElement>(row: HTMLElement, name: string): T {
  const found = row.querySelector<T>(`[data-part="${name}"]`);
  if (!found) throw new Error(`the row has no ${name}`);
  return found;
}

export function fillRank(row: HTMLElement, rank: Rank): void {
  row.dataset.player = rank.player;
  part(row, "place").textContent = String(rank.place);
  part(row, "swatch").dataset.colour = String(rank.colour);
  const name = part<HTMLAnchorElement>(row, "name");
  name.href = `/player/${rank.player}/`;
  (name.firstElementChild ?? name).textContent = rank.name;
  part(row, "value").textContent = String(rank.value);
}

export function fillRoom(row: HTMLElement, room: Room): void {
  row.dataset.room = room.id;
  const full = room.people >= room.capacity;
  part(row, "title").textContent = room.title || room.id;
  part(row, "about").textContent = [
    `${room.width}\u2009×\u2009${room.height}`,
    room.wrap ? "no walls" : "walls",
    ...(room.rocks ? ["rocks"] : []),
  ].join(", ");
  const bots = room.bots ? [`${room.bots} ${room.bots === 1 ? "bot" : "bots"}`] : [];
  part(row, "who").textContent = [
    room.people ? `${room.people} playing` : "nobody yet",
    ...bots,
  ].join(", ");
  const seats = part<HTMLMeterElement>(row, "seats");
  seats.max = room.capacity;
  seats.value = room.people;
  part<HTMLAnchorElement>(row, "watch").href = `/r/${room.id}/?watch`;
  const join = part<HTMLAnchorElement>(row, "join");
  join.href = `/r/${room.id}/`;
  join.hidden = full;
  part(row, "full").hidden = !full;
}

/** Makes a list show `items`, reusing each key's row; rows that change place glide there. */
export function showRows<T>(
  list: HTMLElement,
  template: HTMLTemplateElement,
  items: readonly T[],
  key: (item: T) => string,
  keyOf: (row: HTMLElement) => string | undefined,
  fill: (row: HTMLElement, item: T) => void,
): void {
  const rows = [...list.children] as HTMLElement[];
  const before = new Map(rows.map((row) => [row, row.getBoundingClientRect().top]));
  const kept = new Map(rows.map((row) => [keyOf(row), row]));
  const shown = items.map((item) => {
    const row = kept.get(key(item)) ?? blank(template);
    fill(row, item);
    return row;
  });
  const focused = document.activeElement;
  list.replaceChildren(...shown);
  if (focused instanceof HTMLElement && list.contains(focused)) focused.focus({ preventScroll: true });
  settle(shown, before);
}

function blank(template: HTMLTemplateElement): HTMLElement {
  return (template.content.cloneNode(true) as DocumentFragment).firstElementChild as HTMLElement;
}

const GLIDE = { duration: 200, easing: "cubic-bezier(0.2, 0.7, 0.2, 1)" }; // as --calm and --ease

function settle(rows: readonly HTMLElement[], before: ReadonlyMap<HTMLElement, number>): void {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const row of rows) {
    const top = before.get(row);
    if (top === undefined) {
      row.animate([{ opacity: 0 }, { opacity: 1 }], GLIDE);
      continue;
    }
    const moved = top - row.getBoundingClientRect().top;
    if (moved) row.animate([{ transform: `translateY(${moved}px)` }, { transform: "none" }], GLIDE);
  }
}

/** A row whose value has just changed glows for a moment. */
export function glow(row: HTMLElement): void {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  row.animate([{ backgroundColor: "rgb(243 198 119 / 28%)" }, { backgroundColor: "transparent" }], {
    duration: 1600, // ms: long enough to be found by an eye that was elsewhere
    easing: "ease-out",
  });
}
