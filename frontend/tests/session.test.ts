import { beforeEach, describe, expect, it } from "vitest";
import type { Welcome } from "../src/protocol";
import { type Pending, reached, Session } from "../src/session";

const WELCOME = {
  actions: [
    { code: 1, name: "turn", fields: [["direction", "B"]] },
    { code: 2, name: "spawn", fields: [] },
  ],
} as unknown as Welcome;

let sent: number[][]; // [seq, direction] of every action that went out, [ack number] of notes
let taken: number[]; // seq
let up: boolean;
let session: Session;

beforeEach(() => {
  sent = [];
  taken = [];
  up = true;
  const send = (message: Uint8Array) => {
    if (up) sent.push(message[0] === 3 ? [message[1]! + 256 * message[2]!, message[8] ?? -1] : [message[1]!]);
    return up;
  };
  session = new Session(send, () => 40, (action: Pending) => taken.push(action.seq));
  session.seated(WELCOME, 5, 0, false, 0);
});

describe("Session", () => {
  it("numbers actions and keeps them until the room has taken them", () => {
    session.act(WELCOME, "turn", [2], 10);
    session.act(WELCOME, "turn", [1], 20);
    session.act(WELCOME, "turn", [0], 30);
    session.acked(2);
    expect(sent).toEqual([[1, 2], [2, 1], [3, 0]]);
    expect(taken).toEqual([1, 2]);
    expect(session.pending.map(({ seq }) => seq)).toEqual([3]);
  });

  it("sends what was not taken again after a hand-over", () => {
    session.act(WELCOME, "turn", [2], 10);
    session.act(WELCOME, "turn", [1], 20);
    session.acked(1);
    session.resend(WELCOME, 100);
    expect(sent.slice(2)).toEqual([[2, 1]]);
  });

  it("forgets a turn that has become too old to be meant", () => {
    session.act(WELCOME, "turn", [2], 10);
    session.resend(WELCOME, 1500);
    expect(sent).toHaveLength(1);
    expect(session.pending).toEqual([]);
  });

  it("discards what is pressed while there is no connection", () => {
    up = false;
    expect(session.act(WELCOME, "turn", [2], 10)).toBeNull();
    up = true;
    session.act(WELCOME, "turn", [3], 20);
    expect(sent).toEqual([[1, 3]]);
  });

  it("goes on with its numbers when the seat is given back", () => {
    session.act(WELCOME, "turn", [2], 10);
    session.act(WELCOME, "turn", [1], 20);
    session.seated(WELCOME, 5, 1, true, 30);
    session.act(WELCOME, "turn", [0], 40);
    expect(sent.slice(2)).toEqual([[2, 1], [3, 0]]);
  });

  it("takes up the room's numbers after a reload", () => {
    session.seated(WELCOME, 5, 700, true, 0);
    session.act(WELCOME, "turn", [2], 10);
    expect(sent).toEqual([[701, 2]]);
  });

  it("starts afresh in another seat", () => {
    session.act(WELCOME, "turn", [2], 10);
    session.seated(WELCOME, 6, 0, false, 20);
    expect(session.pending).toEqual([]);
  });

  it("stays below the server's limit, however fast the keys", () => {
    for (let i = 0; i < 50; i++) session.act(WELCOME, "turn", [i % 4], i);
    expect(sent.length).toBeLessThanOrEqual(15);
    expect(session.act(WELCOME, "turn", [2], 1500)).not.toBeNull();
  });

  it("applies a note once and acknowledges it every time", () => {
    expect(session.noted(9)).toBe(true);
    expect(session.noted(9)).toBe(false);
    expect(sent).toEqual([[9], [9]]);
  });

  it("cannot act without a seat", () => {
    session.leave();
    expect(session.act(WELCOME, "turn", [2], 10)).toBeNull();
  });
});

describe("reached", () => {
  it("compares across the wrap", () => {
    expect(reached(5, 5)).toBe(true);
    expect(reached(4, 5)).toBe(false);
    expect(reached(2, 65_535)).toBe(true);
    expect(reached(65_535, 2)).toBe(false);
  });
});
