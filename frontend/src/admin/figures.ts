/** What the server says as it changes, or when it is asked; see game/console/overview.py. */

export interface Spread {
  n: number;
  sum: number;
  p50?: number;
  p99?: number;
  max?: number;
}

/** Queue, task, how many ended well, failed, were put off; waits' p50 and p95, runs' p50 and p95. */
export type Task = [string, string, number, number, number, ...(number | null)[]];

/** A task that a worker has in hand. */
export type Held = [id: string, task: string, queue: string, runs: boolean, seconds: number];

export interface Process {
  kind: "web" | "engine" | "worker" | "beat";
  id: string;
  host: string;
  pid: number;
  heard: number; // when it last reported, by the same clock as the picture's
  uptime: number;
  cpu: number;
  memory: number;
  threads: number;
  counters: Record<string, number>;
  gauges: Record<string, number>;
  recent: Record<string, number>;
  recent_seconds: number;
  observed: Record<string, Spread>;
  details: { queues?: { name: string; in_flight: number }[]; tasks?: Task[]; held?: Held[] };
}

export interface Silent {
  kind: Process["kind"];
  id: string;
  heard: number;
  replaced: boolean;
}

export interface Queue {
  name: string;
  ready: number;
  in_flight: number | null;
  at_least: boolean;
  oldest_ready: number | null;
  oldest_in_flight: number | null;
  consumers: number;
  growing: boolean;
  paused?: boolean;
  history: number[];
  told_by: "broker" | "workers";
}

/** Seat number, name, pilot (0 person, 1 absent, 2 bot), player's id ("" for a bot), ping in ms, then what the game counts. */
export type Seat = [number, string, number, string, number | null, ...(number | string)[]];

export interface Room {
  id: string;
  engine: string;
  title: string;
  game: string;
  people: number;
  bots: number;
  watchers: number;
  tick: number;
  tick_ms: number;
  tick_may_ms: number;
  overruns: number; // since its engine has it
  overran_ms: number; // what the last one took, if that was a moment ago; else 0
  private: boolean;
  asleep?: boolean;
  seats?: Seat[];
}

export interface Problem {
  level: "warn" | "bad";
  words: string;
  since: number | null;
  about: string;
  /** The runbook's page; none when it is this page that is in trouble. */
  page?: string;
}

export interface Status {
  level: "ok" | "warn" | "bad";
  words: string;
  problems: Problem[];
}

export interface Broker {
  kind: string;
  error: string;
  since: number | null;
}

export interface Server {
  latency: number;
  memory: number;
  memory_most: number;
  clients: number;
  commands: number;
  evicted: number;
  rejected: number;
  aof: boolean;
}

/** Numbers that there are none of are null; while it does not answer, they are the last known. */
export interface Database {
  kind: string;
  latency: number | null;
  size: number | null;
  clients: number | null;
  clients_most: number | null;
  error: string;
  since: number | null;
}

/** Of the list of rooms: how many there are and how many are like what was looked for, and the part shown. */
export interface Totals {
  rooms: number;
  people: number;
  found: number;
  first: number;
  listed: number;
}

/** What the page looks at: open rooms, what the list is searched for, rooms before the part shown. */
export interface Look {
  open: string[];
  find: string;
  first: number;
}

export interface Picture {
  at: number;
  away: null;
  status: Status;
  sample: { at: number; by: string; broker: Broker } | null;
  queues: Queue[];
  outbox: { length: number; oldest: number | null; bad: number } | null;
  redis: Server | null;
  database: Database | null;
  processes: Process[];
  silent: Silent[];
  rooms: Room[];
  totals: Totals;
}

/** Redis is away: there is nothing but the status. */
export interface Dark {
  at: number;
  away: { since: number; error: string };
  status: Status;
}

export type Answer = Picture | Dark;
