import { describe, expect, it } from "vitest";
import { TickClock } from "../src/clock";

/** Plays `seconds` at 60 frames a second; ticks at 10 a second arrive late by `lateness(tick)` ms. */
function play(seconds: number, lateness: (tick: number) => number) {
  const clock = new TickClock(10);
  const shown: number[] = [];
  let tick = 100;
  for (let now = 0; now < seconds * 1000; now += 1000 / 60) {
    while ((tick - 100) * 100 + lateness(tick) <= now) clock.arrived(tick++, now);
    if (tick > 100) shown.push(clock.moment(now, tick - 1));
  }
  return { clock, shown, latest: tick - 1 };
}

describe("TickClock", () => {
  it("runs evenly on an even connection", () => {
    const { shown } = play(10, () => 0);
    const steps = shown.slice(120).map((each, i, all) => each - (all[i - 1] ?? each)).slice(1);
    expect(Math.min(...steps)).toBeGreaterThan(0.14); // 1/6 tick a frame, ± 8 %, ± rounding
    expect(Math.max(...steps)).toBeLessThan(0.19);
  });

  it("never goes back and never beyond the newest frame", () => {
    const { shown, latest } = play(10, (tick) => (tick * 7919) % 90);
    shown.forEach((each, i) => expect(each).toBeGreaterThanOrEqual(shown[i - 1] ?? -1e9));
    expect(shown.at(-1)!).toBeLessThanOrEqual(latest);
  });

  it("waits longer where frames come unevenly", () => {
    const calm = play(10, () => 0).clock.delay;
    const rough = play(10, (tick) => (tick * 7919) % 90).clock.delay;
    expect(calm).toBeLessThan(25);
    expect(rough).toBeGreaterThan(50);
  });

  it("starts anew after a long pause", () => {
    const clock = new TickClock(10);
    clock.arrived(1, 0);
    clock.moment(0, 1);
    clock.arrived(2, 60_000);
    expect(clock.moment(60_100, 2)).toBeGreaterThan(1);
  });
});
