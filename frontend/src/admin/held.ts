/** The tasks that workers have in hand, with the lever to have one not begun. */

import type { Process } from "./figures";
import { pull } from "./levers";
import { type Column, element, Table } from "./table";
import { age } from "./words";

const SHOWN_MOST = 100; // of all workers; a worker says as many at most

interface Row {
  id: string;
  task: string;
  queue: string;
  worker: string;
  runs: boolean;
  seconds: number;
}

/** The table; call the result with what processes last reported. */
export function held(): (processes: Process[]) => void {
  const address = (document.getElementById("kgm") as HTMLElement).dataset.revoke;
  let names = new Map<string, string>();
  const columns: Column<Row>[] = [
    { head: "Task", about: "Its name", words: true, show: (row) => row.task },
    { head: "Id", about: "As in the logs", words: true, show: (row) => row.id },
    { head: "Queue", about: "Where it came from", words: true, show: (row) => row.queue },
    { head: "Worker", about: "Who fetched it", words: true, show: (row) => row.worker },
    {
      head: "Since",
      about: "How long it runs, or has been waiting in the worker for its time or for a free pool process",
      words: true,
      show: (row) => `${row.runs ? "runs" : "waits"} for ${age(row.seconds)}`,
    },
  ];
  if (address)
    columns.push({
      head: "",
      about: "",
      show: () => "",
      build: (cell, id) => {
        const button = element("button", "kgm-lever", "Revoke…");
        button.type = "button";
        button.addEventListener("click", () => ask(address, id, names.get(id) ?? ""));
        cell.classList.add("kgm-levers");
        cell.append(button);
      },
    });
  const table = new Table(columns, "No worker has a task in hand.", "Tasks with workers now");
  document.getElementById("kgm-held")?.append(table.table);
  return (processes) => {
    const rows = inHand(processes);
    names = new Map(rows.map((row) => [row.id, row.task]));
    table.show(rows, (row) => row.id);
  };
}

/** The workers' tasks in hand, those that run first, the longest first. */
export function inHand(processes: Process[]): Row[] {
  return processes
    .flatMap(({ id: worker, details }) =>
      (details.held ?? []).map(([id, task, queue, runs, seconds]) => ({ id, task, queue, worker, runs, seconds })),
    )
    .sort((a, b) => Number(b.runs) - Number(a.runs) || b.seconds - a.seconds)
    .slice(0, SHOWN_MOST);
}

function ask(address: string, id: string, task: string): void {
  void pull({
    address,
    question: `Revoke ${task}?`,
    consequence:
      "If it waits, no worker that runs now begins it, and it is gone. If it runs already, it ends first, and is " +
      "not tried again should it fail. Scores are not lost: the next task of its kind saves them. " +
      "This is written to the audit log.",
    button: "Revoke",
    fields: { id, task },
  });
}
