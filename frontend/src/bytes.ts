/** Numbers and texts in a row of bytes, read one after the other. Little-endian; JSON is UTF-8. */

export type Width = "B" | "H" | "I"; // an unsigned number of 1, 2 or 4 bytes

export const BYTES: Record<Width, number> = { B: 1, H: 2, I: 4 };
const LONGEST_VARINT = 5; // bytes: 32 bits, seven to a byte

/** Bytes that no Kogame server of this version would send. */
export class Malformed extends Error {}

const toText = new TextDecoder("utf-8");

export class Reader {
  constructor(
    private readonly view: DataView,
    public at = 0,
    readonly end = view.byteLength,
  ) {}

  get done(): boolean {
    return this.at >= this.end;
  }

  number(width: Width): number {
    const at = this.at;
    this.at += BYTES[width];
    if (this.at > this.end) throw new Malformed("cut short");
    if (width === "B") return this.view.getUint8(at);
    if (width === "H") return this.view.getUint16(at, true);
    return this.view.getUint32(at, true);
  }

  /** An unsigned LEB128: seven bits to a byte, the lowest first. */
  varint(): number {
    let value = 0;
    for (let i = 0; i < LONGEST_VARINT; i++) {
      const byte = this.number("B");
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw new Malformed("a number without an end");
  }

  /** The next so many bytes, to be read on their own. */
  part(size: number): Reader {
    const at = this.at;
    this.at += size;
    if (this.at > this.end) throw new Malformed("a part reaches beyond its frame");
    return new Reader(this.view, at, this.at);
  }

  /** All that is left, as text. */
  text(): string {
    const bytes = new Uint8Array(this.view.buffer, this.view.byteOffset + this.at, this.end - this.at);
    this.at = this.end;
    return toText.decode(bytes);
  }

  /** All that is left, as JSON. */
  json(): unknown {
    return JSON.parse(this.text());
  }
}
