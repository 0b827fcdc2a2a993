/** Every declared figure of every process: nothing that is counted stays unseen. */

import type { Picture, Process } from "./figures";
import { type Column, element, Table } from "./table";
import { ms, number } from "./words";

interface Row {
  name: string;
  meaning: string;
}

/** The table behind "Every figure"; filled only while it stands open. */
export function everything(): (picture: Picture) => void {
  const root = document.getElementById("kgm-all") as HTMLDetailsElement;
  const meanings = JSON.parse(
    document.getElementById("kgm-meanings")?.textContent ?? "{}",
  ) as Record<string, string>;
  const rows = Object.entries(meanings).map(([name, meaning]) => ({ name, meaning }));
  let table: Table<Row> | null = null;
  let shown = "";
  let last: Picture | null = null;

  const show = (picture: Picture): void => {
    last = picture;
    if (!root.open) return;
    const ids = picture.processes.map((process) => `${process.kind} ${process.id}`);
    if (!table || shown !== ids.join()) {
      table?.table.parentElement?.remove();
      table = new Table(columns(ids, () => last), "", "Every figure");
      const frame = element("div", "kgm-wide");
      frame.tabIndex = 0; // so that it can be scrolled by keyboard
      frame.append(table.table);
      root.append(frame);
      shown = ids.join();
    }
    table.show(rows, (row) => row.name);
  };
  root.addEventListener("toggle", () => last && show(last));
  return show;
}

function columns(ids: string[], picture: () => Picture | null): Column<Row>[] {
  const own: Column<Row>[] = [
    { head: "Figure", about: "Its name", words: true, show: (row) => ({ text: row.name, title: row.meaning }) },
    { head: "Meaning", about: "What it stands for", words: true, show: (row) => row.meaning },
  ];
  return own.concat(
    ids.map((id, n) => ({
      head: id,
      about: id,
      show: (row: Row) => {
        const process = picture()?.processes[n];
        return process ? value(process, row.name) : "";
      },
    })),
  );
}

/** Whatever kind of figure it is. */
function value(process: Process, name: string): string {
  const plain = process.counters[name] ?? process.gauges[name];
  if (plain !== undefined) return number(plain);
  const spread = process.observed[name];
  if (spread) return spread.p50 === undefined ? `×${number(spread.n)}` : `${ms(spread.p50)} / ${ms(spread.p99)}`;
  const list = (process.details as Record<string, unknown[]>)[name];
  return list ? `${list.length} listed` : "";
}
