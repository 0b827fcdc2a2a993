/** The list of rooms; one opens to its seats, with the levers beside them. */

import type { Look, Picture, Room, Seat } from "./figures";
import type { Miniature } from "./miniature";
import { pull } from "./levers";
import { Pager } from "./pager";
import { type Column, element, put, Table } from "./table";
import { ms, number } from "./words";

const MESSAGE_MOST = 200; // characters, as the server allows
const OPEN_MOST = 10; // rooms whose seats the server tells at a time
const PILOTS = ["person", "dropped", "bot"];

export class Rooms {
  /** Rooms that stand open, in the order in which they were opened. */
  readonly open = new Set<string>();
  #table: Table<Room>;
  #pager: Pager;
  #seats = new Map<string, { node: HTMLTableRowElement; table: Table<Seat> }>();
  #miniatures = new Map<string, Miniature>();
  #players: string | undefined; // the admin's list of players
  #room: string;
  #titles = new Map<string, string>();
  #kick: string | undefined;
  #close: string | undefined;
  #message: string | undefined;
  #ban: string | undefined;
  #sitting = new Map<string, Seat>(); // by room and seat number
  #changed: () => void;

  constructor(root: HTMLElement, changed: () => void) {
    this.#kick = root.dataset.kick;
    this.#close = root.dataset.close;
    this.#message = root.dataset.message;
    this.#ban = root.dataset.ban;
    this.#players = root.dataset.players;
    this.#room = root.dataset.socket ?? "";
    this.#changed = changed;
    this.#pager = new Pager(changed);
    this.#table = new Table(this.#columns(), "No room is open. The lobby opens one.", "Rooms");
    document.getElementById("kgm-rooms")?.append(this.#pager.node, this.#table.table);
  }

  /** What of the rooms the page looks at. */
  look(): Look {
    return { open: [...this.open], find: this.#pager.find, first: this.#pager.first };
  }

  shutAll(): void {
    for (const id of [...this.open]) this.#shut(id);
  }

  show(picture: Picture): void {
    this.#sitting.clear();
    this.#pager.show(picture.totals);
    this.#table.show(picture.rooms, (room) => room.id);
    this.#titles = new Map(picture.rooms.map((room) => [room.id, room.title]));
    for (const room of picture.rooms) {
      const opener = this.#table.row(room.id)?.querySelector(".kgm-opener");
      if (opener) put(opener, room.title || room.id);
      if (this.open.has(room.id)) this.#inside(room);
    }
    for (const id of this.open) if (!this.#titles.has(id)) this.#shut(id);
  }

  #columns(): Column<Room>[] {
    const columns: Column<Room>[] = [
      {
        head: "Room",
        about: "Press to see its seats",
        words: true,
        show: (room) => ({ text: "", title: `${room.id}, on engine ${room.engine}` }),
        build: (cell, id) => cell.append(this.#opener(id)),
      },
      { head: "Game", about: "What is played", words: true, show: (room) => room.game },
      { head: "Players", about: "People in a seat", show: (room) => number(room.people) },
      { head: "Bots", about: "Seats that the game plays", show: (room) => number(room.bots) },
      { head: "Watching", about: "Open sockets without a seat", show: (room) => number(room.watchers) },
      { head: "Tick", about: "The number of its last tick", show: (room) => number(room.tick) },
      {
        head: "Took",
        about: "How long that tick took",
        show: (room) => (room.asleep ? "asleep" : ms(room.tick_ms / 1000)),
      },
      {
        head: "Overruns",
        about: "Ticks that took longer than their interval, since this engine has it",
        show: (room) => ({
          text: number(room.overruns),
          title: room.overran_ms > 0 ? `The last took ${ms(room.overran_ms / 1000)} of ${ms(room.tick_may_ms / 1000)}` : "",
          alarm: room.overran_ms > 0,
        }),
      },
      { head: "Engine", about: "Who runs it", words: true, show: (room) => room.engine },
    ];
    if (this.#close || this.#message)
      columns.push({
        head: "",
        about: "",
        show: () => "",
        build: (cell, id) => {
          cell.classList.add("kgm-levers");
          if (this.#message) cell.append(this.#button("Message…", () => this.#askMessage(id)));
          if (this.#close) cell.append(this.#button("Close…", () => this.#askClose(id)));
        },
      });
    return columns;
  }

  #opener(id: string): HTMLButtonElement {
    const button = this.#button("", () => {
      if (this.open.has(id)) this.#shut(id);
      else {
        const [oldest] = this.open;
        if (this.open.size >= OPEN_MOST && oldest !== undefined) this.#shut(oldest);
        this.open.add(id);
        button.setAttribute("aria-expanded", "true");
      }
      this.#changed();
    });
    button.className = "kgm-opener";
    button.setAttribute("aria-expanded", "false");
    return button;
  }

  #shut(id: string): void {
    this.open.delete(id);
    this.#miniatures.get(id)?.end();
    this.#miniatures.delete(id);
    this.#seats.get(id)?.node.remove();
    this.#seats.delete(id);
    this.#table.row(id)?.querySelector("button")?.setAttribute("aria-expanded", "false");
  }

  #inside(room: Room): void {
    const row = this.#table.row(room.id);
    if (!row) return;
    let seats = this.#seats.get(room.id);
    if (!seats) {
      const node = element("tr", "kgm-inside");
      const cell = element("td");
      cell.colSpan = row.cells.length;
      const table = new Table(this.#seatColumns(room.id), "Nobody is in a seat.", `Seats of ${room.title}`);
      const both = element("div", "kgm-look");
      both.append(this.#picture(room), table.table);
      cell.append(both);
      node.append(cell);
      this.#seats.set(room.id, (seats = { node, table }));
    }
    if (row.nextElementSibling !== seats.node) row.after(seats.node);
    for (const seat of room.seats ?? []) this.#sitting.set(`${room.id} ${seat[0]}`, seat);
    seats.table.show(room.seats ?? [], (seat) => String(seat[0]));
  }

  /** The board in the small; what draws it comes when it is first looked at. */
  #picture({ id, title }: Room): HTMLElement {
    const figure = element("figure", "kgm-miniature");
    void import("./miniature").then(({ Miniature }) => {
      if (this.open.has(id)) this.#miniatures.set(id, new Miniature(figure, `${this.#room}${id}/`, title || id));
    });
    return figure;
  }

  #seatColumns(room: string): Column<Seat>[] {
    const columns: Column<Seat>[] = [
      { head: "Name", about: "As the player chose it", words: true, show: (seat) => ({ text: seat[1], href: this.#record(seat) }) },
      { head: "Seat", about: "Its number", show: (seat) => number(seat[0]) },
      { head: "Who", about: "Who steers", words: true, show: (seat) => PILOTS[seat[2]] ?? "" },
      {
        head: "Ping",
        about: "There and back, as the player's page measures it; of each web process the slowest hundred",
        show: ([, , , , ping]) => (ping === null ? "–" : ms(ping / 1000)),
      },
      {
        head: "Points",
        about: "What the game counts",
        show: (seat) => seat.slice(5).map((n) => (typeof n === "number" ? number(n) : n)).join(" · "),
      },
    ];
    if (this.#kick || this.#ban)
      columns.push({
        head: "",
        about: "",
        show: () => "",
        build: (cell, seat) => {
          cell.classList.add("kgm-levers");
          if (this.#kick)
            cell.append(this.#button("Remove…", (button) => this.#askKick(room, seat, button)));
          const bot = this.#sitting.get(`${room} ${seat}`)?.[3] === "";
          if (this.#ban && !bot) cell.append(this.#button("Ban…", () => this.#askBan(room, seat)));
        },
      });
    return columns;
  }

  /** What is known of the player in a seat. */
  #record([, , , player]: Seat): string | undefined {
    return this.#players && player ? `${this.#players}?${new URLSearchParams({ q: player })}` : undefined;
  }

  #button(text: string, press: (button: HTMLButtonElement) => void): HTMLButtonElement {
    const button = element("button", "kgm-lever", text);
    button.type = "button";
    button.addEventListener("click", () => press(button));
    return button;
  }

  #askKick(room: string, seat: string, button: HTMLButtonElement): void {
    const name = button.closest("tr")?.querySelector("th")?.textContent ?? "this player";
    void pull({
      address: this.#kick ?? "",
      question: `Remove ${name} from ${this.#titles.get(room) ?? room}?`,
      consequence:
        "Their life ends now and is scored as it stands. Their page says that an operator " +
        "removed them. They may come back. This is written to the audit log.",
      button: "Remove player",
      fields: { room, seat },
    });
  }

  /** The form asks for how long, and why; it has a place for the address, too. */
  #askBan(room: string, seat: string): void {
    const [, name, , player] = this.#sitting.get(`${room} ${seat}`) ?? [];
    if (player) location.assign(`${this.#ban}?${new URLSearchParams({ player, name: name ?? "" })}`);
  }

  #askMessage(room: string): void {
    void pull({
      address: this.#message ?? "",
      question: `Say something to everyone in ${this.#titles.get(room) ?? room}?`,
      consequence:
        "Players and spectators see it over the board, as from the operator, for as long as it takes " +
        "to read. Who comes later does not. This is written to the audit log.",
      button: "Send message",
      fields: { room },
      line: { field: "text", label: "Message", most: MESSAGE_MOST },
    });
  }

  #askClose(room: string): void {
    void pull({
      address: this.#close ?? "",
      question: `Close ${this.#titles.get(room) ?? room}?`,
      consequence:
        "Everyone in it is sent back to the lobby; lives that are running are scored as they " +
        "stand. Its link stops working. This is written to the audit log.",
      button: "Close room",
      fields: { room },
    });
  }
}
