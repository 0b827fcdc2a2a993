/** The charts of the last hour or day: one time axis, one cursor, and marks for what happened. */

import "uplot/dist/uPlot.min.css";
import uPlot from "uplot";
import { type Past, POINTS, Ring } from "./past";
import { element, put } from "./table";
import { bytes, moment, ms, number, percent } from "./words";

type Unit = (value: number | null | undefined) => string;
/** The height of a chart in which nothing happens: noise must not look like news. */
const LEAST = new Map<Unit, number>([[number, 4], [bytes, 4000], [ms, 0.004], [percent, 0.2]]);

interface Plan {
  title: string;
  unit: Unit;
  /** The figures it shows; those of one kind, which come and go, by how their names begin. */
  figures: string[] | { begin: string };
}

const PLANS: Plan[] = [
  { title: "Players and connections", unit: number, figures: ["players", "connections"] },
  { title: "Ticks per second", unit: number, figures: ["ticks", "overruns"] },
  { title: "Tick and commit", unit: ms, figures: ["tick p50", "tick p99", "commit p99"] },
  { title: "Tasks waiting", unit: number, figures: { begin: "queue " } },
  { title: "Scores on their way", unit: number, figures: ["outbox", "tasks active"] },
  { title: "In trouble", unit: number, figures: ["slow", "dropped", "paused"] },
  { title: "Bytes per second", unit: bytes, figures: ["bytes in", "bytes out"] },
  { title: "Messages per second", unit: number, figures: ["messages in", "messages out"] },
  { title: "CPU, of one core", unit: percent, figures: ["cpu web", "cpu engine", "cpu worker"] },
  { title: "Memory", unit: bytes, figures: ["memory", "redis memory"] },
  { title: "Answers come in", unit: ms, figures: ["redis latency", "database latency"] },
  { title: "Event loops late by", unit: ms, figures: ["loop lag"] },
];
const HEIGHT = 132; // px of a chart, its time axis included
const LINES_MOST = 8; // in one chart; more cannot be told apart
const NEAR = 6; // px within which the cursor is at a mark
const ANSWER_MS = 4000; // as for the other figures

type Name = "hour" | "day";

export class Charts {
  #rings: Record<Name, Ring> = { hour: new Ring(), day: new Ring() };
  #shown: Name = "hour";
  #charts: Chart[] = [];
  #timer = 0;
  #pointed = false; // whether the cursor is on a chart
  readonly #grid = element("div", "kgm-charts");
  readonly #mark = element("p", "kgm-quiet kgm-mark");
  readonly #sync = uPlot.sync("kgm");

  constructor(root: HTMLElement, private readonly address: string) {
    root.append(this.#switch(), this.#grid, this.#mark);
    new ResizeObserver(() => this.#charts.forEach((chart) => chart.fit())).observe(this.#grid);
    // Colours are drawn, not styled: another theme is other charts.
    const anew = (): void => this.#build();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", anew);
    new MutationObserver(anew).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    document.addEventListener("visibilitychange", () => document.hidden || void this.#ask());
    void this.#ask();
  }

  #switch(): HTMLElement {
    const group = element("div", "kgm-switch");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "How far back");
    const buttons = (["hour", "day"] as const).map((name) => {
      const button = element("button", "kgm-lever", `Last ${name}`);
      button.type = "button";
      button.addEventListener("click", () => {
        this.#shown = name;
        for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
        this.#build();
        void this.#ask();
      });
      return button;
    });
    buttons.forEach((button, n) => button.setAttribute("aria-pressed", String(n === 0)));
    group.append(...buttons);
    return group;
  }

  /** Ask for what is new, again after each interval while somebody looks. */
  async #ask(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.#grid.isConnected) return; // nobody may see it any more
    const name = this.#shown;
    const ring = this.#rings[name];
    try {
      const query = new URLSearchParams({ ring: name, since: String(ring.last) });
      const answer = await fetch(`${this.address}?${query}`, { signal: AbortSignal.timeout(ANSWER_MS) });
      if (answer.ok && ring.add((await answer.json()) as Past) && name === this.#shown) this.#show();
    } catch {
      // The status line says that nothing answers; the charts keep what they know.
    }
    const every = (this.#rings[this.#shown].every || 5) * 1000;
    clearTimeout(this.#timer);
    if (!document.hidden) this.#timer = window.setTimeout(() => void this.#ask(), every);
  }

  #show(): void {
    const ring = this.#rings[this.#shown];
    if (this.#charts.length === 0 || this.#charts.some((chart) => chart.outdated(ring))) this.#build();
    else this.#draw(this.#charts, ring);
    if (!this.#pointed) put(this.#mark, this.#lately(ring));
  }

  /** One in each frame: all at once would take longer than a frame has. */
  #draw([first, ...others]: Chart[], ring: Ring): void {
    first?.show(ring);
    if (others.length) requestAnimationFrame(() => this.#draw(others, ring));
  }

  #build(): void {
    for (const chart of this.#charts) chart.destroy();
    const ring = this.#rings[this.#shown];
    const at = (chart: uPlot): void => {
      this.#pointed = (chart.cursor.left ?? -1) >= 0;
      put(this.#mark, this.#pointed ? this.#near(chart, ring) : this.#lately(ring));
    };
    this.#charts = ring.at.length ? PLANS.map((plan) => new Chart(plan, ring, this.#sync.key, at)) : [];
    this.#grid.replaceChildren(...this.#charts.map((chart) => chart.node));
    for (const chart of this.#charts) chart.fit();
    put(this.#mark, ring.at.length ? this.#lately(ring) : "The first point comes within seconds.");
  }

  /** What happened where the cursor is; else the last that happened. */
  #near(chart: uPlot, ring: Ring): string {
    const left = chart.cursor.left ?? 0;
    const said = ring.marks
      .filter(([at]) => Math.abs(chart.valToPos(at, "x") - left) <= NEAR)
      .map(([at, , words]) => `${moment(at)} ${words}`);
    return said.slice(0, 4).join(" · ") || this.#lately(ring);
  }

  #lately(ring: Ring): string {
    const last = ring.marks.slice(-3).reverse();
    return last.length ? `Marks: ${last.map(([at, , words]) => `${moment(at)} ${words}`).join(" · ")}` : "";
  }
}

/** One chart: its lines, and the values at the cursor, or now, beneath its title. */
class Chart {
  readonly node = element("figure", "kgm-chart");
  readonly #plot: uPlot;
  readonly #names: string[];

  constructor(
    private readonly plan: Plan,
    private ring: Ring,
    sync: string,
    moved: (chart: uPlot) => void,
  ) {
    this.#names = names(plan, ring);
    const style = getComputedStyle(document.getElementById("kgm") as HTMLElement);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--body-quiet-color"), grid: { stroke: colour("--hairline-color"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    this.node.append(element("figcaption", "", plan.title));
    this.#plot = new uPlot(
      {
        width: 300,
        height: HEIGHT,
        padding: [8, 16, 0, 0],
        cursor: { sync: { key: sync, setSeries: false }, y: false, points: { size: 5 } },
        legend: { live: true },
        scales: { x: { range: () => span(this.ring) }, y: { range: (_, _low, high) => [0, Math.max(high ?? 0, LEAST.get(plan.unit) ?? 0) * 1.08] } },
        axes: [
          { ...axis, size: 24, values: (_, splits) => splits.map(clock) },
          { ...axis, size: 58, splits: (_, __, low, high) => [low, high / 2.16, high / 1.08], values: (_, splits) => splits.map(plan.unit) },
        ],
        series: [
          { label: "Time", value: (_, at) => (at === null ? "now" : moment(at)) },
          ...this.#names.map((name, n) => ({
            label: label(plan, name),
            stroke: colour(`--kgm-line-${(n % LINES_MOST) + 1}`),
            width: 1.5,
            points: { show: false },
            value: (plot: uPlot, value: number | null, _: number, index: number | null) =>
              plan.unit(index === null ? plot.data[n + 1]?.at(-1) : value),
          })),
        ],
        hooks: {
          draw: [(plot) => this.#marks(plot, { lost: colour("--kgm-bad"), act: colour("--kgm-warn") }, colour("--border-color"))],
          setCursor: [moved],
        },
      },
      this.#data(),
      this.node,
    );
  }

  /** Whether it shows other figures than there are now. */
  outdated(ring: Ring): boolean {
    return names(this.plan, ring).join() !== this.#names.join();
  }

  show(ring: Ring): void {
    this.ring = ring;
    if (this.node.isConnected) this.#plot.setData(this.#data());
  }

  fit(): void {
    const width = Math.floor(this.node.clientWidth);
    if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }

  destroy(): void {
    this.#plot.destroy();
  }

  #data(): uPlot.AlignedData {
    return [this.ring.at, ...this.#names.map((name) => this.ring.line(name))];
  }

  #marks(plot: uPlot, colours: Record<string, string>, quiet: string): void {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.lineWidth = devicePixelRatio;
    for (const [at, kind] of this.ring.marks) {
      const x = Math.round(plot.valToPos(at, "x", true)) + 0.5;
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.strokeStyle = colours[kind] ?? quiet;
      ctx.setLineDash(kind === "lost" ? [] : [3 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }
}

/** The figures of a chart that the ring has; of those of one kind, the first few by name. */
function names({ figures }: Plan, ring: Ring): string[] {
  if (Array.isArray(figures)) return figures;
  return ring.names.filter((name) => name.startsWith(figures.begin)).sort().slice(0, LINES_MOST);
}

function label({ figures }: Plan, name: string): string {
  return Array.isArray(figures) ? name : name.slice(figures.begin.length);
}

/** The whole hour or day up to the last point: an axis that stands still can be read. */
function span(ring: Ring): [number, number] {
  return [ring.last - POINTS * ring.every, ring.last];
}

function clock(at: number): string {
  return new Date(at * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}
