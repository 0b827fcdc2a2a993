/**
 * Which moment of the game to show now.
 *
 * Tick n is shown as finished when its frame should surely be here: at the earliest arrivals'
 * pace plus a buffer that follows the jitter of the connection. Times are milliseconds.
 */

const SAMPLES = 40; // arrivals remembered: four seconds at ten ticks, long enough to see a pattern
const LEAST_BUFFER = 6; // ms: a timer's own unevenness
const MOST_BUFFER = 250; // ms: beyond that smoothness is not worth the delay
const SLEW = 0.08; // the display's clock runs at most 8 % fast or slow: not visible
const SNAP = 3; // ticks of error from which jumping is better than catching up

export class TickClock {
  private readonly interval: number;
  private offsets: number[] = []; // arrival − tick × interval, newest last
  private base = 0; // the earliest of them: a frame without any delay
  private buffer = 30; // ms
  private shown = NaN; // the moment on display, in ticks
  private last = 0; // when it was asked for

  constructor(rate: number) {
    this.interval = 1000 / Math.max(rate, 1);
  }

  /** Notes that a frame has arrived. */
  arrived(tick: number, now: number): void {
    const offset = now - tick * this.interval;
    const expected = this.offsets.length > 0 ? this.base : offset;
    if (Math.abs(offset - expected) > 20 * this.interval) this.reset(); // a pause or a hand-over
    this.offsets.push(offset);
    if (this.offsets.length > SAMPLES) this.offsets.shift();
    this.base = Math.min(...this.offsets);
    const late = this.offsets.map((each) => each - this.base).sort((a, b) => a - b);
    const p90 = late[Math.floor(late.length * 0.9)] ?? 0;
    const wanted = Math.min(Math.max(p90 + LEAST_BUFFER, LEAST_BUFFER), MOST_BUFFER);
    this.buffer += (wanted - this.buffer) * (wanted > this.buffer ? 0.3 : 0.05); // up fast, down slowly
  }

  /** Forgets the rhythm, as after a reconnect. */
  reset(): void {
    this.offsets = [];
    this.shown = NaN;
  }

  /**
   * The moment to draw at, in ticks and fractions, never beyond `latest`: what others do runs
   * one tick behind the newest frame, because a movement needs both its ends.
   */
  moment(now: number, latest: number): number {
    const target = Math.min((now - this.base - this.buffer) / this.interval, latest + 1) - 1;
    const passed = Math.min((now - this.last) / this.interval, 1);
    this.last = now;
    if (!(Math.abs(target - this.shown) < SNAP)) return (this.shown = Math.min(target, latest));
    const ahead = this.shown + passed;
    const pull = Math.max(-SLEW * passed, Math.min(SLEW * passed, target - ahead));
    this.shown = Math.max(this.shown, Math.min(ahead + pull, latest));
    return this.shown;
  }

  /** When the frame of a tick should arrive at the earliest. */
  expected(tick: number): number {
    return this.base + tick * this.interval;
  }

  /** The buffer in ms, for the curious. */
  get delay(): number {
    return this.buffer;
  }
}
