/**
 * Sixty frames a second, or a simpler picture: watches how long frames take and what they cost.
 *
 * A screen of many pixels first gives up some of those; then effects become simple.
 */

const SLOW = 22; // ms a frame: a display of 60 Hz misses every third picture
const FAST = 17.5; // ms: it misses none
const BUSY = 6.5; // ms of work a frame: with it the worst of twenty stay about under 8, half a frame
const EASY = 3; // ms: a finer picture, of up to 1.8 times as many pixels, will still not be too much
const WEIGHT = 0.03; // of the newest frame: about half a second of memory
const SETTLE = 1500; // ms after a step before the next one: so long its effect is not seen
const RECOVERY = 5000; // ms of easy frames before a step back, so that the picture does not flicker

export class Pace {
  /** Steps taken towards a simpler picture. */
  level = 0;
  private average = 16; // ms from frame to frame
  private work = 0; // ms spent on one
  private changed = -SETTLE;
  private fastSince = 0;

  /** With this many finer resolutions to give up before effects. */
  constructor(public steps = 0) {}

  /** True while there is no time for every effect. */
  get simple(): boolean {
    return this.level > this.steps;
  }

  /** Notes a frame, at a time and after a pause in ms; long pauses are hidden tabs, not slowness. */
  frame(now: number, passed: number): void {
    if (passed > 200) return;
    this.average += (passed - this.average) * WEIGHT;
    const slow = this.average > SLOW, busy = this.work > BUSY;
    if (this.average > FAST || (!this.simple && this.work > EASY)) this.fastSince = now;
    // Much work alone costs one step of pixels: the rest stays as long as the frames come in time.
    if ((slow || (busy && this.level === 0 && this.steps > 0)) && now - this.changed > SETTLE) this.turn(1, now);
    else if (now - this.fastSince > RECOVERY) this.turn(-1, now);
  }

  /** Notes what a frame cost, in ms. */
  worked(spent: number): void {
    this.work += (Math.min(spent, 50) - this.work) * WEIGHT;
  }

  private turn(step: number, now: number): void {
    const level = Math.min(Math.max(this.level + step, 0), this.steps + 1);
    if (level === this.level) return;
    this.level = level;
    this.changed = this.fastSince = now;
  }
}
