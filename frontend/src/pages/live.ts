/** The live socket: the server says what changed, the page never asks. Reconnects by itself. */

import { BANNED, CROWDED } from "../socket";

export interface Room {
  id: string;
  title: string;
  game: string;
  people: number;
  bots: number;
  capacity: number;
  width: number;
  height: number;
  wrap: boolean;
  rocks: number | boolean;
}

export interface Rank {
  player: string; // id, 32 hex digits
  name: string;
  colour: number;
  value: number;
  place: number;
}

export type Boards = Record<string, Rank[]>; // "day/score": its first rows

export interface Listener {
  rooms?: (rooms: Room[]) => void;
  boards?: (boards: Boards) => void;
  reopened?: () => void; // after a gap: whatever came in it was missed
}

export const FIRST_WAIT = 500; // ms before the first new attempt
export const LONGEST_WAIT = 15_000; // ms: a server that was away for long is found again in seconds
const PATIENCE = 2_000; // ms without a connection before the page says so: a blip is not news

const WORDS = {
  connecting: "",
  live: "Live",
  away: "Reconnecting…",
  offline: "Offline",
  crowded: "Open in too many tabs",
  banned: "Banned",
} as const;
export type State = keyof typeof WORDS;

/** Closes after which the page does not come back by itself. */
export const FINAL: Partial<Record<number, State>> = { [BANNED]: "banned", [CROWDED]: "crowded" };

/** How long to wait before attempt n (from 0), spread so that not all pages come back at once. */
export function backOff(attempt: number, random = Math.random()): number {
  return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt) * (0.5 + random / 2);
}

/** Opens the live socket for as long as the page is open; `label` shows in words how it is. */
export function live(listener: Listener, label: HTMLElement | null): void {
  let socket: WebSocket | null = null;
  let attempt = 0;
  let opened = 0;
  let retry = 0;
  let complaint = 0;
  let ended: State | undefined; // why the server wants no more of this page

  function say(state: State): void {
    if (!label || label.dataset.state === state) return;
    label.dataset.state = state;
    label.textContent = WORDS[state];
  }

  function open(): void {
    clearTimeout(retry);
    if (socket) return;
    ended = undefined;
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/live/`);
    socket.onopen = () => {
      clearTimeout(complaint);
      complaint = 0;
      if (label) label.title = "";
      say("live");
      if (opened++) listener.reopened?.();
    };
    socket.onmessage = (event: MessageEvent<string>) => {
      attempt = 0; // only a server that speaks is well again; one that just opens may be failing
      take(event.data, listener);
    };
    socket.onclose = ({ code, reason }) => {
      socket = null;
      ended = FINAL[code];
      if (ended) {
        if (label) label.title = reason;
        return say(ended);
      }
      complaint ||= window.setTimeout(() => say(navigator.onLine ? "away" : "offline"), PATIENCE);
      retry = window.setTimeout(open, backOff(attempt++));
    };
  }

  function close(): void {
    clearTimeout(retry);
    if (!socket) return;
    socket.onclose = null;
    socket.close();
    socket = null;
  }

  function now(): void {
    close();
    attempt = 0;
    open();
  }

  addEventListener("online", now); // a socket from before may look open and never speak again
  addEventListener("offline", () => say("offline"));
  addEventListener("pagehide", close); // an open socket would keep the page out of the back cache
  addEventListener("pageshow", (event) => {
    if (event.persisted) now();
  });
  addEventListener("focus", () => {
    if (ended === "crowded") now(); // another tab may have been closed meanwhile
  });
  open();
}

/** Hands one message to whom it concerns; what this version does not know is not for it. */
export function take(text: string, listener: Listener): void {
  const message = JSON.parse(text) as { type: string; rooms?: Room[]; boards?: Boards };
  if (message.type === "rooms" && message.rooms) listener.rooms?.(message.rooms);
  if (message.type === "scores" && message.boards) listener.boards?.(message.boards);
}
