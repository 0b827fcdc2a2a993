/** What an operator may do to the running system: asked back first, then posted, then told. */

export interface Lever {
  address: string;
  question: string;
  /** What will happen, to whom. */
  consequence: string;
  button: string;
  fields: Record<string, string>;
  /** A line that its puller writes, and which is sent as this field. */
  line?: { field: string; label: string; most: number };
}

const ANSWER_MS = 8000; // as long as the server may wait for Redis, and some

/** Ask, and do it when the answer is yes; the outcome is said at the foot of the page. */
export async function pull(lever: Lever): Promise<void> {
  if (!(await agreed(lever))) return;
  const fields = { ...lever.fields, ...(lever.line ? { [lever.line.field]: written().value } : {}) };
  say("Asking…");
  try {
    const answer = await fetch(lever.address, {
      method: "POST",
      headers: { "X-CSRFToken": token() },
      body: new URLSearchParams(fields),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const said = (await answer.json().catch(() => ({}))) as { done?: string; error?: string };
    say(said.done ?? said.error ?? `Not done: the server answered ${answer.status}.`, !said.done);
  } catch {
    say("The server did not answer. Look whether it was done before you try again.", true);
  }
}

function agreed(lever: Lever): Promise<boolean> {
  const ask = document.getElementById("kgm-ask") as HTMLDialogElement;
  const part = (id: string, text: string): void => {
    const node = document.getElementById(id);
    if (node) node.textContent = text;
  };
  part("kgm-ask-h", lever.question);
  part("kgm-ask-what", lever.consequence);
  part("kgm-ask-do", lever.button);
  askFor(lever.line, ask);
  ask.returnValue = "";
  ask.showModal();
  if (lever.line) written().focus();
  return new Promise((resolve) => {
    ask.addEventListener("close", () => resolve(ask.returnValue === "do"), { once: true });
  });
}

/** Show the field for a line, empty, or none. */
function askFor(line: Lever["line"], ask: HTMLDialogElement): void {
  const text = written();
  const label = text.parentElement as HTMLElement;
  label.hidden = !line;
  (label.firstElementChild as HTMLElement).textContent = line?.label ?? "";
  text.value = "";
  text.required = line !== undefined;
  text.maxLength = line?.most ?? 0;
  // Enter would press the first button, which is to leave it.
  text.onkeydown = (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    if (text.reportValidity()) ask.close("do");
  };
}

function written(): HTMLInputElement {
  return document.getElementById("kgm-ask-text") as HTMLInputElement;
}

function token(): string {
  return document.querySelector<HTMLInputElement>("#kgm input[name=csrfmiddlewaretoken]")?.value ?? "";
}

let quiet = 0;

function say(sentence: string, failed = false): void {
  const node = document.getElementById("kgm-said");
  if (!node) return;
  node.textContent = sentence;
  node.classList.toggle("kgm-alarm", failed);
  clearTimeout(quiet);
  quiet = window.setTimeout(() => (node.textContent = ""), 10_000);
}
