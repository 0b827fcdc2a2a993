/** The operator's page: asks for all figures once a second and shows what changed. */

import "./metrics.css";
import { everything } from "./all";
import type { Answer, Picture, Problem, Status } from "./figures";
import { History } from "./history";
import { Rooms } from "./rooms";
import { sections } from "./sections";
import { element } from "./table";
import { tiles } from "./tiles";
import { moment } from "./words";

const EVERY_MS = 1000; // processes report once a second: asking more often shows nothing new
const ANSWER_MS = 4000; // the server gives up on Redis after one or two

const root = document.getElementById("kgm") as HTMLElement;
const figures = document.getElementById("kgm-figures") as HTMLElement;
const history = new History();
const rooms = new Rooms(root, () => void refresh());
const parts = [tiles(history), sections(history), everything()];
let timer = 0;
let asking = false;
let unreachable: number | null = null;
let out = false; // logged out since, or no longer allowed

async function refresh(): Promise<void> {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  const started = performance.now();
  try {
    const query = new URLSearchParams([...rooms.open].map((id) => ["room", id]));
    const answer = await fetch(`${root.dataset.figures}?${query}`, {
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (answer.status === 403) {
      const { error } = (await answer.json()) as { error: string };
      return shutOut(error);
    } else if (answer.ok) show((await answer.json()) as Answer);
    else throw new Error(String(answer.status));
  } catch {
    unreachable ??= Date.now() / 1000;
    const words = "The server does not answer. Figures below are the last known.";
    say({ level: "bad", words: "", problems: [trouble(words, unreachable)] }, true);
  }
  asking = false;
  const spent = performance.now() - started;
  if (!document.hidden) timer = window.setTimeout(() => void refresh(), Math.max(0, EVERY_MS - spent));
}

/** Logged out, or no longer allowed: nothing stays to be read, and nothing more is asked for. */
function shutOut(sentence: string): void {
  out = true;
  asking = false;
  figures.replaceChildren();
  document.getElementById("kgm-when")?.replaceChildren();
  say({ level: "bad", words: "", problems: [trouble(sentence, null)] }, true);
}

function trouble(words: string, since: number | null): Problem {
  return { level: "bad", words, since, about: "" };
}

function show(answer: Answer): void {
  if (out) return location.reload(); // logged in again, in another tab
  unreachable = null;
  say(answer.status, answer.away !== null);
  if (answer.away === null) draw(answer);
}

function draw(picture: Picture): void {
  figures.hidden = false;
  history.begin(picture.at);
  for (const process of picture.processes) history.take(process);
  for (const part of parts) part(picture);
  rooms.show(picture);
  history.prune(picture.processes);
  const when = document.getElementById("kgm-when");
  if (when) when.textContent = `As of ${moment(picture.at)}, your time. The lines show the last minute.`;
}

const SAID_MOST = 12; // problems named; who reads on does not need a thirteenth
let said = "";

/** The status line: problems first, the worst on top; one sentence when there are none. */
function say(status: Status, old: boolean): void {
  figures.classList.toggle("kgm-old", old);
  const box = document.getElementById("kgm-status") as HTMLElement;
  box.dataset.level = status.level;
  const now = JSON.stringify([status.level, status.words, status.problems]);
  if (now === said) return;
  said = now;
  const words = document.getElementById("kgm-words") as HTMLElement;
  if (status.problems.length === 0) {
    words.replaceChildren(status.words);
    return;
  }
  const list = element("ul");
  for (const problem of status.problems.slice(0, SAID_MOST)) list.append(line(problem));
  const more = status.problems.length - SAID_MOST;
  if (more > 0) list.append(element("li", "kgm-warn", `and ${more} more`));
  words.replaceChildren(list);
}

function line(problem: Problem): HTMLLIElement {
  const item = element("li", `kgm-${problem.level}`);
  const since = problem.since === null ? "" : ` since ${moment(problem.since)}`;
  const text = problem.words.endsWith(".") && since
    ? problem.words.replace(".", `${since}.`)
    : problem.words + since;
  if (problem.about) {
    const link = element("a", "", text);
    link.href = `#kgm-${problem.about === "beat" ? "worker" : problem.about}`;
    item.append(link);
  } else item.append(text);
  if (problem.page) {
    const what = element("a", "kgm-page", "What to do");
    what.href = `${root.dataset.runbook}${problem.page}/`;
    item.append(" ", what);
  }
  return item;
}

// A page that nobody looks at asks for nothing, and is up to date at once when looked at again.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) void refresh();
});
void refresh();

// Charts are most of this page's script: they come behind the words, and when they are looked at.
const past = document.getElementById("kgm-past") as HTMLDetailsElement;
past.addEventListener(
  "toggle",
  () => void import("./charts").then(({ Charts }) => new Charts(past, root.dataset.past ?? "")),
  { once: true },
);
past.open = matchMedia("(min-width: 768px)").matches;
