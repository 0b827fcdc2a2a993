/** What the page holds of a ring: the points of the last hour or day, as the server told them. */

/** An answer of the server; see game/history.py. */
export interface Past {
  every: number;
  at: number[];
  figures: Record<string, (number | null)[]>;
  marks: Mark[];
}

/** When (seconds since 1970), what kind, in words. */
export type Mark = [at: number, kind: "start" | "end" | "lost" | "act", words: string];

export const POINTS = 720; // as many as a ring has
const GAP = 2.5; // intervals without a point after which a line is broken, not bridged

export class Ring {
  every = 0;
  at: number[] = [];
  marks: Mark[] = [];
  #figures: Record<string, (number | null)[]> = {};

  /** The moment of the last point: what to ask for next time is after it. */
  get last(): number {
    return this.at.at(-1) ?? 0;
  }

  /** Every figure that is there, by name. */
  get names(): string[] {
    return Object.keys(this.#figures);
  }

  /** Add an answer's points behind the ones that are there; false when there was nothing new. */
  add(past: Past): boolean {
    this.every = past.every;
    const known = new Set(this.marks.map(String));
    const news = past.marks.filter((mark) => !known.has(String(mark)));
    this.marks.push(...news);
    const first = past.at.findIndex((at) => at > this.last);
    if (first < 0) return news.length > 0;
    for (let n = first; n < past.at.length; n++) {
      const at = past.at[n] as number;
      if (this.at.length && at - this.last > GAP * this.every) this.#put(this.last + this.every, () => null);
      this.#put(at, (name) => past.figures[name]?.[n] ?? null, Object.keys(past.figures));
    }
    return true;
  }

  /** A figure's values, one for each moment; none for a name that nobody told of. */
  line(name: string): (number | null)[] {
    return this.#figures[name] ?? this.at.map(() => null);
  }

  #put(at: number, of: (name: string) => number | null, names: string[] = []): void {
    for (const name of names) this.#figures[name] ??= this.at.map(() => null);
    this.at.push(at);
    for (const [name, line] of Object.entries(this.#figures)) line.push(of(name));
    if (this.at.length <= POINTS) return;
    this.at.shift();
    for (const line of Object.values(this.#figures)) line.shift();
    this.marks = this.marks.filter(([when]) => when >= (this.at[0] ?? 0));
  }
}
