import { describe, expect, it } from "vitest";
import { NAME_FOUL, NAME_TAKEN, phaseOf, ROOM_FULL, type Situation } from "../src/phase";
import type { Ending } from "../src/session";
import { BANNED, CROWDED, REMOVED, REPLACED, ROOM_GONE, WRONG_VERSION } from "../src/socket";

const PLAYING: Situation = {
  link: "open",
  closeCode: 0,
  seen: true,
  waiting: false,
  wish: "play",
  refusal: 0,
  seat: 3,
  alive: true,
  ending: null,
};
const ENDING = {} as Ending;

describe("phaseOf", () => {
  const cases: [string, Partial<Situation>][] = [
    ["playing", {}],
    ["connecting", { link: "connecting", seen: false }],
    ["connecting", { seen: false }],
    ["waiting", { waiting: true }],
    ["waiting", { waiting: true, seen: false }],
    ["dead", { alive: false, ending: ENDING }],
    ["joining", { alive: false }],
    ["joining", { alive: false, seat: 0 }],
    ["watching", { alive: false, seat: 0, wish: "watch" }],
    ["watching", { alive: false, seat: 0, wish: "watch", refusal: ROOM_FULL }],
    ["full", { alive: false, seat: 0, refusal: ROOM_FULL }],
    ["refused", { alive: false, seat: 0, refusal: NAME_TAKEN }],
    ["refused", { alive: false, seat: 0, refusal: NAME_FOUL }],
    ["reconnecting", { link: "lost" }],
    ["restarting", { link: "restarting" }],
    ["offline", { link: "offline" }],
    ["replaced", { link: "ended", closeCode: REPLACED }],
    ["removed", { link: "ended", closeCode: REMOVED }],
    ["gone", { link: "ended", closeCode: ROOM_GONE }],
    ["banned", { link: "ended", closeCode: BANNED }],
    ["crowded", { link: "ended", closeCode: CROWDED }],
    ["outdated", { link: "ended", closeCode: WRONG_VERSION }],
  ];
  for (const [phase, change] of cases) {
    it(`${phase}: ${JSON.stringify(change)}`, () => expect(phaseOf({ ...PLAYING, ...change })).toBe(phase));
  }
});
