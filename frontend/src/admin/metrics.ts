/** The operator's page: is told all figures as they change, and shows what did. */

import "./metrics.css";
import { everything } from "./all";
import type { Answer, Picture, Problem, Status } from "./figures";
import { History } from "./history";
import { Rooms } from "./rooms";
import { sections } from "./sections";
import { Source } from "./source";
import { element, put } from "./table";
import { tiles } from "./tiles";
import { moment } from "./words";

const root = document.getElementById("kgm") as HTMLElement;
const figures = document.getElementById("kgm-figures") as HTMLElement;
const history = new History();
const rooms = new Rooms(root, () => source.lookChanged());
// One is drawn in each frame: all at once would take longer than a frame has, and stop a scroll.
const parts = [
  ...[tiles(history), ...sections(history), everything()],
  (picture: Picture): void => rooms.show(picture),
  (picture: Picture): void => history.prune(picture.processes),
];
let newest: Answer | null = null; // what is drawn next
let drawing = false;
let unreachable: number | null = null;

const source = new Source(root.dataset.figures ?? "", root.dataset.socket ?? "", {
  look: () => rooms.look(),
  answer: (answer) => {
    newest = answer;
    if (!drawing) show();
  },
  unreachable: () => {
    unreachable ??= Date.now() / 1000;
    const words = "The server does not answer. Figures below are the last known.";
    say({ level: "bad", words: "", problems: [trouble(words, unreachable)] }, true);
  },
  shutOut,
});

/** Logged out, or no longer allowed: nothing stays to be read, and nothing more is asked for. */
function shutOut(sentence: string): void {
  newest = null;
  rooms.shutAll();
  figures.replaceChildren();
  document.getElementById("kgm-when")?.replaceChildren();
  say({ level: "bad", words: "", problems: [trouble(sentence, null)] }, true);
}

function trouble(words: string, since: number | null): Problem {
  return { level: "bad", words, since, about: "" };
}

/** Draw the newest; one that comes meanwhile is drawn after it. */
function show(): void {
  const answer = newest;
  newest = null;
  drawing = answer !== null;
  if (answer === null) return;
  unreachable = null;
  root.dataset.source = source.way;
  say(answer.status, answer.away !== null);
  if (answer.away === null) begin(answer);
  else requestAnimationFrame(show);
}

function begin(picture: Picture): void {
  figures.hidden = false;
  history.begin(picture.at);
  for (const process of picture.processes) history.take(process);
  const when = document.getElementById("kgm-when");
  const way = source.way === "socket" ? "pushed as it changes" : "asked for once a second";
  if (when) put(when, `As of ${moment(picture.at)}, your time, ${way}. The lines show the last minute.`);
  requestAnimationFrame(() => draw(picture, 0));
}

function draw(picture: Picture, n: number): void {
  parts[n]?.(picture);
  requestAnimationFrame(() => (n + 1 < parts.length ? draw(picture, n + 1) : show()));
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

// Charts are most of this page's script: they come behind the words, and when they are looked at.
const past = document.getElementById("kgm-past") as HTMLDetailsElement;
past.addEventListener(
  "toggle",
  () => void import("./charts").then(({ Charts }) => new Charts(past, root.dataset.past ?? "")),
  { once: true },
);
past.open = matchMedia("(min-width: 768px)").matches;
