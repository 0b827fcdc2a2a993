/** The card over the board: one for every state in which there is nothing to steer. */

import type { Phase } from "../phase";
import type { DiedNote } from "../protocol";
import type { Ending } from "../session";
import { byId, make, setText } from "./dom";

export interface CardEvents {
  again(): void; // a new life
  watch(): void;
  leave(): void; // to the lobby
  another(): Promise<void>; // another room; rejects with a sentence
  resume(): void; // "Continue here"
}

type Button = [text: string, act: () => void, primary?: boolean];
interface Content {
  title: string;
  text: string;
  busy?: boolean; // it goes on by itself: a quiet sign of life
  buttons?: Button[];
}

const GUARD = 400; // ms in which a key or tap still belongs to the life before

export class Card {
  private readonly card = byId("card");
  private readonly title = byId("card-title");
  private readonly text = byId("card-text");
  private readonly figures = byId("card-figures");
  private readonly place = byId("card-place");
  private readonly actions = byId("card-actions");
  private readonly problem = byId("card-problem");
  private shown = ""; // what it shows, so that it is not built again ten times a second
  private since = 0;

  constructor(
    private readonly events: CardEvents,
    private readonly hold: () => number,
    private readonly heading: (note: DiedNote) => string,
  ) {}

  /** `farewell` is what the server said before it closed the connection. */
  show(phase: Phase, ending: Ending | null, farewell = ""): void {
    if (phase === "dead" && ending !== null) return this.showEnding(ending);
    const content = this.content(phase, farewell);
    if (content === null) return this.hide();
    if (this.shown === phase) return;
    this.open(phase);
    this.fill(content.title, content.text, content.buttons ?? []);
    this.card.classList.toggle("busy", content.busy === true);
    this.figures.hidden = this.place.hidden = true;
  }

  /** Something that was asked for did not work. */
  complain(sentence: string): void {
    setText(this.problem, sentence);
  }

  /** Enter, or a tap on the board. */
  confirm(): void {
    if (this.shown.startsWith("dead") && performance.now() - this.since > GUARD) this.events.again();
  }

  private content(phase: Phase, farewell: string): Content | null {
    const { events } = this;
    const lobby: Button = ["Lobby", events.leave];
    const another: Button = ["Play in another room", () => void this.tryAnother(), true];
    switch (phase) {
      case "connecting":
        return { title: "Connecting", text: "Your place on the board is being prepared.", busy: true };
      case "waiting":
        return { title: "Just a moment", text: "This room is waiting for a game engine. It goes on by itself.", busy: true };
      case "reconnecting": {
        const text = `The connection was lost. Your seat is kept for ${this.hold()} seconds.`;
        return { title: "Reconnecting", text, busy: true };
      }
      case "restarting":
        return { title: "The server is restarting", text: "You come back by yourself, in a moment.", busy: true };
      case "offline":
        return { title: "You are offline", text: "It goes on as soon as this device is back on the net.", busy: true };
      case "full":
        return { title: "This room is full", text: "Watch it, or play where there is a seat.", buttons: [another, ["Watch", events.watch]] };
      case "gone":
        return { title: "This room is gone", text: "Rooms close when nobody has played in them for a while.", buttons: [another, lobby] };
      case "removed":
        return { title: "You were taken out of this room", text: "An operator did that. Other rooms are open.", buttons: [lobby] };
      case "replaced":
        return { title: "You play in another tab", text: "The seat is there now. You can take it back.", buttons: [["Continue here", events.resume, true], lobby] };
      case "banned":
        return { title: "You cannot come in", text: farewell || "An operator has banned you.", buttons: [lobby] };
      case "crowded": {
        const text = "As many tabs are open as one player, or one connection, may have. Close one, then try again.";
        return { title: "Open too many times", text, buttons: [["Try again", events.resume, true], lobby] };
      }
      case "outdated":
        return { title: "This page is too old", text: "Reload it to go on. If that does not help, the cookies of this site may be blocked.", buttons: [["Reload", () => location.reload(), true]] };
      default:
        return null;
    }
  }

  private showEnding(ending: Ending): void {
    const { note } = ending;
    const key = `dead ${note.life}`;
    if (this.shown !== key) {
      this.open(key);
      this.card.classList.remove("busy");
      this.fill(this.heading(note), "", [
        ["Play again", () => this.events.again(), true],
        ["Leave", () => this.events.leave()],
      ]);
      this.figures.replaceChildren(
        figure("Score", String(note.score)),
        ...(ending.rank === null ? [] : [figure("Rank", `${ending.rank} / ${ending.of}`)]),
        figure("Length", String(note.length)),
        figure("Kills", String(note.kills)),
      );
      this.figures.hidden = this.place.hidden = false;
      this.actions.querySelector("button")?.focus({ preventScroll: true });
    }
    setText(this.place, placeOf(ending));
    this.place.classList.toggle("saving", ending.saved === null);
  }

  private async tryAnother(): Promise<void> {
    this.complain("");
    await this.events.another().catch((error: Error) => this.complain(error.message));
  }

  private open(key: string): void {
    this.shown = key;
    this.since = performance.now();
    this.card.hidden = false;
    this.complain("");
  }

  private hide(): void {
    this.shown = "";
    this.card.hidden = true;
  }

  private fill(title: string, text: string, buttons: Button[]): void {
    setText(this.title, title);
    setText(this.text, text);
    this.text.hidden = text === "";
    this.actions.replaceChildren(...buttons.map(([label, act, primary]) => {
      const button = make("button", primary ? "button primary" : "button", label);
      button.setAttribute("type", "button");
      button.addEventListener("click", act);
      return button;
    }));
  }
}

function figure(label: string, value: string): HTMLElement {
  return make("div", "figure-pair", make("dt", "", label), make("dd", "", value));
}

function placeOf({ saved }: Ending): string {
  if (saved === null) return "saving…";
  const places = [
    ...(saved.day ? [`${ordinal(saved.day)} today`] : []),
    ...(saved.week ? [`${ordinal(saved.week)} this week`] : []),
    ...(saved.all ? [`${ordinal(saved.all)} ever`] : []),
  ];
  const best = saved.best ? "Your best yet" : "Saved";
  return `${best}\n${places.join(" · ")}`;
}

/** 1 → "1st". */
export function ordinal(n: number): string {
  const teen = n % 100 > 10 && n % 100 < 14;
  return `${n}${teen ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th")}`;
}
