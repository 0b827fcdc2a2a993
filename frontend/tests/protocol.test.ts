import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as wire from "../src/protocol";

interface Vector {
  name: string;
  direction: "client" | "server";
  hex: string;
  value: { type: string } & Record<string, unknown>;
}

const file = new URL("../../tests/vectors.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf-8")) as { welcome: wire.Welcome; messages: Vector[] };
const { tables, actions } = vectors.welcome;

function bytes(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function encode(value: Vector["value"]): Uint8Array {
  const numberOf = (key: string) => value[key] as number;
  switch (value.type) {
    case "hello":
      return wire.hello(numberOf("version"));
    case "join":
      return wire.join(value.name as string, numberOf("colour"));
    case "action":
      return wire.action(
        numberOf("seq"),
        numberOf("tick"),
        actions.find(({ code }) => code === value.code)!,
        value.values as number[],
      );
    case "resync":
      return wire.resync();
    case "ack":
      return wire.ack(numberOf("number"));
    case "ping":
      return wire.ping(numberOf("clock"), numberOf("tick"), numberOf("rtt"));
    case "leave":
      return wire.leave();
    case "look":
      return wire.look(numberOf("view"));
    case "check":
      return wire.check();
    default:
      throw new Error(`a vector of an unknown type: ${value.type}`);
  }
}

describe("vectors shared with the server", () => {
  for (const { name, direction, hex, value } of vectors.messages) {
    it(name, () => {
      if (direction === "client") expect(encode(value)).toEqual(bytes(hex));
      else expect(wire.decode(bytes(hex).buffer, tables)).toEqual(value);
    });
  }
});

describe("decode", () => {
  const whole = bytes(vectors.messages.find(({ name }) => name === "delta")!.hex);

  it("refuses every frame that was cut short", () => {
    for (let length = 0; length < whole.length; length++) {
      if (length === 10) continue; // a head alone is a quiet tick
      try {
        const message = wire.decode(whole.slice(0, length).buffer, tables);
        expect(message.type).toBe("frame"); // cut exactly between two parts
      } catch (error) {
        expect(error).toBeInstanceOf(wire.Malformed);
      }
    }
  });

  it("refuses a table that nobody declared", () => {
    expect(() => wire.decode(whole.slice().buffer, tables.slice(0, 2))).toThrow(wire.Malformed);
  });

  it("skips a type that a newer server may have", () => {
    expect(wire.decode(Uint8Array.of(0xfe, 0).buffer, tables)).toEqual({ type: "unknown" });
  });
});

/** Tables of a board in regions of four by four, whose cells hold a body (and its direction) and a size. */
const REGIONS: wire.TableSpec[] = [
  { name: "food", key: "B", fields: [["colour", "B"]], scope: "region", across: 0 },
  { name: "cells", key: "B", fields: [["body", "H"], ["size", "B"]], scope: "region", across: 4 },
  { name: "mine", key: "H", fields: [["score", "I"], ["length", "H"]], scope: "seat", across: 0 },
];

/** A frame of epoch 7 and tick 300 with these parts, in hex. */
function frame(parts: string, flags = "00"): Uint8Array<ArrayBuffer> {
  return bytes(`82070000002c010000${flags}${parts.replaceAll(" ", "")}`);
}

function decoded(parts: string, flags = "00"): wire.Frame {
  const message = wire.decode(frame(parts, flags).buffer, REGIONS);
  if (message.type !== "frame") throw new Error("not a frame");
  return message.frame;
}

const QUIET = { epoch: 7, tick: 300, keyframe: false, parts: [], rosters: [], events: [] };

describe("a frame of version 2", () => {
  it("is a head alone when nothing happened", () => expect(decoded("")).toEqual(QUIET));

  it("may start everything anew", () => expect(decoded("", "01")).toEqual({ ...QUIET, keyframe: true }));

  it("tells gone keys, steps and rows of a region beyond 127", () => {
    // kind 0x80 and mask 3; region 0x1ac = 428 as a varint; food: 1 gone, 1 row; cells: 1 gone, 5 steps, 1 row
    const frame = decoded("83 ac03 14 01 0a 01 0b ff 01 03 05 01020304 05 e4 02 01 0f 2c01 09");
    const food = { table: 0, gone: [10], steps: [], rows: [[11, 255]] };
    const steps = [[1, 0], [2, 1], [3, 2], [4, 3], [5, 2]];
    const cells = { table: 1, gone: [3], steps, rows: [[15, 300, 9]] };
    expect(frame).toEqual({ ...QUIET, parts: [{ region: 428, how: "change", changes: [food, cells] }] });
  });

  it("tells a region anew, what followed, and what is out of sight, in that order", () => {
    const frame = decoded("04 02 05 01 00 01 0b 04  81 02 03 01 0b 00  05 8101 00  04 03 01 00");
    expect(frame.parts).toEqual([
      { region: 2, how: "anew", changes: [{ table: 0, gone: [], steps: [], rows: [[11, 4]] }] },
      { region: 2, how: "change", changes: [{ table: 0, gone: [11], steps: [], rows: [] }] },
      { region: 129, how: "forget", changes: [] },
      { region: 3, how: "anew", changes: [] }, // nothing is there
    ]);
  });

  it("counts beyond 127 rows", () => {
    const many = Array.from({ length: 200 }, (_, i) => i.toString(16).padStart(2, "0")).join("");
    const frame = decoded(`81 00 cb01 c801 ${many} 00`);
    expect(frame.parts[0]!.changes[0]!.gone).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  it("carries rosters and events of several parts", () => {
    const json = (kind: string, value: unknown) => {
      const body = Buffer.from(JSON.stringify(value));
      return `${kind} ffff03 ${body.length.toString(16).padStart(2, "0")} ${body.toString("hex")}`;
    };
    const roster = { seats: [[1, "Ada", 0, 0]], gone: [] };
    const later = { seats: [[2, "Bo", 1, 0]], gone: [1] };
    const parts = [json("02", roster), json("02", later), json("03", [["died", 1, "wall", 0, 5, 3, 0]]), json("03", [["died", 2, "self", 0, 6, 3, 0]])];
    expect(decoded(parts.join(""))).toEqual({ ...QUIET, rosters: [roster, later], events: [["died", 1, "wall", 0, 5, 3, 0], ["died", 2, "self", 0, 6, 3, 0]] });
  });

  it("may be decorated by a newer server", () => {
    expect(decoded("09 00 03 010203  05 01 00").parts).toEqual([{ region: 1, how: "forget", changes: [] }]);
  });

  const broken: [string, string][] = [
    ["a part that reaches beyond its frame", "81 00 05 00 00"],
    ["a part longer than its tables", "81 00 03 00 00 00"],
    ["a part shorter than its tables", "81 00 01 00"],
    ["directions that are missing", "82 00 03 00 01 05"],
    ["a count without an end", "81 00 07 ffffffffff01 00"],
    ["a table that nobody declared", "88 00 02 00 00"],
    ["a region without an end", "81 ffffffffff01 00"],
    ["events that are not JSON", "03 00 01 7b"],
  ];
  for (const [name, parts] of broken) {
    it(`is refused with ${name}`, () => expect(() => decoded(parts)).toThrow(wire.Malformed));
  }
});

describe("what is only mine", () => {
  it("is a row without its key", () => {
    const message = wire.decode(bytes("8902a00f00000c00").buffer, REGIONS);
    expect(message).toEqual({ type: "own", table: 2, fields: [4000, 12] });
  });

  it("is refused when cut short, or of a table that nobody declared", () => {
    expect(() => wire.decode(bytes("8902a00f00000c").buffer, REGIONS)).toThrow(wire.Malformed);
    expect(() => wire.decode(bytes("8903a00f00000c00").buffer, REGIONS)).toThrow(wire.Malformed);
  });
});

describe("look", () => {
  it("names a view", () => expect(wire.look(300)).toEqual(Uint8Array.of(0x08, 0x2c, 0x01)));
});
