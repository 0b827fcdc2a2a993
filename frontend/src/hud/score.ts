/** My score, rank and length; and the connection's ping. */

import type { Checks } from "../checks";
import type { Standing } from "../games/contract";
import { byId, setText } from "./dom";

export class Score {
  private readonly box = byId("score");
  private readonly score = byId("own-score");
  private readonly rank = byId("own-rank");
  private readonly length = byId("own-length");
  private readonly ping = byId("ping");

  /** `of`: how many there are to be ranked among. */
  show(standings: readonly Standing[], of: number, me: number, shown: boolean): void {
    const own = standings.find(({ seat }) => seat === me);
    this.box.classList.toggle("off", !shown || own === undefined);
    if (own === undefined) return;
    setText(this.score, String(own.score));
    setText(this.rank, `${own.rank ?? "–"} / ${of}`);
    setText(this.length, own.alive ? String(own.length) : "–");
  }

  /** `checks`: of a page that compares what it holds with the server's. */
  showPing(rtt: number, link: string, checks: Checks | null): void {
    const found = checks === null ? "" : ` · ${checks.made} checked, ${checks.wrong.length} wrong`;
    const time = Number.isNaN(rtt) ? "" : `${Math.round(rtt)} ms`;
    setText(this.ping, link !== "open" ? "no connection" : time + found);
  }
}
