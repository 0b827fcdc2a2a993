/** The dialog that creates a room; a private one hands over its link before going in. */

import { post } from "../api";
import { busy } from "./play";

interface Created {
  room: string;
  url: string;
}

const $ = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

/** Wires the dialog up; `entering` is called before the page leaves for the new room. */
export function createRoom(entering: () => void): void {
  const dialog = $<HTMLDialogElement>("create-dialog");
  const form = $<HTMLFormElement>("create-form");
  const invite = $("invite");

  $("create").addEventListener("click", () => {
    form.hidden = false;
    invite.hidden = true;
    $("create-complaint").textContent = "";
    dialog.showModal();
  });
  dialog.querySelector("[data-close]")?.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // the veil around it
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void busy($<HTMLButtonElement>("create-go"), "Creating…", $("create-complaint"), async () => {
      const wish = new FormData(form);
      const isPrivate = wish.has("private");
      const created = await post<Created>("/api/rooms", {
        size: wish.get("size"),
        wrap: wish.get("edges") === "wrap",
        rocks: wish.has("rocks"),
        private: isPrivate,
      });
      entering();
      if (isPrivate) {
        offer(created);
        return "here";
      }
      location.assign(`/r/${created.room}/`);
      return "leaving";
    });
  });

  function offer({ room, url }: Created): void {
    form.hidden = true;
    invite.hidden = false;
    $("invite-said").textContent = "";
    const link = $<HTMLInputElement>("invite-url");
    link.value = url;
    $<HTMLAnchorElement>("invite-go").href = `/r/${room}/`;
    link.focus();
    link.select();
  }

  $("invite-copy").addEventListener("click", () => {
    const link = $<HTMLInputElement>("invite-url");
    const said = $("invite-said");
    // Without HTTPS there is no clipboard: the link is selected, ready to be copied by hand.
    Promise.resolve(navigator.clipboard?.writeText(link.value) ?? Promise.reject(new Error()))
      .then(() => (said.textContent = "Copied."))
      .catch(() => {
        link.select();
        said.textContent = "Selected: copy it from here.";
      });
  });
}
