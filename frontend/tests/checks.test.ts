import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { Checks, fingerprint } from "../src/checks";
import { decode, type Frame, ROOM, type ServerMessage, type Welcome } from "../src/protocol";
import { apply, emptyState } from "../src/state";

const file = new URL("../../tests/vectors.json", import.meta.url);
const { welcome, messages } = JSON.parse(readFileSync(file, "utf-8")) as {
  welcome: Welcome;
  messages: { name: string; hex: string }[];
};

function message(name: string): ServerMessage {
  const hex = messages.find((each) => each.name === name)!.hex;
  const bytes = Uint8Array.from(hex.match(/../g)!, (pair) => Number.parseInt(pair, 16));
  return decode(bytes.buffer, welcome.tables);
}

const sums = message("sums of the keyframe");
if (sums.type !== "sums") throw new Error("not a vector of sums");

function holding() {
  const state = emptyState(welcome.tables);
  apply(state, (message("keyframe") as { frame: Frame }).frame);
  return state;
}

describe("what a page holds", () => {
  it("has the sums that the server says", () => {
    const state = holding();
    expect(sums.regions.map(([region]) => region)).toEqual([0, ROOM]);
    for (const [region, sum] of sums.regions) expect(fingerprint(state, region)).toBe(sum);
  });

  it("is compared once the very tick has come", () => {
    const checks = new Checks();
    const state = holding();
    checks.expect(sums);
    state.tick -= 1;
    checks.compare(state);
    expect(checks.made).toBe(0);
    state.tick += 1;
    checks.compare(state);
    checks.compare(state);
    expect(checks).toMatchObject({ made: 2, wrong: [] });
  });

  it("is wrong when a row, a seat or a name is", () => {
    const said = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const checks = new Checks();
    const state = holding();
    state.tables[2]!.get(0)!.set(41, [41, 6]);
    state.roster.get(2)!.name = "Bö";
    checks.expect(sums);
    checks.compare(state);
    expect(checks.wrong.map(({ region }) => region)).toEqual([0, ROOM]);
    expect(said).toHaveBeenCalledTimes(2);
    said.mockRestore();
  });
});
