/** The task queues with their levers, and the schedule. */

import type { Queue } from "./figures";
import { pull } from "./levers";
import { type Column, element, put, Table } from "./table";
import { age, number } from "./words";

const AUDITED = "This is written to the audit log.";

/** The table of queues; a queue has the levers that its reader may pull. */
export class Queues {
  readonly #table: Table<Queue>;
  readonly #pausers = new Map<string, HTMLButtonElement>();
  #paused = new Set<string>();
  readonly #may = (document.getElementById("kgm") as HTMLElement).dataset;

  constructor() {
    const columns = queueColumns();
    if (this.#may.pause || this.#may.purge)
      columns.push({ head: "", about: "", show: () => "", build: (cell, name) => this.#levers(cell, name) });
    this.#table = new Table(columns, "No queue is declared.", "Task queues");
    document.getElementById("kgm-queues")?.append(this.#table.table);
    schedule(this.#may.run);
  }

  show(queues: Queue[], old: boolean): void {
    this.#paused = new Set(queues.filter((queue) => queue.paused).map((queue) => queue.name));
    this.#table.show(queues, (queue) => queue.name, () => old);
    for (const [name, button] of this.#pausers) put(button, this.#paused.has(name) ? "Resume…" : "Pause…");
  }

  #levers(cell: HTMLElement, name: string): void {
    if (this.#may.pause) {
      const button = lever("Pause…", () => this.#askPause(name));
      this.#pausers.set(name, button);
      cell.append(button);
    }
    const purge = this.#may.purge;
    if (purge) cell.append(" ", lever("Purge…", () => askPurge(purge, name)));
  }

  #askPause(name: string): void {
    const on = this.#paused.has(name);
    void pull({
      address: (on ? this.#may.resume : this.#may.pause) ?? "",
      question: `${on ? "Resume" : "Pause"} queue ${name}?`,
      consequence: on
        ? `Workers take its tasks again within seconds. ${AUDITED}`
        : `Its tasks wait until somebody resumes it; those that workers have fetched are ended. ${AUDITED}`,
      button: on ? "Resume" : "Pause",
      fields: { queue: name },
    });
  }
}

function askPurge(address: string, name: string): void {
  void pull({
    address,
    question: `Throw away what waits in queue ${name}?`,
    consequence:
      "Every task in it that no worker has fetched is gone for good. Kogame's own are asked for again " +
      `by the schedule; yours may not be. ${AUDITED}`,
    button: "Purge",
    fields: { queue: name },
  });
}

/** What the clock asks for, each entry with a lever to ask for it now. */
function schedule(address: string | undefined): void {
  const root = document.getElementById("kgm-schedule");
  const entries = document.getElementById("kgm-schedule-entries")?.textContent;
  if (!root || !entries || !address) return;
  const rows = Object.entries(JSON.parse(entries) as Record<string, string>);
  const run = (name: string): void =>
    void pull({
      address,
      question: `Run “${name}” now?`,
      consequence: `A worker does it as soon as it can; the schedule goes on as it was. ${AUDITED}`,
      button: "Run now",
      fields: { entry: name },
    });
  const table = new Table<[string, string]>(
    [
      { head: "Entry", about: "Its name", words: true, show: ([name]) => name },
      { head: "When", about: "How often, or at which time (UTC)", words: true, show: ([, when]) => when },
      { head: "", about: "", show: () => "", build: (cell, name) => cell.append(lever("Run now…", () => run(name))) },
    ],
    "Nothing is scheduled.",
    "The schedule",
  );
  table.show(rows, ([name]) => name);
  root.append(table.table);
}

function lever(text: string, press: () => void): HTMLButtonElement {
  const button = element("button", "kgm-lever", text);
  button.type = "button";
  button.addEventListener("click", press);
  return button;
}

function queueColumns(): Column<Queue>[] {
  return [
    { head: "Queue", about: "Its name", words: true, show: (queue) => queue.name },
    {
      head: "Ready",
      about: "Tasks that no worker has fetched",
      show: (queue) => ({
        text: queue.paused ? `${number(queue.ready)}, paused` : number(queue.ready),
        title: queue.growing ? "Longer now than at any time half a minute ago" : "",
        alarm: queue.growing || (queue.ready > 0 && !queue.consumers),
        line: queue.history,
      }),
    },
    {
      head: "In flight",
      about: "Fetched by a worker and not acknowledged: running, prefetched or counting down",
      show: (queue) => ({
        text: queue.in_flight === null ? "unknown" : `${queue.at_least ? "≥ " : ""}${number(queue.in_flight)}`,
        title: queue.told_by === "workers" ? "As the workers report it" : "",
      }),
    },
    {
      head: "Oldest waiting",
      about: "How long the oldest ready task has waited; RabbitMQ does not tell",
      show: (queue) => ({ text: age(queue.oldest_ready), alarm: (queue.oldest_ready ?? 0) > 60 }),
    },
    {
      head: "Oldest in flight",
      about: "How long ago the oldest unacknowledged task was fetched",
      show: (queue) => age(queue.oldest_in_flight),
    },
    {
      head: "Consumers",
      about: "Workers that take from this queue",
      show: (queue) => ({ text: number(queue.consumers), alarm: !queue.consumers && queue.ready > 0 }),
    },
  ];
}
