/** The page's tables of queues and processes: what each column shows, and when it alarms. */

import type { Picture, Process, Silent } from "./figures";
import { held } from "./held";
import type { History } from "./history";
import { drains } from "./processes";
import { Queues } from "./queues";
import { type Column, type Shown, Table } from "./table";
import { age, bytes, moment, ms, NONE, number, percent } from "./words";

type Line = Process | Silent; // a process as it reports, or the place it left

const isHere = (line: Line): line is Process => "counters" in line;
const key = (line: Line): string => line.id;

/** A column that has nothing to say about a process that is silent. */
function column(
  head: string,
  about: string,
  show: (process: Process) => Shown | string,
): Column<Line> {
  return { head, about, show: (line) => (isHere(line) ? show(line) : NONE) };
}

const gauge = (head: string, name: string, about: string): Column<Line> =>
  column(head, about, (process) => number(process.gauges[name]));

const sum = (process: Process, names: string[]): number =>
  names.reduce((all, name) => all + (process.counters[name] ?? 0), 0);

/** Counters that should stand still: the total, alarming while it grows. */
function losses(head: string, about: string, names: string[]): Column<Line> {
  return column(head, about, (process) => ({
    text: number(sum(process, names)),
    title: names.map((name) => `${name} ${number(process.counters[name] ?? 0)}`).join("\n"),
    alarm: names.some((name) => (process.recent[name] ?? 0) > 0),
  }));
}

/** Who it is; of one that is silent, that and since when. */
function name(now: () => number): Column<Line> {
  return {
    head: "Process",
    about: "Its id: host and process number, or the name it was given",
    words: true,
    show: (line) => {
      if (isHere(line)) return { text: line.id, title: `${line.host}, process ${line.pid}` };
      const silent = line.replaced ? "gone, replaced" : `silent ${age(now() - line.heard)}`;
      const title = `Last heard ${moment(line.heard)}`;
      return { text: `${line.id}: ${silent}`, title, alarm: !line.replaced };
    },
  };
}

/** What every process has. */
function common(history: History): Column<Line>[] {
  return [
    column("CPU", "Of one core, over the last second", (process) => {
      const share = history.cpu(process);
      return { text: percent(share), alarm: (share ?? 0) > 0.9 };
    }),
    column("Memory", "Resident memory of this process", (process) => bytes(process.memory)),
    column("Up", "How long it has been running", (process) => age(process.uptime)),
  ];
}

function workerColumns(history: History, now: () => number): Column<Line>[] {
  return [
    name(now),
    column("Heartbeat", "When it last reported, and its main loop last turned", (process) => {
      const loop = process.gauges["worker.loop_age"] ?? 0;
      const heard = Math.max(0, now() - process.heard);
      return { text: loop > 10 ? `hangs ${age(loop)}` : `${age(heard)} ago`, alarm: loop > 10 };
    }),
    column("Active", "Tasks running now", (process) => {
      const active = process.gauges["worker.active"];
      if (active === undefined) return NONE;
      return { text: number(active), line: history.line(`active ${process.id}`, active) };
    }),
    gauge("Reserved", "worker.reserved", "Fetched and not started, those counting down included"),
    gauge("Processed", "worker.processed", "Tasks accepted since it started"),
    gauge("Pool", "worker.pool", "Pool processes"),
    column("Pool memory", "Resident memory of the pool's processes", (process) =>
      bytes(process.gauges["worker.pool_memory"]),
    ),
    column("Takes from", "Its queues; for beat, how much it schedules", (process) => {
      if (process.kind === "beat") return `beat: ${number(process.gauges["beat.entries"])} entries`;
      return (process.details.queues ?? []).map((queue) => queue.name).join(", ") || NONE;
    }),
    ...common(history),
  ];
}

/** One task of one queue, as all workers saw it. */
interface Kind {
  queue: string;
  task: string;
  done: number;
  failed: number;
  putOff: number;
  /** p50 and p95 of the waits, then of the runs, in seconds: of the worker where they are longest. */
  times: (number | null)[];
}

/** The workers' tasks, added up; the most frequent first. */
export function tasks(processes: Process[]): Kind[] {
  const kinds = new Map<string, Kind>();
  for (const [queue, task, done, failed, putOff, ...times] of processes.flatMap((p) => p.details.tasks ?? [])) {
    const key = `${queue} ${task}`;
    const kind = kinds.get(key) ?? { queue, task, done: 0, failed: 0, putOff: 0, times: [null, null, null, null] };
    kind.done += done;
    kind.failed += failed;
    kind.putOff += putOff;
    kind.times = kind.times.map((longest, n) => {
      const time = times[n] ?? null;
      return longest === null || (time !== null && time > longest) ? time : longest;
    });
    kinds.set(key, kind);
  }
  return [...kinds.values()].sort((a, b) => b.done - a.done || a.task.localeCompare(b.task));
}

function taskColumns(): Column<Kind>[] {
  const times = (head: string, about: string, from: number): Column<Kind> => ({
    head,
    about: `${about}: half, and 95 of 100, of the last five minutes' took less`,
    show: ({ times: [...all] }) => `${ms(all[from])} / ${ms(all[from + 1])}`,
  });
  return [
    { head: "Task", about: "Its name", words: true, show: (kind) => kind.task },
    { head: "Queue", about: "Where it waits", words: true, show: (kind) => kind.queue },
    { head: "Done", about: "Since the workers started", show: (kind) => number(kind.done) },
    { head: "Failed", about: "Raised an error that no retry follows", show: (kind) => ({ text: number(kind.failed), alarm: kind.failed > 0 }) },
    { head: "Put off", about: "Failed, and to be tried again later", show: (kind) => number(kind.putOff) },
    times("Waited p50 / p95", "From its publishing, or the time it was to start, until a worker took it", 0),
    times("Ran p50 / p95", "From then until it was acknowledged", 2),
  ];
}

const DROPS = [
  "web.inputs_dropped",
  "web.answers_dropped",
  "web.rate_limited",
  "web.flooded",
  "web.malformed",
  "web.refused",
  "web.crowded",
  "web.banned",
  "layer.dropped",
];

function webColumns(history: History, now: () => number): Column<Line>[] {
  const rates = (head: string, about: string, unit: typeof number, name: string): Column<Line> =>
    column(head, about, (process) => {
      const [into, out] = ["in", "out"].map((way) => unit(history.rate(process, `${name}_${way}`)));
      return `${into} / ${out}`;
    });
  return [
    name(now),
    ...drains("web"),
    column("Connections", "Sockets open now", (process) => {
      const open = process.gauges["web.connections"] ?? 0;
      return { text: number(open), line: history.line(`connections ${process.id}`, open) };
    }),
    gauge("Rooms", "web.rooms", "Rooms that its sockets look at"),
    rates("Messages/s in / out", "From and to players, per second", number, "web.messages"),
    rates("Bytes/s in / out", "From and to players, per second", bytes, "web.bytes"),
    column("Slow", "Clients that are behind now; frames skipped for them so far", (process) => ({
      text: number(process.gauges["web.slow_clients"] ?? 0),
      title: `${number(process.counters["web.skipped_frames"] ?? 0)} frames skipped since it started`,
    })),
    losses("Late", "Ticks that went out with the next one, or never, because this process did not keep up", [
      "web.ticks_joined",
      "web.ticks_dropped",
    ]),
    column("Resyncs", "Keyframes sent because a client missed a tick", (process) =>
      number(process.counters["web.resyncs"] ?? 0),
    ),
    column("Dropped", "Messages and sockets turned away since it started", (process) => ({
      text: number(sum(process, DROPS)),
      title: DROPS.map((name) => `${name} ${number(process.counters[name] ?? 0)}`).join("\n"),
      alarm: (process.recent["web.inputs_dropped"] ?? 0) > 0,
    })),
    column("Closed", "Sockets closed since it started, by close code", closed),
    column("Loop lag", "How late the event loop wakes, p50 and p99 of the last seconds", (process) => {
      const lag = process.observed["process.loop_lag_seconds"];
      return { text: ms(lag?.p99), title: `p50 ${ms(lag?.p50)}`, alarm: (lag?.p50 ?? 0) > 0.1 };
    }),
    ...common(history),
  ];
}

/** "1001 ×12, 4012 ×3", the most frequent first. */
function closed(process: Process): Shown {
  const codes = Object.entries(process.counters)
    .filter(([name, n]) => name.startsWith("web.closed.") && n > 0)
    .map(([name, n]) => [name.slice("web.closed.".length), n] as const)
    .sort((a, b) => b[1] - a[1]);
  const said = codes.map(([code, n]) => `${code} ×${number(n)}`);
  const text = said.slice(0, 1).join("") + (said.length > 1 ? " …" : "");
  return { text: text || NONE, title: said.join("\n") };
}

const LEASE_SECONDS = 1.5; // as in game/engine/ledger.py
const LEASE =
  "Until Redis confirmed, 99 of 100; and how long ago the lease of a room was renewed, the longest: " +
  `after ${LEASE_SECONDS} s another engine may take it`;

function engineColumns(history: History, now: () => number): Column<Line>[] {
  return [
    name(now),
    ...drains("engine"),
    gauge("Rooms", "engine.rooms", "Rooms it owns"),
    gauge("Seats", "engine.seats", "Seats taken in them, bots included"),
    column("Ticks/s", "Ticks committed and shown, per second", (process) =>
      number(history.rate(process, "engine.ticks")),
    ),
    column("Tick p50 / p99", "Half, and 99 of 100, of the last seconds' ticks took less", (process) => {
      const { p50, p99, max } = process.observed["engine.tick_seconds"] ?? {};
      const line = history.line(`p99 ${process.id}`, p99 ?? 0);
      return { text: `${ms(p50)} / ${ms(p99)}`, title: `Longest ${ms(max)}`, line };
    }),
    column("Commit p99 / lease", LEASE, (process) => {
      const age = process.gauges["engine.lease_age"] ?? 0;
      return { text: `${ms(process.observed["engine.commit_seconds"]?.p99)} / ${ms(age)}`, alarm: age > LEASE_SECONDS };
    }),
    losses("Overruns", "Ticks that took longer than their interval, or began a whole one late", [
      "engine.overruns",
      "engine.late_ticks",
    ]),
    column("Paused", "Rooms that wait for Redis to confirm their last ticks", (process) => ({
      text: number(process.gauges["engine.paused"] ?? 0),
      alarm: (process.gauges["engine.paused"] ?? 0) > 0,
    })),
    column("Inputs/s", "Messages from players, per second", (process) =>
      number(history.rate(process, "engine.inputs")),
    ),
    losses("Dropped", "Actions dropped at a full inbox, commits refused", [
      "engine.inputs_dropped",
      "engine.commits_refused",
      "layer.dropped",
    ]),
    column("Taken over", "Rooms that another engine had", (process) =>
      number(process.counters["engine.recoveries"] ?? 0),
    ),
    ...common(history),
  ];
}

/** The tables, each in its section; call them all, in order, with every new picture. */
export function sections(history: History): ((picture: Picture) => void)[] {
  let at = 0;
  const now = (): number => at;
  const queues = new Queues();
  const kinds = [
    { id: "worker", kinds: ["worker", "beat"], columns: workerColumns, none: "No worker is running." },
    { id: "web", kinds: ["web"], columns: webColumns, none: "No web process reports." },
    { id: "engine", kinds: ["engine"], columns: engineColumns, none: "No engine is running." },
  ].map((part) => ({ ...part, table: new Table(part.columns(history, now), part.none, part.id) }));
  const tasksInHand = held();
  const kindsOfTasks = new Table(taskColumns(), "No running worker has taken a task yet.", "Tasks");
  document.getElementById("kgm-tasks")?.append(kindsOfTasks.table);
  for (const part of kinds) document.getElementById(`kgm-${part.id}`)?.append(part.table.table);

  const showQueues = (picture: Picture): void => {
    at = picture.at;
    const old = picture.sample === null || picture.at - picture.sample.at > 5 || !!picture.sample.broker.error;
    kindsOfTasks.show(tasks(picture.processes), (kind) => `${kind.queue} ${kind.task}`);
    tasksInHand(picture.processes);
    queues.show(picture.queues, old);
  };
  const showKinds = kinds.map((part) => (picture: Picture): void => {
    const lines: Line[] = [...picture.processes, ...picture.silent];
    const mine = lines.filter((line) => part.kinds.includes(line.kind));
    part.table.show(mine, key, (line) => !isHere(line));
  });
  return [showQueues, ...showKinds];
}
