import { describe, expect, it } from "vitest";
import { Pace } from "../src/render/pace";

function run(pace: Pace, from: number, frames: number, each: number): number {
  for (let i = 0; i < frames; i++) pace.frame((from += each), each);
  return from;
}

describe("Pace", () => {
  it("is not impressed by a single slow frame", () => {
    const pace = new Pace();
    run(pace, run(pace, run(pace, 0, 100, 16.7), 1, 120), 100, 16.7);
    expect(pace.simple).toBe(false);
  });

  it("turns to simpler effects where frames stay slow, and back when they are fast again for long", () => {
    const pace = new Pace();
    let now = run(pace, 0, 120, 33);
    expect(pace.simple).toBe(true);
    now = run(pace, now, 200, 16.7);
    expect(pace.simple).toBe(true);
    run(pace, now, 500, 16.7);
    expect(pace.simple).toBe(false);
  });

  it("gives up pixels before effects, one step at a time", () => {
    const pace = new Pace(2);
    const now = run(pace, 0, 60, 33);
    expect([pace.level, pace.simple]).toEqual([1, false]);
    run(pace, now, 120, 33);
    expect([pace.level, pace.simple]).toEqual([3, true]);
  });

  it("gives up one step of pixels, and no effect, where frames come in time but cost much", () => {
    const pace = new Pace(3);
    work(pace, 0, 600, 9);
    expect([pace.level, pace.simple]).toEqual([1, false]);
    const plain = new Pace(0);
    work(plain, 0, 600, 9);
    expect(plain.level).toBe(0);
  });

  it("takes the step back only where a finer picture is sure not to cost too much", () => {
    const pace = new Pace(3);
    let now = work(pace, 0, 300, 9);
    now = work(pace, now, 600, 5);
    expect(pace.level).toBe(1);
    work(pace, now, 600, 2);
    expect(pace.level).toBe(0);
  });
});

function work(pace: Pace, from: number, frames: number, each: number): number {
  for (let i = 0; i < frames; i++) {
    pace.worked(each);
    pace.frame((from += 16.7), 16.7);
  }
  return from;
}
