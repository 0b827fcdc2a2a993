/** A table that is patched, not rebuilt: what did not change is not touched, focus stays. */

import { drawSpark, spark } from "./spark";

/** What stands in a cell: words, why it is worth a look, and its last minute. */
export interface Shown {
  text: string;
  title?: string;
  alarm?: boolean | undefined;
  /** Where the words lead. */
  href?: string | undefined;
  line?: readonly number[] | undefined;
}

export interface Column<Row> {
  head: string;
  /** What the column means, for those who ask. */
  about: string;
  show: (row: Row) => Shown | string;
  words?: boolean;
  /** Put something of one's own into a new row's cell, such as a button; called once per row. */
  build?: (cell: HTMLTableCellElement, key: string) => void;
}

interface Cell {
  node: HTMLTableCellElement;
  text: HTMLSpanElement;
  link?: HTMLAnchorElement;
  line?: SVGSVGElement;
}

export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className = "",
  text = "",
): HTMLElementTagNameMap[K] {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

/** Write only what differs, so that a screen reader and the layout have peace. */
export function put(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

function lead(cell: Cell, text: string, href: string): void {
  if (!cell.link?.isConnected) cell.text.replaceChildren((cell.link = element("a")));
  put(cell.link, text);
  if (cell.link.getAttribute("href") !== href) cell.link.href = href;
}

export class Table<Row> {
  readonly body: HTMLTableSectionElement;
  readonly table: HTMLTableElement;
  #columns: Column<Row>[];
  #empty: string;
  #rows = new Map<string, { node: HTMLTableRowElement; cells: Cell[] }>();
  #nothing: HTMLTableRowElement | null = null;

  constructor(columns: Column<Row>[], empty: string, label: string) {
    this.#columns = columns;
    this.#empty = empty;
    this.table = element("table", "kgm-table");
    this.table.setAttribute("aria-label", label);
    const head = this.table.createTHead().insertRow();
    for (const column of columns) {
      const th = element("th", column.words ? "kgm-words" : "", column.head);
      th.scope = "col";
      th.title = column.about;
      head.append(th);
    }
    this.body = this.table.createTBody();
  }

  /** Show these rows, in this order. */
  show(rows: Row[], key: (row: Row) => string, dim: (row: Row) => boolean = () => false): void {
    const gone = new Set(this.#rows.keys());
    let before: Element | null = this.body.firstElementChild;
    for (const row of rows) {
      const id = key(row);
      gone.delete(id);
      const { node, cells } = this.#rows.get(id) ?? this.#make(id);
      this.#columns.forEach((column, n) => this.#fill(cells[n], column.show(row)));
      node.classList.toggle("kgm-dim", dim(row));
      if (node !== before) this.body.insertBefore(node, before);
      else before = before.nextElementSibling;
      while (before?.classList.contains("kgm-inside")) before = before.nextElementSibling;
    }
    for (const id of gone) {
      this.#rows.get(id)?.node.remove();
      this.#rows.delete(id);
    }
    this.#say(rows.length === 0);
  }

  /** The row of a key, to hang something beneath it. */
  row(id: string): HTMLTableRowElement | undefined {
    return this.#rows.get(id)?.node;
  }

  #make(id: string): { node: HTMLTableRowElement; cells: Cell[] } {
    const node = element("tr");
    const cells = this.#columns.map((column, n) => {
      const cell = element(n === 0 ? "th" : "td", column.words ? "kgm-words" : "");
      if (n === 0) cell.scope = "row";
      cell.dataset.head = column.head;
      const text = element("span", "kgm-value");
      cell.append(text);
      column.build?.(cell, id);
      node.append(cell);
      return { node: cell, text };
    });
    const made = { node, cells };
    this.#rows.set(id, made);
    return made;
  }

  #fill(cell: Cell | undefined, shown: Shown | string): void {
    if (!cell) return;
    const { text, title, alarm, line, href } = typeof shown === "string" ? { text: shown } : shown;
    if (href) lead(cell, text, href);
    else put(cell.text, text);
    if ((cell.node.title || "") !== (title ?? "")) cell.node.title = title ?? "";
    cell.node.classList.toggle("kgm-alarm", alarm ?? false);
    if (!line) return;
    if (!cell.line) cell.node.prepend((cell.line = spark()));
    drawSpark(cell.line, line);
  }

  #say(empty: boolean): void {
    if (!empty) {
      this.#nothing?.remove();
      this.#nothing = null;
    } else if (!this.#nothing) {
      this.#nothing = element("tr", "kgm-nothing");
      const cell = element("td", "", this.#empty);
      cell.colSpan = this.#columns.length;
      this.#nothing.append(cell);
      this.body.append(this.#nothing);
    }
  }
}
