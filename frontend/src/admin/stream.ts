/** The socket that figures are pushed over; it comes back by itself, ever more patiently. */

import type { Answer, Dark, Look, Picture } from "./figures";
import { merge } from "./merge";

const OPENING_MS = 4000; // that a socket may take to open and tell its first picture
const SILENCE_MS = 6000; // without a message, where two come each second: a dead connection
const CHECK_MS = 500; // between looks at both
const FIRST_RETRY_MS = 1000; // doubled with each failure
const LONGEST_RETRY_MS = 30_000; // polling shows the same meanwhile: there is no hurry
const NUMBER = 4; // bytes
const SHUT_OUT = 4018; // may not see, or not any more

/** What a message brings; before it, deflated, stand four bytes with its number. */
interface Message {
  whole?: Picture;
  change?: Record<string, unknown>;
  dark?: Dark;
}

export interface StreamEvents {
  look(): Look;
  answer(answer: Answer): void;
  /** It is not open, or not any more. */
  lost(): void;
  shutOut(sentence: string): void;
}

export class Stream {
  /** Whether pictures come over it now. */
  live = false;
  #socket: WebSocket | null = null;
  #picture: Picture | null = null;
  #heard = 0;
  #failures = 0;
  #retry = 0;
  #check = 0;

  constructor(private readonly url: string, private readonly events: StreamEvents) {}

  open(): void {
    this.close();
    this.#heard = performance.now();
    this.#check = window.setInterval(() => this.#look(), CHECK_MS);
    const socket = new WebSocket(new URL(this.url, location.href.replace(/^http/, "ws")));
    socket.onopen = () => this.tellLook();
    socket.binaryType = "arraybuffer";
    let before = Promise.resolve(); // messages are unpacked beside this, and count in their order
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      const unpacked = unpack(data);
      before = before.then(async () => {
        const message = await unpacked;
        if (socket === this.#socket) this.#take(new DataView(data).getUint32(0, true), message);
      });
    };
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
    this.#socket = socket;
  }

  /** Ends it, without another try. */
  close(): void {
    clearTimeout(this.#retry);
    clearInterval(this.#check);
    const socket = this.#socket;
    this.#socket = null;
    this.#picture = null;
    this.live = false;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** The page looks at something else. */
  tellLook(): void {
    this.#say({ look: this.events.look() });
  }

  #say(said: { look: Look } | { seen: number }): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(said));
  }

  #take(n: number, { whole, change, dark }: Message): void {
    this.#heard = performance.now();
    this.#failures = 0;
    this.live = true;
    if (whole) this.#picture = whole;
    else if (change && this.#picture)
      this.#picture = merge({ ...this.#picture }, change) as unknown as Picture;
    this.#say({ seen: n });
    const answer = dark ?? this.#picture;
    if (answer) this.events.answer(answer);
  }

  #look(): void {
    const limit = this.live ? SILENCE_MS : OPENING_MS;
    if (performance.now() - this.#heard > limit) this.#closed(1006, "");
  }

  #closed(code: number, reason: string): void {
    this.close();
    if (code === SHUT_OUT) return this.events.shutOut(reason);
    const longest = Math.min(FIRST_RETRY_MS * 2 ** this.#failures, LONGEST_RETRY_MS);
    this.#failures += 1;
    // Spread at random, so that the pages of one server do not come back in one instant.
    this.#retry = window.setTimeout(() => this.open(), longest * (0.5 + Math.random() / 2));
    this.events.lost();
  }
}

function unpack(data: ArrayBuffer): Promise<Message> {
  const bytes = new Blob([data.slice(NUMBER)]).stream();
  return new Response(bytes.pipeThrough(new DecompressionStream("deflate"))).json() as Promise<Message>;
}
