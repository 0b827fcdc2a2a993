/** The lobby: who you are, Play now, and what is going on, live. */

import "../style/base.css";
import "./boards.css";
import "./lobby.css";
import { loadIdentity, MAX_NAME, saveIdentity } from "../identity";
import { createRoom } from "./create";
import { startDemo } from "./demo";
import { live } from "./live";
import { busy, playNow } from "./play";
import { showRanks } from "./ranks";
import { fillRoom, showRows } from "./rows";
import { suggestName } from "./suggestion";

const TODAY_ROWS = 5;
const $ = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

const form = $<HTMLFormElement>("start");
const field = $<HTMLInputElement>("name");
const complaint = $("complaint");
const play = $<HTMLButtonElement>("play");

// --- Who you are ---------------------------------------------------------------------------
const suggestion = suggestName();
const known = loadIdentity();
field.value = known.name || suggestion;
(form.elements.namedItem("colour") as RadioNodeList).value = String(known.colour);

function chosen(): { name: string; colour: number } {
  const colour = (form.elements.namedItem("colour") as RadioNodeList).value;
  return { name: short(field.value.trim()) || suggestion, colour: Number(colour) };
}

/** At most 16 of what a person would call characters; the server has the last word. */
function short(name: string): string {
  const pieces = [...new Intl.Segmenter().segment(name)];
  return pieces.length > MAX_NAME ? pieces.slice(0, MAX_NAME).map((p) => p.segment).join("").trim() : name;
}

form.addEventListener("input", (event) => {
  if (event.target === field && !(event as InputEvent).isComposing) {
    const fits = short(field.value);
    if (fits.length < field.value.trim().length) field.value = fits;
  }
  saveIdentity(chosen());
  demo.then((shown) => shown?.you(chosen()), () => undefined);
});
field.addEventListener("focus", () => {
  if (field.value === suggestion) field.select(); // typing replaces a name that nobody chose
});
// Every way into a room takes the name along: Play now, Join, and a room of one's own.
addEventListener("click", (event) => {
  if ((event.target as Element).closest('[data-part="join"], #invite-go')) saveIdentity(chosen());
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  saveIdentity(chosen());
  void busy(play, "Finding you a seat…", complaint, playNow);
});
createRoom(() => saveIdentity(chosen()));

// --- What is going on ------------------------------------------------------------------------
const rooms = $("rooms");
const nothing = $("no-rooms");
const NOTHING = "No room is open. Play now starts one, with bots until people come.";

live(
  {
    rooms: (open) => {
      showRows(
        rooms,
        $<HTMLTemplateElement>("room-row"),
        open,
        (room) => room.id,
        (row) => row.dataset.room,
        fillRoom,
      );
      nothing.textContent = NOTHING;
      nothing.hidden = open.length > 0;
    },
    boards: (boards) => {
      const today = boards["day/score"];
      if (!today) return;
      showRanks($("today"), $<HTMLTemplateElement>("rank-row"), today.slice(0, TODAY_ROWS));
      $("no-scores").hidden = today.length > 0;
    },
  },
  $("live"),
);

function network(): void {
  const words = "You are offline. The page goes on by itself when the connection is back.";
  if (!navigator.onLine) complaint.textContent = words;
  else if (complaint.textContent === words) complaint.textContent = "";
}
addEventListener("offline", network);
addEventListener("online", network);
network();

// --- The board behind it, once everything that matters is there --------------------------------
const demo = new Promise<Awaited<ReturnType<typeof startDemo>>>((resolve) => {
  const start = (): void => resolve(startDemo($<HTMLCanvasElement>("demo"), form, chosen()));
  requestAnimationFrame(() => setTimeout(start));
});
