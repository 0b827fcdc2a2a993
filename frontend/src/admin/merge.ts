/** What changed, put on what the page has; see game/console/difference.py for how it is told. */

type Members = Record<string, unknown>;
type Row = Members;

/** Lists whose rows are told by key, and the field that is the key. */
const ROWS: Readonly<Record<string, string>> = { queues: "name", processes: "id", silent: "id", rooms: "id" };
const GONE = "-";
const SLID = "~";

/** The object after the change; what did not change is the same object as before. */
export function merge(held: Members, told: Members): Members {
  const merged = { ...held };
  for (const name of (told[GONE] as string[] | undefined) ?? []) delete merged[name];
  for (const [name, change] of Object.entries(told))
    if (name !== GONE) merged[name] = member(name, held[name], change);
  return merged;
}

function member(name: string, held: unknown, told: unknown): unknown {
  if (!isObject(told)) return told;
  if (Array.isArray(held)) return SLID in told ? slide(held, told[SLID] as number[]) : rows(ROWS[name] ?? "", held as Row[], told);
  return isObject(held) ? merge(held, told) : told;
}

/** How many of the first went, and which came behind the last. */
function slide(held: unknown[], [went, ...came]: number[]): unknown[] {
  return [...held.slice(went), ...came];
}

function rows(key: string, held: Row[], told: Members): Row[] {
  const changes = told.rows as Record<string, Row>;
  const byKey = new Map(held.map((row) => [String(row[key]), row]));
  for (const [id, change] of Object.entries(changes)) {
    const before = byKey.get(id);
    byKey.set(id, before === undefined ? change : merge(before, change));
  }
  const order = (told.order as string[] | undefined) ?? held.map((row) => String(row[key]));
  return order.map((id) => byKey.get(id)).filter((row) => row !== undefined);
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
