/** The colours of the board and of the eight players (Okabe–Ito, lifted for the dark ground). */

export interface Paint {
  base: string;
  light: string; // the line along the back
  mark: string; // the pattern on it
  rgb: readonly [number, number, number];
}

/** Same order as --player-0 … --player-7 in style/tokens.css. */
const BASES = [
  "#f0a030", "#6cc8f7", "#1fbf8f", "#f5e960", "#4b86f0", "#f0622b", "#e58fc5", "#ece8e1",
] as const;

export const GROUND = "#10141b";
export const UNKNOWN = "#181e28"; // a part of the board that the server has not told of yet
export const AROUND = "#171412";
export const SEED = 255; // the food that is nobody's remains
export const SEED_RGB = [243, 198, 119] as const;

export const PAINTS: readonly Paint[] = BASES.map((base) => {
  const rgb = parse(base);
  return { base, rgb, light: mix(rgb, [255, 255, 255], 0.34), mark: mix(rgb, [16, 14, 20], 0.62) };
});

export function paintOf(colour: number): Paint {
  return PAINTS[colour & 7]!;
}

export function rgba([r, g, b]: readonly [number, number, number], alpha: number): string {
  return `rgba(${r},${g},${b},${alpha})`;
}

function parse(hex: string): [number, number, number] {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

function mix(a: readonly number[], b: readonly number[], share: number): string {
  const part = (i: number) => Math.round(a[i]! + (b[i]! - a[i]!) * share);
  return `rgb(${part(0)},${part(1)},${part(2)})`;
}
