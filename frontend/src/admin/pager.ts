/** Above a long list: what it is searched for, and which part of it is shown. */

import type { Totals } from "./figures";
import { element, put } from "./table";
import { number } from "./words";

const TYPING_MS = 200; // after the last key, before the list is searched

export class Pager {
  find = "";
  first = 0;
  readonly node = element("div", "kgm-pager");
  #field = element("input");
  #said = element("span", "kgm-quiet");
  #back = step("‹", "Rooms before these");
  #on = step("›", "Rooms after these");
  #steps = element("span", "kgm-steps");
  #listed = 0;
  #timer = 0;

  /** `changed`: another part is wanted. */
  constructor(private readonly changed: () => void) {
    this.#field.type = "search";
    this.#field.placeholder = "Find a room, game or engine";
    this.#field.setAttribute("aria-label", "Find a room, game or engine");
    this.#field.maxLength = 64;
    this.#field.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => this.#search(), TYPING_MS);
    });
    this.#back.addEventListener("click", () => this.#turn(-1));
    this.#on.addEventListener("click", () => this.#turn(1));
    this.#said.setAttribute("role", "status");
    this.#steps.append(this.#back, this.#on);
    this.node.append(this.#field, this.#said, this.#steps);
    this.node.hidden = true;
  }

  /** A list that is short and not searched needs none of this. */
  show({ rooms, found, first, listed }: Totals): void {
    this.#listed = listed;
    this.first = first;
    this.node.hidden = rooms <= listed && this.#field.value === "";
    const last = Math.min(first + listed, found);
    const all = found === rooms ? number(rooms) : `${number(found)} found among ${number(rooms)}`;
    put(this.#said, found ? `${number(first + 1)} to ${number(last)} of ${all}` : `None of ${number(rooms)} is like that`);
    this.#back.disabled = first === 0;
    this.#on.disabled = last >= found;
    this.#steps.hidden = found <= listed;
  }

  #search(): void {
    this.find = this.#field.value;
    this.first = 0;
    this.changed();
  }

  #turn(by: number): void {
    this.first = Math.max(0, this.first + by * this.#listed);
    this.changed();
  }
}

function step(text: string, label: string): HTMLButtonElement {
  const button = element("button", "kgm-lever", text);
  button.type = "button";
  button.setAttribute("aria-label", label);
  return button;
}
