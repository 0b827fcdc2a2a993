/** From a frame to lines of the feed: who died how, who came, who left. */

import type { GameModule, Names } from "../games/contract";
import type { Frame, Roster } from "../protocol";
import { PERSON, type Seat } from "../state";
import type { Feed } from "./feed";

type Seats = ReadonlyMap<number, Seat>;

/** `before` is the roster before this frame: the dead may have left with it. */
export function tell(feed: Feed, game: GameModule, frame: Frame, now: Seats, before: Seats, me: number): void {
  const mine = (seat: number) => seat === me && me !== 0;
  const names: Names = {
    mine,
    of: (seat) => (mine(seat) ? "You" : ((now.get(seat) ?? before.get(seat))?.name ?? "Someone")),
  };
  for (const event of frame.events) {
    const line = game.news(event, names);
    if (line !== null) feed.add(line, mine(event[1]) || (event[0] === "died" && mine(event[3])));
  }
  if (!frame.keyframe) for (const roster of frame.rosters) tellComings(feed, roster, before, me);
}

/** Of people only: bots come and go to make room, which is no news. */
function tellComings(feed: Feed, roster: Roster, before: Seats, me: number): void {
  for (const [seat, name, , pilot] of roster.seats) {
    if (pilot === PERSON && seat !== me && !before.has(seat)) feed.add(`${name} joined`, false);
  }
  for (const seat of roster.gone) {
    const left = before.get(seat);
    if (left?.pilot === PERSON && seat !== me) feed.add(`${left.name} left`, false);
  }
}
