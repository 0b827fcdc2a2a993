/** Play now: ask for a seat, go to its room. */

import { post } from "../api";

/** Goes to the room the server chose; throws with a sentence when there is none. */
export async function playNow(): Promise<"leaving"> {
  const { room } = await post<{ room: string }>("/api/play");
  location.assign(`/r/${encodeURIComponent(room)}/`);
  return "leaving";
}

const BUSY = "aria-busy";

/**
 * Runs what a button does, once at a time, with words on the button while it waits. An action that
 * answers "leaving" has sent the page elsewhere: the words stay until it is gone.
 */
export async function busy(
  button: HTMLButtonElement,
  words: string,
  complaint: HTMLElement,
  action: () => Promise<"leaving" | "here">,
): Promise<void> {
  if (button.getAttribute(BUSY) === "true") return;
  const own = button.textContent;
  const rest = (): void => {
    button.removeAttribute(BUSY);
    button.textContent = own;
  };
  button.setAttribute(BUSY, "true");
  button.textContent = words;
  complaint.textContent = "";
  addEventListener("pageshow", (event) => event.persisted && rest(), { once: true });
  try {
    if ((await action()) === "here") rest();
  } catch (error) {
    rest();
    complaint.textContent = error instanceof Error ? error.message : String(error);
  }
}
