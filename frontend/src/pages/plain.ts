/** Pages that stand still: times in the reader's own zone, and a Play now that goes straight in. */

import "../style/base.css";
import "./plain.css";
import { playNow } from "./play";

const SHOW: Record<string, Intl.DateTimeFormatOptions> = {
  day: { dateStyle: "medium" },
  moment: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
};

for (const time of document.querySelectorAll<HTMLTimeElement>("time[data-show]")) {
  const format = SHOW[time.dataset.show ?? ""];
  if (format) time.textContent = new Date(time.dateTime).toLocaleString(undefined, format);
}

for (const door of document.querySelectorAll<HTMLAnchorElement>("a[data-play]")) {
  door.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    // Where there is no seat, the lobby says why and has the choice of rooms.
    playNow().catch(() => location.assign(door.href));
  });
}
