/** What an operator says to everyone in the room: over the board until it can have been read. */

import { byId, make } from "./dom";

const NOTICES = 3; // at a time; more would hide the board
const READ_MS = 80; // ms a character: a slow reader, who plays meanwhile
const GRACE_MS = 5000; // ms to notice it, and to look again

/** How long a sentence stays, in ms. */
export function stays(text: string): number {
  return GRACE_MS + text.length * READ_MS;
}

export class Notices {
  private readonly list = byId("notices");

  show(text: string): void {
    const line = make("p", "notice", make("strong", "", "From the operator:"), ` ${text}`);
    this.list.append(line);
    while (this.list.childElementCount > NOTICES) this.list.firstElementChild!.remove();
    setTimeout(() => line.remove(), stays(text));
  }
}
