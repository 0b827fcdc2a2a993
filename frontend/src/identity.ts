/** Who plays on this browser: the name and colour chosen in the lobby, kept in localStorage. */

export interface Identity {
  name: string; // "" until one was chosen
  colour: number; // 0–7
}

export const COLOUR_NAMES = [
  "Amber",
  "Sky",
  "Jade",
  "Lemon",
  "Blue",
  "Ember",
  "Rose",
  "Bone",
] as const;
export const MAX_NAME = 16; // visible characters; the server has the last word

/** Reads the saved identity; a browser that forbids storage simply has none. */
export function loadIdentity(): Identity {
  const colour = Number(read("kogame.colour") ?? Math.floor(Math.random() * 8));
  return {
    name: (read("kogame.name") ?? "").trim(),
    colour: Number.isInteger(colour) && colour >= 0 && colour < 8 ? colour : 0,
  };
}

/** Keeps the identity for the next visit. */
export function saveIdentity({ name, colour }: Identity): void {
  write("kogame.name", name);
  write("kogame.colour", String(colour));
}

/** A flag of this browser, such as "has seen how to play". */
export function hasSeen(what: string): boolean {
  return read(`kogame.seen.${what}`) === "1";
}

export function markSeen(what: string): void {
  write(`kogame.seen.${what}`, "1");
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Private windows may refuse; the page then asks again next time.
  }
}
