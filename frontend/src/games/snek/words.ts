/** Snek in words: short and kind. */

import type { DiedNote, GameEvent } from "../../protocol";
import type { Names } from "../contract";

export const RULES = [
  "Steer with the arrow keys, WASD or a swipe anywhere.",
  "Eat the glowing seeds to grow. What a snake leaves behind is food, too.",
  "Keep your head away from rocks, bodies and walls with a red rim.",
  "Cut others off: whoever runs into you, you get the credit for.",
] as const;

/** The heading of the death card. */
export function ending({ cause, byName }: DiedNote): string {
  switch (cause) {
    case "wall":
      return "You met the wall";
    case "rock":
      return "You found a rock";
    case "self":
      return "You tied yourself in a knot";
    case "snake":
      return byName ? `Cut off by ${byName}` : "Cut off";
    case "head-on":
      return byName ? `Head to head with ${byName}` : "Head to head";
    case "left":
      return "You left the board";
    default:
      return "That was a good run";
  }
}

/** A line of the feed. */
export function news(event: GameEvent, names: Names): string | null {
  if (event[0] !== "died") return null;
  const [, seat, cause, by] = event;
  const who = names.of(seat);
  const was = names.mine(seat) ? "were" : "was";
  const self = names.mine(seat) ? "yourself" : "itself";
  switch (cause) {
    case "wall":
      return `${who} met the wall`;
    case "rock":
      return `${who} found a rock`;
    case "self":
      return `${who} tied ${self} in a knot`;
    case "snake":
      if (by === 0) return `${who} ${was} cut off`;
      return names.mine(by) ? `You cut off ${who}` : `${who} ${was} cut off by ${names.of(by)}`;
    case "head-on":
      return by === 0 ? `${who} met head-on` : `${who} and ${lower(names.of(by))} met head-on`;
    default:
      return null;
  }
}

function lower(name: string): string {
  return name === "You" ? "you" : name;
}
