/** What the page is about right now, from everything it knows; one word, also on the body element. */

import type { Ending } from "./session";
import { BANNED, CROWDED, type LinkStatus, REMOVED, REPLACED, ROOM_GONE } from "./socket";

export type Phase =
  | "connecting" // nothing seen of the room yet
  | "waiting" // no engine has picked the room up
  | "watching"
  | "joining" // asked for a seat, or seated without a snake yet
  | "playing"
  | "dead"
  | "full"
  | "refused" // the name is taken, alike or not allowed: asked for another
  | "reconnecting"
  | "restarting"
  | "offline"
  | "replaced" // another tab has the seat
  | "removed"
  | "banned"
  | "crowded" // as many tabs are open as one player, or one address, may have
  | "gone"
  | "outdated"; // a reload did not help: the page and the server do not fit

export const ROOM_FULL = 1, NAME_TAKEN = 2, NAME_REFUSED = 3;
export const SCORES_BACKLOG = 4, NO_ENGINE = 5, NOT_SEATED = 6, NAME_FOUL = 7;
const NAME_TROUBLE = new Set([NAME_TAKEN, NAME_REFUSED, NAME_FOUL]);

/** Everything that the phase depends on. */
export interface Situation {
  link: LinkStatus;
  closeCode: number;
  seen: boolean; // a keyframe has been applied since the connection opened
  waiting: boolean; // the server said that no engine has the room
  wish: "play" | "watch";
  refusal: number; // the error code that answered the last wish to join, or 0
  seat: number;
  alive: boolean;
  ending: Ending | null; // of my last life, until the next one begins
}

export function phaseOf(now: Situation): Phase {
  switch (now.link) {
    case "ended":
      return ended(now.closeCode);
    case "lost":
      return "reconnecting";
    case "restarting":
    case "offline":
    case "connecting":
      return now.link;
    case "open":
      return inRoom(now);
  }
}

function ended(code: number): Phase {
  if (code === ROOM_GONE) return "gone";
  if (code === REPLACED) return "replaced";
  if (code === REMOVED) return "removed";
  if (code === BANNED) return "banned";
  if (code === CROWDED) return "crowded";
  return "outdated";
}

function inRoom(now: Situation): Phase {
  if (now.waiting) return "waiting";
  if (!now.seen) return "connecting";
  if (now.alive) return "playing";
  if (now.seat !== 0) return now.ending === null ? "joining" : "dead";
  if (now.wish === "watch") return "watching";
  if (now.refusal === ROOM_FULL) return "full";
  if (NAME_TROUBLE.has(now.refusal)) return "refused";
  return "joining";
}
