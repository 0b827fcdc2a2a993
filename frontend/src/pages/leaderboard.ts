/** The leaderboard's page: a finished life moves its rows without a reload. */

import "../style/base.css";
import "./boards.css";
import { get } from "../api";
import { live, type Rank } from "./live";
import { merge, readRanks, showRanks } from "./ranks";
import { fillRank } from "./rows";

const ROWS = 50; // as many as the server shows
// ms until the page asks for the rows below the first ones. The server shares one reading for
// 500 ms; later than that it cannot be an older one. The spread keeps pages from asking as one.
const ASK_AFTER = 600;
const ASK_SPREAD = 600;

interface Board {
  rows: Rank[];
  own: Rank | null;
}

const $ = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const page = $("board");
const list = $("ranks");
const own = $("own");
const row = $<HTMLTemplateElement>("rank-row");
const { period = "day", by = "score", guest = "" } = page.dataset;
let asking = 0; // the timer of the next question
let missed = false; // something changed while nobody looked

function show(ranks: readonly Rank[]): void {
  showRanks(list, row, ranks, guest);
  $("no-scores").hidden = ranks.length > 0;
  if (ranks.some((rank) => rank.player === guest)) own.hidden = true;
}

async function ask(): Promise<void> {
  asking = 0;
  try {
    const board = await get<Board>(`/api/boards/?period=${period}&by=${by}`);
    show(board.rows);
    const line = own.firstElementChild as HTMLElement | null;
    if (board.own) {
      const pinned = line ?? own.appendChild(row.content.firstElementChild!.cloneNode(true) as HTMLElement);
      fillRank(pinned, board.own);
      pinned.classList.add("own");
    }
    own.hidden = !board.own;
  } catch {
    // The first rows stand; the next change asks again.
  }
}

function askSoon(): void {
  if (document.hidden) missed = true;
  else asking ||= window.setTimeout(() => void ask(), ASK_AFTER + Math.random() * ASK_SPREAD);
}

document.addEventListener("visibilitychange", () => {
  if (!missed || document.hidden) return;
  missed = false;
  askSoon();
});

live(
  {
    // Every saved life is told of; its board comes along only where its first rows changed.
    boards: (boards) => {
      const first = boards[`${period}/${by}`];
      if (first) show(merge(readRanks(list), first, ROWS));
      askSoon();
    },
    reopened: askSoon,
  },
  $("live"),
);
