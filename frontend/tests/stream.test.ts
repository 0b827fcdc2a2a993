/** What the operator's page is pushed: changes put on a picture, and a socket that comes back. */

import { readFileSync } from "node:fs";
import { deflateSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Answer, Look } from "../src/admin/figures";
import { merge } from "../src/admin/merge";
import { Stream } from "../src/admin/stream";

interface Case {
  why: string;
  old: Record<string, unknown>;
  new: Record<string, unknown>;
  told: Record<string, unknown>;
}

describe("a change", () => {
  const cases = JSON.parse(readFileSync(new URL("../../tests/differences.json", import.meta.url), "utf8")) as Case[];
  it.each(cases)("$why", ({ old, new: wanted, told }) => {
    const before = structuredClone(old);
    expect(merge(old, told)).toEqual(wanted);
    expect(old).toEqual(before); // whoever holds the last picture still has it
  });
});

class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  readyState = 0;
  said: unknown[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: ArrayBuffer }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor(readonly url: URL) {
    FakeSocket.all.push(this);
  }

  send(text: string): void {
    this.said.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  opens(): void {
    this.readyState = FakeSocket.OPEN;
    this.onopen?.();
  }

  /** The page has taken it when the promise is fulfilled. */
  async tells(n: number, message: object): Promise<void> {
    const packed = deflateSync(JSON.stringify(message));
    const data = new Uint8Array(4 + packed.length);
    new DataView(data.buffer).setUint32(0, n, true);
    data.set(packed, 4);
    this.onmessage?.({ data: data.buffer });
    const taken = (): boolean => this.said.some((said) => (said as { seen?: number }).seen === n);
    while (!taken()) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("the stream", () => {
  const answers: Answer[] = [];
  const events = {
    look: (): Look => ({ open: ["a"], find: "", first: 0 }),
    answer: (answer: Answer) => void answers.push(answer),
    lost: vi.fn(),
    shutOut: vi.fn(),
  };
  const newest = (): FakeSocket => FakeSocket.all.at(-1) as FakeSocket;
  let stream: Stream;

  beforeEach(() => {
    // Unpacking goes on beside: setImmediate is the real one.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
    vi.stubGlobal("window", globalThis);
    vi.stubGlobal("location", { href: "https://kogame.example/admin/metrics/" });
    vi.stubGlobal("WebSocket", FakeSocket);
    FakeSocket.all = [];
    answers.length = 0;
    vi.clearAllMocks();
    stream = new Stream("/ws/metrics/", events);
    stream.open();
    newest().opens();
  });

  afterEach(() => {
    stream.close();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it("says what is looked at, puts changes on the whole and confirms each message", async () => {
    expect(newest().url.href).toBe("wss://kogame.example/ws/metrics/");
    await newest().tells(1, { whole: { at: 1, rooms: [{ id: "a", tick: 1 }] } });
    await newest().tells(2, { change: { at: 2, rooms: { rows: { a: { tick: 2 } } } } });
    expect(answers.at(-1)).toEqual({ at: 2, rooms: [{ id: "a", tick: 2 }] });
    expect(newest().said).toEqual([{ look: events.look() }, { seen: 1 }, { seen: 2 }]);
    expect(stream.live).toBe(true);
  });

  it("goes on from what it had when Redis is back", async () => {
    await newest().tells(1, { whole: { at: 1, outbox: null } });
    await newest().tells(2, { dark: { at: 2, away: { since: 2, error: "" } } });
    expect(answers.at(-1)).toMatchObject({ away: { since: 2 } });
    await newest().tells(3, { change: { at: 3 } });
    expect(answers.at(-1)).toEqual({ at: 3, outbox: null });
  });

  it("says that it is lost, and comes back ever later", () => {
    for (const longest of [1000, 2000, 4000, 8000]) {
      const tries = FakeSocket.all.length;
      newest().onclose?.({ code: 1006, reason: "" });
      expect(stream.live).toBe(false);
      vi.advanceTimersByTime(longest / 2 - 1);
      expect(FakeSocket.all.length).toBe(tries);
      vi.advanceTimersByTime(longest / 2 + 2);
      expect(FakeSocket.all.length).toBe(tries + 1);
    }
    expect(events.lost).toHaveBeenCalledTimes(4);
  });

  it("does not trust a connection that says nothing", async () => {
    await newest().tells(1, { whole: { at: 1 } });
    vi.advanceTimersByTime(5000);
    expect(stream.live).toBe(true);
    vi.advanceTimersByTime(2000);
    expect(stream.live).toBe(false);
    expect(events.lost).toHaveBeenCalledTimes(1);
  });

  it("does not knock again where it may not see", () => {
    newest().onclose?.({ code: 4018, reason: "You may not." });
    vi.advanceTimersByTime(120_000);
    expect(events.shutOut).toHaveBeenCalledWith("You may not.");
    expect(FakeSocket.all.length).toBe(1);
  });
});
