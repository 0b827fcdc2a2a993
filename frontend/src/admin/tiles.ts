/** The figures that matter most, large, each with its last minute; Redis and the database beneath. */

import type { Database, Picture } from "./figures";
import type { History } from "./history";
import { drawSpark, spark } from "./spark";
import { element, put } from "./table";
import { age, bytes, ms, number, percent } from "./words";

interface Figure {
  value: number;
  text: string;
  alarm?: boolean;
}

type Figures = [name: string, about: string, figure: Figure][];

function main(picture: Picture, history: History): Figures {
  const { processes, totals, queues } = picture;
  const rate = (...names: string[]): number =>
    processes.reduce((sum, process) => sum + history.rate(process, ...names), 0);
  const all = (gauge: string): number =>
    processes.reduce((sum, process) => sum + (process.gauges[gauge] ?? 0), 0);
  const p99 = Math.max(0, ...processes.map((p) => p.observed["engine.tick_seconds"]?.p99 ?? 0));
  const count = (value: number): Figure => ({ value, text: number(value) });
  return [
    ["Players", "People in a seat; bots are not counted", count(totals.people)],
    ["Connections", "Open sockets, of all web processes", count(all("web.connections"))],
    ["Rooms", "Rooms that an engine runs", count(totals.rooms)],
    ["Ticks/s", "Of all rooms together", count(rate("engine.ticks"))],
    ["Slowest tick p99", "Of the engine where it is longest", { value: p99, text: ms(p99) }],
    ["Messages in/s", "From players", count(rate("web.messages_in"))],
    ["Bytes out/s", "To players", { value: rate("web.bytes_out"), text: bytes(rate("web.bytes_out")) }],
    ["Tasks waiting", "Ready, in all queues", count(queues.reduce((sum, queue) => sum + queue.ready, 0))],
  ];
}

function beneath(picture: Picture): Figures {
  const { redis, outbox, database } = picture;
  const figures: Figures = [];
  if (outbox)
    figures.push(
      ["Scores on their way", "Finished lives that wait for the database; new lives are refused at 100,000",
        { value: outbox.length, text: number(outbox.length), alarm: outbox.length >= 50_000 }],
      ["Oldest of them", "How long the first has waited", { value: outbox.oldest ?? 0, text: age(outbox.oldest), alarm: (outbox.oldest ?? 0) > 30 }],
      ["Set aside", "Outbox entries that could not be read as a score", { value: outbox.bad, text: number(outbox.bad), alarm: outbox.bad > 0 }],
    );
  if (redis) {
    const share = redis.memory_most ? ` (${percent(redis.memory / redis.memory_most)})` : "";
    figures.push(
      ["Redis answers in", "A ping, there and back", { value: redis.latency, text: ms(redis.latency), alarm: redis.latency > 0.05 }],
      ["Redis memory", "Used, and of its limit if it has one", { value: redis.memory, text: bytes(redis.memory) + share, alarm: redis.memory_most > 0 && redis.memory > 0.8 * redis.memory_most }],
      ["Commands/s", "That Redis carries out", { value: redis.commands, text: number(redis.commands) }],
      ["Redis clients", "Connections to Redis", { value: redis.clients, text: number(redis.clients) }],
      ["Evicted keys", "Thrown away for want of memory; must stay 0", { value: redis.evicted, text: number(redis.evicted), alarm: redis.evicted > 0 }],
    );
  }
  if (database) figures.push(...stored(database));
  return figures;
}

function stored(database: Database): Figures {
  const { latency, size, clients, clients_most: most, error } = database;
  const known = (value: number | null, text: (value: number) => string): Figure => ({
    value: value ?? 0,
    text: error ? "away" : value === null ? "–" : text(value),
    alarm: error !== "",
  });
  const figures: Figures = [
    ["Database answers in", `The simplest question to ${database.kind}, there and back`, known(latency, ms)],
    ["Database size", "What it holds", known(size, bytes)],
  ];
  if (most !== null)
    figures.push(["Database clients", "Connections to its server, and how many it takes",
      known(clients, (n) => `${number(n)} of ${number(most)}`)]);
  return figures;
}

/** A strip of figures that is filled in place. */
class Strip {
  #tiles = new Map<string, { node: HTMLElement; value: HTMLElement; line: SVGSVGElement }>();

  constructor(private readonly root: HTMLElement, private readonly history: History) {}

  show(figures: Figures): void {
    for (const [name, about, figure] of figures) {
      const tile = this.#tiles.get(name) ?? this.#make(name, about);
      put(tile.value, figure.text);
      tile.node.classList.toggle("kgm-alarm", figure.alarm ?? false);
      drawSpark(tile.line, this.history.line(`tile ${name}`, figure.value));
    }
  }

  #make(name: string, about: string): { node: HTMLElement; value: HTMLElement; line: SVGSVGElement } {
    const node = element("div", "kgm-tile");
    node.title = about;
    const value = element("span", "kgm-tile-value");
    const line = spark();
    node.append(element("span", "kgm-tile-name", name), value, line);
    this.root.append(node);
    const tile = { node, value, line };
    this.#tiles.set(name, tile);
    return tile;
  }
}

/** Both strips; call the result with every new picture. */
export function tiles(history: History): (picture: Picture) => void {
  const lower = element("div", "kgm-tiles kgm-tiles-small");
  document.getElementById("kgm-redis")?.append(lower);
  const strips = [
    new Strip(document.getElementById("kgm-tiles") ?? element("div"), history),
    new Strip(lower, history),
  ] as const;
  return (picture) => {
    strips[0].show(main(picture, history));
    strips[1].show(beneath(picture));
  };
}
