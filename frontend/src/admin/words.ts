/** Numbers as people read them; every one is short enough for a table's cell. */

export const NONE = "–";
// Made once: a formatter costs more than a thousand numbers that it writes.
const TENTHS = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** 1234567 → "1,234,567"; fractions only where they matter. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  return (Math.abs(value) < 10 ? TENTHS : WHOLE).format(value);
}

/** Bytes with a unit of 1000s. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]] as const)
    if (value >= size * 0.9995) return `${number(value / size)} ${unit}`;
  return `${number(value)} B`;
}

/** Seconds as milliseconds, for what takes little. */
export function ms(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return NONE;
  return `${number(seconds * 1000)} ms`;
}

/** How long, in one unit: "4 s", "12 min", "3 h", "5 d". */
export function age(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return NONE;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** A moment (seconds since 1970) on the reader's clock; with its date when it was not today. */
export function moment(at: number): string {
  const when = new Date(at * 1000);
  const clock = when.toLocaleTimeString("en-GB");
  if (when.toDateString() === new Date().toDateString()) return clock;
  return `${when.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${clock}`;
}

export function percent(share: number | null | undefined): string {
  return share === null || share === undefined ? NONE : `${Math.round(share * 100)} %`;
}
