/** The dialogs: who are you, and how to play. Escape closes them; closing always means something. */

import { type Identity, loadIdentity, saveIdentity } from "../identity";
import { byId, make, setText } from "./dom";

/** Asks for a name and a colour; null: rather watch. */
export function askWho(complaint = ""): Promise<Identity | null> {
  const dialog = byId<HTMLDialogElement>("join");
  const form = byId<HTMLFormElement>("join-form");
  const name = byId<HTMLInputElement>("join-name");
  const known = loadIdentity();
  name.value = known.name;
  const colour = form.elements.namedItem("colour") as RadioNodeList;
  colour.value = String(known.colour);
  setText(byId("join-complaint"), complaint);
  name.setAttribute("aria-invalid", String(complaint !== ""));
  return opened(dialog, (how) => {
    if (how !== "play") return null;
    const identity = { name: name.value.trim(), colour: Number(colour.value) || 0 };
    saveIdentity(identity);
    return identity;
  });
}

/** Shows how to play; resolves when it was closed. */
export function showHow(rules: readonly string[]): Promise<void> {
  byId("rules").replaceChildren(...rules.map((rule) => make("li", "", rule)));
  return opened(byId<HTMLDialogElement>("how"), () => undefined);
}

function opened<T>(dialog: HTMLDialogElement, answer: (how: string) => T): Promise<T> {
  if (dialog.open) dialog.close();
  dialog.returnValue = ""; // what Escape leaves
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(answer(dialog.returnValue)), { once: true });
  });
}
