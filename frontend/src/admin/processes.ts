/** The lever on a process: it gives its work away, or takes work again. */

import type { Process, Silent } from "./figures";
import { pull } from "./levers";
import { type Column, element, put } from "./table";

const WHAT = {
  engine: {
    work: "rooms",
    left: "engine.rooms",
    drain:
      "It hands its rooms to the other engines, a few at a time; players see a pause of some tenths of a " +
      "second. It takes none until it is told to, or ends.",
    resume: "It takes its share of the rooms again; players see no more than a short pause.",
  },
  web: {
    work: "players",
    left: "web.connections",
    drain:
      "It takes no more players, and within seconds sends those it has to the other web processes, where they " +
      "find their snakes again. The proxy in front must ask another one when it answers 503. Pages, this one " +
      "among them, go on.",
    resume: "The proxy gives it players again. Those who are elsewhere stay there.",
  },
};

/** The column with it, for those who may pull it: what they see, and whether it gives its work away now. */
export function drains(kind: keyof typeof WHAT): Column<Process | Silent>[] {
  const may = (document.getElementById("kgm") as HTMLElement).dataset;
  const [drain, resume] = kind === "engine" ? [may.drainEngine, may.resumeEngine] : [may.drainWeb, may.resumeWeb];
  const { work, left, ...consequence } = WHAT[kind];
  const buttons = new Map<string, HTMLButtonElement>();
  const away = new Set<string>();
  const ask = (id: string): void => {
    const on = away.has(id);
    void pull({
      address: (on ? resume : drain) ?? "",
      question: on ? `Have ${kind} ${id} take ${work} again?` : `Drain ${kind} ${id}?`,
      consequence: `${on ? consequence.resume : consequence.drain} This is written to the audit log.`,
      button: on ? `Take ${work} again` : "Drain",
      fields: { id },
    });
  };
  return [
    {
      head: "Takes",
      about: `Whether it takes ${work}`,
      words: true,
      show: (line) => {
        const button = buttons.get(line.id);
        if (button) button.hidden = !("gauges" in line);
        if (!("gauges" in line)) return "";
        const on = Boolean(line.gauges[`${kind}.drained`]);
        if (on) away.add(line.id);
        else away.delete(line.id);
        if (button) put(button, on ? `Take ${work} again…` : "Drain…");
        if (!on) return work;
        return line.gauges[left] ? "draining" : "drained";
      },
      build: (cell, id) => {
        if (!drain) return;
        const button = element("button", "kgm-lever", "Drain…");
        button.type = "button";
        button.addEventListener("click", () => ask(id));
        buttons.set(id, button);
        cell.classList.add("kgm-levers");
        cell.append(" ", button);
      },
    },
  ];
}
