/** A room's board, live and in the small, for as long as its room stands open and is in view. */

import { MINIATURES } from "../games/miniatures";
import { decode, hello, ping, resync, type ServerMessage, type Welcome } from "../protocol";
import { apply, emptyState, type State } from "../state";
import { element, put } from "./table";

const PING_MS = 2000; // as every page of a room does; the server closes one that is silent
const DRAW_MS = 500; // between pictures: enough to see that it lives, little for ten of them
const RETRY_MS = 3000; // after a lost connection
const ROOM_GONE = 4004;

export class Miniature {
  readonly #canvas = element("canvas");
  readonly #words = element("figcaption", "kgm-quiet", "Looking in…");
  readonly #watcher: IntersectionObserver;
  readonly #timers: number[];
  readonly #url: string;
  #visible = false;
  #socket: WebSocket | null = null;
  #welcome: Welcome | null = null;
  #state: State = emptyState([]);
  #drawn = -1; // the tick that the canvas shows
  #retry = 0;

  constructor(figure: HTMLElement, path: string, title: string) {
    this.#url = new URL(path, location.href.replace(/^http/, "ws")).href;
    this.#canvas.setAttribute("role", "img");
    this.#canvas.setAttribute("aria-label", `The board of ${title}, live`);
    figure.append(this.#canvas, this.#words);
    this.#timers = [setInterval(() => this.#ping(), PING_MS), setInterval(() => this.#draw(), DRAW_MS)].map(Number);
    this.#watcher = new IntersectionObserver(([seen]) => this.#seen(seen?.isIntersecting ?? false));
    this.#watcher.observe(figure);
    document.addEventListener("visibilitychange", this.#turned);
  }

  /** Nobody looks any more, for good. */
  end(): void {
    this.#watcher.disconnect();
    document.removeEventListener("visibilitychange", this.#turned);
    for (const timer of this.#timers) clearInterval(timer);
    this.#close();
  }

  readonly #turned = (): void => this.#seen(this.#visible);

  #seen(visible: boolean): void {
    this.#visible = visible;
    if (!visible || document.hidden) this.#close();
    else if (!this.#socket) this.#open();
  }

  #open(): void {
    clearTimeout(this.#retry);
    const socket = new WebSocket(this.#url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(hello());
    socket.onmessage = ({ data }) => data instanceof ArrayBuffer && data.byteLength > 0 && this.#take(data);
    socket.onclose = ({ code }) => this.#lost(code);
    this.#socket = socket;
  }

  #close(): void {
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #lost(code: number): void {
    this.#close();
    put(this.#words, code === ROOM_GONE ? "This room is gone." : "No picture at the moment.");
    if (code !== ROOM_GONE) this.#retry = window.setTimeout(() => this.#open(), RETRY_MS);
  }

  #take(data: ArrayBuffer): void {
    let message: ServerMessage;
    try {
      message = decode(data, this.#welcome?.tables ?? []);
    } catch {
      return this.#send(resync()); // whatever it was, the next keyframe makes up for it
    }
    if (message.type === "welcome") {
      this.#welcome = message.welcome;
      this.#state = emptyState(message.welcome.tables);
    } else if (message.type === "frame" && apply(this.#state, message.frame) === "gap") this.#send(resync());
  }

  #ping(): void {
    this.#send(ping(Math.round(performance.now()) >>> 0, this.#state.tick, 0)); // an operator's ping is nobody's business
  }

  #send(message: Uint8Array<ArrayBuffer>): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  #draw(): void {
    const { tick, fresh } = this.#state;
    if (!this.#welcome || !this.#socket || !fresh || tick === this.#drawn) return;
    const draw = MINIATURES[this.#welcome.game];
    if (draw) draw(this.#canvas, this.#welcome, this.#state);
    put(this.#words, draw ? `Tick ${tick.toLocaleString("en")}` : "This game has no small picture.");
    this.#drawn = tick;
  }
}
