/** The connection to a room: it comes back by itself where that makes sense, and says where not. */

import { decode, hello, Malformed, ping, resync, type ServerMessage, type TableSpec } from "./protocol";

export type LinkStatus = "connecting" | "open" | "lost" | "restarting" | "offline" | "ended";

export interface LinkEvents {
  tables(): readonly TableSpec[]; // to read frames with
  tick(): number; // the last one applied: the server reads from it how far behind this page is
  message(message: ServerMessage): void;
  status(status: LinkStatus): void;
}

const PING_EVERY = 2000; // ms: fresh enough for the figure on the page, and the server hears us
const SILENCE = 5000; // ms without a byte from the server: a dead connection that nobody closed
const OPENING = 8000; // ms that a connection may take to open
const FIRST_RETRY = 400; // ms, doubled with each failure
const EAGER_RETRY = 1200; // ms, the longest while a seat may still be held: who comes back finds it
const EAGER = 15_000; // ms after the loss for which that is so, and a little more
const LONGEST_RETRY = 8000; // ms
const RESTART_SPREAD = 1000; // ms over which the players of a restarted server come back

export const WRONG_VERSION = 4001, NO_IDENTITY = 4003, ROOM_GONE = 4004;
export const REPLACED = 4009, REMOVED = 4011, RESTARTING = 4012, BANNED = 4016, CROWDED = 4017;
const FINAL = new Set([ROOM_GONE, REPLACED, REMOVED, BANNED, CROWDED]);
const RELOADED = "kogame.reloaded"; // in sessionStorage: one reload has been tried

export class Link {
  status: LinkStatus = "connecting";
  closeCode = 0; // of the last close that ended it
  farewell = ""; // what the server said before that
  rtt = NaN; // ms, smoothed
  private socket: WebSocket | null = null;
  private failures = 0;
  private heard = 0; // when the last byte came
  private retry = 0; // the timer of the next attempt
  private wasOpen = false;
  private lostAt = 0; // when the connection was lost
  private pinged = 0; // when the last ping went out

  constructor(
    private readonly url: string,
    private readonly events: LinkEvents,
  ) {
    setInterval(() => this.check(), 500);
    setInterval(() => this.sendPing(), PING_EVERY);
    addEventListener("online", () => this.hurry());
    addEventListener("offline", () => this.status !== "open" && this.setStatus("offline"));
    addEventListener("pageshow", (event) => event.persisted && this.hurry());
  }

  /** Connects, now; also how "Continue here" takes the seat back. */
  connect(): void {
    clearTimeout(this.retry);
    this.drop();
    if (!this.wasOpen || this.status === "ended") this.setStatus("connecting");
    this.heard = performance.now();
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(hello());
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = (event) => this.closed(event.code);
    this.socket = socket;
  }

  /** Sends if it can; false says that the message is lost. */
  send(message: Uint8Array<ArrayBuffer>): boolean {
    if (this.status !== "open" || this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(message);
    return true;
  }

  private receive(data: unknown): void {
    this.heard = performance.now();
    if (!(data instanceof ArrayBuffer) || data.byteLength === 0) return;
    let message: ServerMessage;
    try {
      message = decode(data, this.events.tables());
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      console.warn(`A message that cannot be read: ${error.message}`);
      this.send(resync()); // whatever it was, the next keyframe makes up for it
      return;
    }
    if (message.type === "error" && message.code >= 4000) this.farewell = message.sentence; // a close follows
    else if (this.status !== "open") this.opened();
    if (message.type === "pong") this.measure(message.clock);
    this.events.message(message);
    // Browsers hold back the timers of a page that nobody looks at, but not what comes in.
    if (this.heard - this.pinged >= PING_EVERY) this.sendPing();
  }

  private opened(): void {
    this.failures = 0;
    this.wasOpen = true;
    sessionStorage.removeItem(RELOADED);
    this.setStatus("open");
    this.sendPing();
  }

  private sendPing(): void {
    if (this.status !== "open") return;
    this.pinged = performance.now();
    const rtt = Number.isNaN(this.rtt) ? 0 : Math.max(1, Math.round(this.rtt));
    this.send(ping(clock(), this.events.tick(), Math.min(rtt, 0xffff)));
  }

  private measure(sent: number): void {
    const sample = (clock() - sent) >>> 0;
    if (sample > 60_000) return; // a pong of an older connection
    this.rtt = Number.isNaN(this.rtt) ? sample : this.rtt + (sample - this.rtt) * 0.3;
  }

  private check(): void {
    if (this.socket === null) return;
    const limit = this.status === "open" ? SILENCE : OPENING;
    if (performance.now() - this.heard > limit) this.closed(1006);
  }

  private closed(code: number): void {
    this.drop();
    this.closeCode = code;
    if (this.status === "open") this.lostAt = performance.now();
    if ((code === WRONG_VERSION || code === NO_IDENTITY) && reloadOnce(code)) return;
    if (FINAL.has(code) || code === WRONG_VERSION || code === NO_IDENTITY) return this.setStatus("ended");
    this.failures += 1;
    const restarting = code === RESTARTING || (this.status === "restarting" && this.failures < 5);
    if (!navigator.onLine) this.setStatus("offline");
    else if (restarting) this.setStatus("restarting");
    else this.setStatus(this.wasOpen ? "lost" : "connecting");
    clearTimeout(this.retry);
    this.retry = window.setTimeout(() => this.connect(), this.pause(code));
  }

  /** Spread at random, so that the players of one server do not come back in one instant. */
  private pause(code: number): number {
    if (code === RESTARTING) return 100 + Math.random() * RESTART_SPREAD;
    const most = performance.now() - this.lostAt < EAGER ? EAGER_RETRY : LONGEST_RETRY;
    const longest = Math.min(FIRST_RETRY * 2 ** (this.failures - 1), most);
    return longest * (0.5 + Math.random() / 2);
  }

  private hurry(): void {
    if (this.status !== "open" && this.status !== "ended") this.connect();
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  private setStatus(status: LinkStatus): void {
    this.status = status;
    this.events.status(status);
  }
}

function clock(): number {
  return Math.round(performance.now()) >>> 0;
}

/** Reloads the page, unless that was tried already and did not help. */
function reloadOnce(code: number): boolean {
  if (sessionStorage.getItem(RELOADED) !== null) return false;
  sessionStorage.setItem(RELOADED, String(code));
  location.reload();
  return true;
}
