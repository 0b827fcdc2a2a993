/** On a phone the side is a sheet behind a tap. */

import { byId } from "./dom";

export function wireSheet(): void {
  const side = byId("side");
  const button = byId("players-button");
  const open = (shown: boolean) => {
    side.classList.toggle("open", shown);
    button.setAttribute("aria-expanded", String(shown));
  };
  button.addEventListener("click", () => open(!side.classList.contains("open")));
  byId("players-close").addEventListener("click", () => open(false));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") open(false);
  });
}
