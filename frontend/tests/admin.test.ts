/** The operator's page, without a page: rates from counters, and numbers as words. */

import { describe, expect, it } from "vitest";
import type { Held, Process, Task } from "../src/admin/figures";
import { inHand } from "../src/admin/held";
import { History, MINUTE } from "../src/admin/history";
import { type Past, POINTS, Ring } from "../src/admin/past";
import { tasks } from "../src/admin/sections";
import { age, bytes, ms, NONE, number } from "../src/admin/words";

function report(uptime: number, ticks: number, more: Partial<Process> = {}): Process {
  return {
    kind: "engine", id: "e1", host: "h", pid: 1, heard: 0, uptime, cpu: uptime / 4, memory: 0,
    threads: 1, counters: { "engine.ticks": ticks }, gauges: {}, recent: {}, recent_seconds: 0,
    observed: {}, details: {}, ...more,
  };
}

describe("rates", () => {
  it("come from two reports and the time between them", () => {
    const history = new History();
    history.take(report(10, 100));
    history.take(report(12, 160));
    expect(history.rate(report(12, 160), "engine.ticks")).toBe(30);
    expect(history.cpu(report(12, 160))).toBe(0.25);
  });

  it("stay when the same report is read twice", () => {
    const history = new History();
    history.take(report(10, 100));
    history.take(report(11, 140));
    history.take(report(11, 140));
    expect(history.rate(report(11, 140), "engine.ticks")).toBe(40);
  });

  it("are the process's own at first, and when it began anew", () => {
    const history = new History();
    const begun = { recent: { "engine.ticks": 50 }, recent_seconds: 5 };
    history.take(report(900, 9000, begun));
    expect(history.rate(report(900, 9000), "engine.ticks")).toBe(10);
    history.take(report(1, 4, { recent: {}, recent_seconds: 0 }));
    expect(history.rate(report(1, 4), "engine.ticks")).toBe(0);
  });

  it("are forgotten with their process", () => {
    const history = new History();
    history.take(report(10, 100));
    history.take(report(11, 140));
    history.prune([]);
    expect(history.rate(report(11, 140), "engine.ticks")).toBe(0);
  });
});

describe("lines", () => {
  it("hold a minute, one point a second", () => {
    const history = new History();
    let line: number[] = [];
    for (let second = 1; second <= MINUTE + 5; second++) {
      history.begin(second);
      line = history.line("x", second);
    }
    expect(line.length).toBe(MINUTE);
    history.begin(MINUTE + 5.2); // out of turn: a room was opened
    expect(history.line("x", 0).at(-1)).toBe(0);
    expect(line.length).toBe(MINUTE);
    expect(line.at(-2)).toBe(MINUTE + 4);
  });
});

describe("numbers", () => {
  it("are short and have their unit", () => {
    expect([number(1234567), number(3.14159), number(null)]).toEqual(["1,234,567", "3.1", NONE]);
    expect([bytes(999), bytes(1500), bytes(38_400_000)]).toEqual(["999 B", "1.5 kB", "38 MB"]);
    expect([ms(0.0012), ms(0.131)]).toEqual(["1.2 ms", "131 ms"]);
    expect([age(4), age(600), age(7200), age(864_000)]).toEqual(["4 s", "10 min", "2 h", "10 d"]);
  });
});

describe("tasks", () => {
  const worker = (...tasks: Task[]): Process => report(1, 0, { kind: "worker", details: { tasks } });

  it("are added up over the workers, with the longest times", () => {
    const found = tasks([
      worker(["q", "a", 1, 0, 2, 0.1, 0.2, null, null], ["q", "b", 9, 0, 0, 0, 0, 0, 0]),
      worker(["q", "a", 3, 1, 0, 0.05, 0.3, 1, 2]),
    ]);
    expect(found.map((kind) => kind.task)).toEqual(["b", "a"]);
    expect(found[1]).toEqual({ queue: "q", task: "a", done: 4, failed: 1, putOff: 2, times: [0.1, 0.3, 1, 2] });
  });
});

describe("tasks in hand", () => {
  it("are those of all workers, what runs first, the longest first", () => {
    const worker = (id: string, ...held: Held[]): Process => report(1, 0, { kind: "worker", id, details: { held } });
    const found = inHand([
      worker("w1", ["a", "t", "q", false, 9], ["b", "t", "q", true, 1]),
      report(1, 0),
      worker("w2", ["c", "t", "q", true, 4]),
    ]);
    expect(found.map(({ id, worker }) => `${id} ${worker}`)).toEqual(["c w2", "b w1", "a w1"]);
  });
});

describe("the last hour", () => {
  const past = (at: number[], figures: Record<string, (number | null)[]>, marks: Past["marks"] = []): Past => ({
    every: 5, at, figures, marks,
  });

  it("grows by what is new, and by nothing twice", () => {
    const ring = new Ring();
    expect(ring.add(past([10, 15], { rooms: [1, 2] }))).toBe(true);
    expect(ring.add(past([15, 20], { rooms: [2, 3] }))).toBe(true);
    expect(ring.add(past([20], { rooms: [3] }))).toBe(false);
    expect([ring.at, ring.line("rooms"), ring.last]).toEqual([[10, 15, 20], [1, 2, 3], 20]);
  });

  it("breaks a line where nobody measured", () => {
    const ring = new Ring();
    ring.add(past([10, 15, 60], { rooms: [1, 2, 3] }));
    expect(ring.at).toEqual([10, 15, 20, 60]);
    expect(ring.line("rooms")).toEqual([1, 2, null, 3]);
  });

  it("takes in figures that come and go", () => {
    const ring = new Ring();
    ring.add(past([10], { "queue a": [1] }));
    ring.add(past([15], { "queue b": [2] }));
    expect([ring.line("queue a"), ring.line("queue b")]).toEqual([[1, null], [null, 2]]);
    expect(ring.line("queue c")).toEqual([null, null]);
  });

  it("has an end", () => {
    const ring = new Ring();
    const at = Array.from({ length: POINTS + 3 }, (_, n) => 10 + n * 5);
    ring.add(past(at, { rooms: at }, [[10, "start", "a began"], [4000, "lost", "b was lost"]]));
    expect([ring.at.length, ring.at[0], ring.line("rooms").length]).toEqual([POINTS, 25, POINTS]);
    ring.add(past([], {}, [[4000, "lost", "b was lost"], [4100, "act", "c"]]));
    expect(ring.marks.map(([, , words]) => words)).toEqual(["b was lost", "c"]);
  });
});
