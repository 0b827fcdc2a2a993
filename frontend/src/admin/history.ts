/** What the page remembers while it is open: rates from counters, and the last minute of each. */

import type { Process } from "./figures";

export const MINUTE = 60; // points, one a second: every sparkline covers the same time
const FRESH = 0.8; // seconds after which a picture is a new point: they may come twice a second

interface Last {
  uptime: number;
  counters: Record<string, number>;
  cpu: number;
  rates: Record<string, number>;
  cpuShare: number | null;
}

export class History {
  #last = new Map<string, Last>();
  #lines = new Map<string, number[]>();
  #seen = new Set<string>();
  #drawn = 0;
  #fresh = true;

  /** A new picture of this moment; one that comes out of turn replaces the last points. */
  begin(at: number): void {
    this.#fresh = at - this.#drawn > FRESH;
    if (this.#fresh) this.#drawn = at;
  }

  /** Take in one process's report; the same report twice changes nothing. */
  take(process: Process): void {
    const id = `${process.kind}:${process.id}`;
    const { uptime, counters, cpu } = process;
    const before = this.#last.get(id);
    const seconds = before ? uptime - before.uptime : 0;
    if (before && seconds === 0) return;
    const rates: Record<string, number> = {};
    if (!before || seconds < 0) {
      // Nothing to compare with (or the process began anew): its own last ten seconds.
      for (const [name, n] of Object.entries(process.recent))
        if (process.recent_seconds > 0) rates[name] = n / process.recent_seconds;
    } else {
      for (const [name, n] of Object.entries(counters))
        rates[name] = Math.max(0, n - (before.counters[name] ?? 0)) / seconds;
    }
    const cpuShare = before && seconds > 0 ? Math.max(0, cpu - before.cpu) / seconds : null;
    this.#last.set(id, { uptime, counters, cpu, rates, cpuShare });
  }

  /** Per second, over the last second or so. */
  rate(process: Process, ...names: string[]): number {
    const rates = this.#last.get(`${process.kind}:${process.id}`)?.rates ?? {};
    return names.reduce((sum, name) => sum + (rates[name] ?? 0), 0);
  }

  /** CPU used, as a share of one core. */
  cpu(process: Process): number | null {
    return this.#last.get(`${process.kind}:${process.id}`)?.cpuShare ?? null;
  }

  /** Add to a line and return its last minute. */
  line(name: string, value: number): number[] {
    let line = this.#lines.get(name);
    if (!line) this.#lines.set(name, (line = []));
    if (!this.#fresh) line.pop();
    line.push(value);
    if (line.length > MINUTE) line.shift();
    this.#seen.add(name);
    return line;
  }

  /** Forget the processes that are gone, and the lines that nobody drew this time. */
  prune(processes: Process[]): void {
    const alive = new Set(processes.map((process) => `${process.kind}:${process.id}`));
    for (const id of this.#last.keys()) if (!alive.has(id)) this.#last.delete(id);
    for (const name of this.#lines.keys()) if (!this.#seen.has(name)) this.#lines.delete(name);
    this.#seen.clear();
  }
}
