/** Where figures come from: pushed over a socket, and asked for each second while there is none. */

import type { Answer, Look } from "./figures";
import { Stream } from "./stream";

const EVERY_MS = 1000; // processes report once a second: asking more often shows nothing new
const ANSWER_MS = 4000; // the server gives up on Redis after one or two

export interface SourceEvents {
  look(): Look;
  answer(answer: Answer): void;
  /** Nothing answers. */
  unreachable(): void;
  /** Logged out, or no longer allowed. */
  shutOut(sentence: string): void;
}

export class Source {
  #stream: Stream;
  #timer = 0;
  #asking = false;
  #out = false;

  constructor(private readonly figures: string, socket: string, private readonly events: SourceEvents) {
    this.#stream = new Stream(socket, {
      look: () => events.look(),
      answer: (answer) => {
        clearTimeout(this.#timer);
        events.answer(answer);
      },
      lost: () => void this.#ask(),
      shutOut: (sentence) => this.#shutOut(sentence),
    });
    // A page that nobody looks at is told nothing, and is up to date at once when looked at again.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#rest() : this.#begin()));
    this.#begin();
  }

  /** "socket" or "polling": how the last figures came. */
  get way(): string {
    return this.#stream.live ? "socket" : "polling";
  }

  /** The page looks at something else: it is told at once. */
  lookChanged(): void {
    if (this.#stream.live) this.#stream.tellLook();
    else void this.#ask();
  }

  #begin(): void {
    if (this.#out) void this.#ask(); // perhaps logged in again, in another tab
    else if (!this.#stream.live) this.#stream.open();
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#stream.close();
  }

  #shutOut(sentence: string): void {
    this.#out = true;
    this.#stream.close();
    this.events.shutOut(sentence);
  }

  async #ask(): Promise<void> {
    if (this.#asking || document.hidden) return;
    this.#asking = true;
    clearTimeout(this.#timer);
    const started = performance.now();
    try {
      const query = new URLSearchParams({ look: JSON.stringify(this.events.look()) });
      const answer = await fetch(`${this.figures}?${query}`, { signal: AbortSignal.timeout(ANSWER_MS) });
      if (answer.status === 403) this.#shutOut(((await answer.json()) as { error: string }).error);
      else if (answer.ok) this.#answered((await answer.json()) as Answer);
      else throw new Error(String(answer.status));
    } catch {
      if (!this.#stream.live) this.events.unreachable();
    }
    this.#asking = false;
    const rest = Math.max(0, EVERY_MS - (performance.now() - started));
    if (!this.#out && !this.#stream.live) this.#timer = window.setTimeout(() => void this.#ask(), rest);
  }

  #answered(answer: Answer): void {
    if (this.#out) location.reload();
    else if (!this.#stream.live) this.events.answer(answer); // else the socket has newer ones
  }
}
