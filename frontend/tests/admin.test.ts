/** The operator's page, without a page: rates from counters, and numbers as words. */

import { describe, expect, it } from "vitest";
import type { Process } from "../src/admin/figures";
import { History, MINUTE } from "../src/admin/history";
import { age, bytes, ms, NONE, number } from "../src/admin/words";

function report(uptime: number, ticks: number, more: Partial<Process> = {}): Process {
  return {
    kind: "engine", id: "e1", host: "h", pid: 1, at: 0, uptime, cpu: uptime / 4, memory: 0,
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
