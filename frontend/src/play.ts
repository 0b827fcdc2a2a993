/** One visit to a room: what comes in changes the state, what changed is shown. */

import { post } from "./api";
import { Checks } from "./checks";
import { TickClock } from "./clock";
import { GAMES } from "./games";
import type { GameModule, GameView, Standing } from "./games/contract";
import { Card } from "./hud/card";
import { askWho, showHow } from "./hud/dialogs";
import { byId, setText } from "./hud/dom";
import { Feed } from "./hud/feed";
import { tell } from "./hud/news";
import { Notices } from "./hud/notices";
import { Players } from "./hud/players";
import { Score } from "./hud/score";
import { wireInvite } from "./hud/share";
import { wireSheet } from "./hud/sheet";
import { exposeHook } from "./hook";
import { hasSeen, type Identity, loadIdentity, markSeen } from "./identity";
import { Input } from "./input";
import { LastLife } from "./lastlife";
import * as phases from "./phase";
import { type Phase, phaseOf } from "./phase";
import * as wire from "./protocol";
import type { DiedNote, Frame, ServerMessage, Welcome } from "./protocol";
import { Stage } from "./render/stage";
import { drawTrace } from "./render/trace";
import { Roam } from "./roam";
import { Session } from "./session";
import { Link, type LinkStatus } from "./socket";
import { apply, emptyState, type State } from "./state";

const DEFAULT_TITLE = "Open room"; // of one that nobody named
const RESYNC_EVERY = 1000; // ms between two requests for keyframes
const LIST_EVERY = 500; // ms between two fillings of the list: it is read, not watched
const SCORE_EVERY = 250; // ms between two looks at my score and rank: faster than they are read

/** What the room's welcome brought; everything that needs to know the game. */
interface Match {
  welcome: Welcome;
  state: State;
  clock: TickClock;
  module: GameModule;
  view: GameView;
}

export class Room {
  private readonly stage = new Stage(byId<HTMLCanvasElement>("canvas"));
  private readonly link: Link;
  private readonly session: Session;
  private readonly input: Input;
  private readonly card: Card;
  private readonly players = new Players();
  private readonly feed = new Feed();
  private readonly notices = new Notices();
  private readonly score = new Score();
  private readonly roam = new Roam(() => this.match?.view.camera ?? null, (message) => this.link.send(message));
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)");
  private match: Match | null = null;
  private wish: "play" | "watch";
  private seen = false;
  private waiting = false;
  private refusal = 0;
  private readonly life = new LastLife(() => this.show());
  private readonly checks = new URLSearchParams(location.search).has("debug") ? new Checks() : null;
  private asking = false; // a dialog is open before joining
  private resynced = 0;
  private listed = 0;
  private scored = 0;
  private phase: Phase = "connecting";

  constructor(socket: string, watch: boolean) {
    this.wish = watch ? "watch" : "play";
    const address = new URL(socket, location.href.replace(/^http/, "ws")).href;
    this.link = new Link(address, {
      tables: () => this.match?.welcome.tables ?? [],
      tick: () => this.match?.state.tick ?? 0,
      message: (message) => this.receive(message),
      status: (status) => this.linked(status),
    });
    this.session = new Session(
      (message) => this.link.send(message),
      () => this.match?.state.tick ?? 0,
      (action) => this.match?.view.taken(action),
    );
    this.input = new Input({
      steer: (way, now) => this.steer(way, now),
      confirm: () => this.card.confirm(),
      roams: () => this.roam.roams(),
      push: (way) => this.roam.push(way),
      drag: (dx, dy) => this.roam.drag(dx, dy),
    });
    this.card = new Card(
      {
        again: () => this.playAgain(),
        watch: () => this.watch(),
        leave: () => this.leave(),
        another: async () => location.assign(`/r/${(await post<{ room: string }>("/api/play")).room}/`),
        resume: () => this.link.connect(),
      },
      () => this.match?.welcome.hold ?? 10,
      (note) => this.match?.module.ending(note) ?? "That was a good run",
    );
  }

  start(): void {
    this.wireButtons();
    this.expose();
    this.link.connect();
    const frame = (now: number) => {
      this.draw(now);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    setInterval(() => this.score.showPing(this.link.rtt, this.link.status, this.checks), 1000);
  }

  // --- What comes in -------------------------------------------------------------------------

  private receive(message: ServerMessage): void {
    const now = performance.now();
    switch (message.type) {
      case "welcome":
        return this.welcomed(message.welcome);
      case "frame":
        return this.framed(message.frame, now);
      case "seated":
        this.session.seated(this.match!.welcome, message.seat, message.seq, message.resumed, now);
        this.refusal = 0;
        break;
      case "acked":
        return this.session.acked(message.seq);
      case "note":
        if (this.session.noted(message.number)) this.died(message.note);
        break;
      case "saved":
        this.life.saved(message.saved);
        break;
      case "error":
        this.refused(message.code, message.sentence);
        break;
      case "sums":
        return this.checks?.expect(message);
      case "own":
        this.match?.state.own.set(message.table, message.fields);
        return;
      case "notice":
        return this.notices.show(message.text);
      case "pong":
      case "unknown":
        return;
    }
    this.show();
  }

  private welcomed(welcome: Welcome): void {
    const same = this.match !== null && JSON.stringify(this.match.welcome) === JSON.stringify(welcome);
    if (!same) this.open(welcome);
    this.match!.state.epoch = 0; // the keyframe to come is the truth, whatever its epoch
    this.match!.state.fresh = false;
    this.match!.clock.reset();
    this.match!.state.own.clear();
    this.roam.reset();
    this.session.seat = 0; // until the room says so again
    this.seen = false;
    if (this.checks !== null) this.link.send(wire.check());
    if (this.wish === "play") void this.join();
    this.show();
  }

  private open(welcome: Welcome): void {
    const module = GAMES[welcome.game];
    if (module === undefined) throw new Error(`This page does not know the game “${welcome.game}”.`);
    const state = emptyState(welcome.tables);
    const clock = new TickClock(welcome.rate);
    const view = module.create({
      welcome, state, clock,
      calm: this.calm.matches,
      seat: () => this.session.seat,
      pending: () => this.session.pending,
      rtt: () => this.link.rtt,
    });
    this.match = { welcome, state, clock, module, view };
    const title = welcome.title || DEFAULT_TITLE;
    setText(byId("title"), title);
    byId("private").hidden = !welcome.private;
    document.body.classList.toggle("roams", view.camera !== null);
    document.title = `${title} · Kogame`;
  }

  private framed(frame: Frame, now: number): void {
    const match = this.match;
    if (match === null) return; // a server that sends frames before its welcome
    const epoch = match.state.epoch;
    const roster = frame.rosters.length === 0 ? match.state.roster : new Map(match.state.roster);
    const outcome = apply(match.state, frame);
    if (outcome === "gap") return this.resync(now);
    if (outcome === "ignored") return;
    this.checks?.compare(match.state);
    const alive = match.view.alive();
    match.clock.arrived(frame.tick, now);
    match.view.applied(frame);
    this.seen = true;
    this.waiting = false;
    if (epoch !== 0 && epoch !== frame.epoch) this.session.resend(match.welcome, now);
    if (!alive && match.view.alive()) this.life.ending = null;
    tell(this.feed, match.module, frame, match.state.roster, roster, this.session.seat);
    this.show();
  }

  private resync(now: number): void {
    if (now - this.resynced < RESYNC_EVERY) return;
    this.resynced = now;
    this.link.send(wire.resync());
  }

  private died(note: DiedNote): void {
    const others = this.standings().filter(({ seat }) => seat !== this.session.seat);
    this.life.died(note, others, this.match?.view.complete ?? true, this.ranked());
  }

  private refused(code: number, sentence: string): void {
    if (code === phases.NO_ENGINE) this.waiting = true;
    else if (code === phases.SCORES_BACKLOG) this.card.complain(sentence);
    else if (code === phases.NOT_SEATED) this.unseated();
    else if (code < 1000) {
      this.refusal = code;
      if (code !== phases.ROOM_FULL) void this.join(sentence);
    }
  }

  /** The room has let my seat go, as after a long silence: ask for another. */
  private unseated(): void {
    this.session.seat = 0;
    if (this.wish === "play") void this.join();
  }

  private linked(status: LinkStatus): void {
    if (status !== "open") this.waiting = false;
    this.score.showPing(this.link.rtt, status, this.checks);
    this.show();
  }

  // --- What I do -----------------------------------------------------------------------------

  /** Asks for a seat, and before that for whatever is still missing: a name, a first look at the rules. */
  private async join(complaint = ""): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    let who: Identity | null = loadIdentity();
    if (who.name === "" || complaint !== "") who = await askWho(complaint);
    if (who !== null && !hasSeen("how")) {
      await showHow(this.match!.module.rules);
      markSeen("how");
    }
    this.asking = false;
    if (who === null) return this.watch();
    this.refusal = 0;
    this.link.send(wire.join(who.name, who.colour)); // lost: the next welcome asks again
    this.show();
  }

  private wantToPlay(): void {
    this.wish = "play";
    this.refusal = 0;
    void this.join();
  }

  private watch(): void {
    this.wish = "watch";
    this.refusal = 0;
    this.show();
  }

  private leave(): void {
    this.session.leave();
    location.assign("/");
  }

  private playAgain(): void {
    if (this.phase === "dead") this.act("spawn", []);
  }

  private steer(direction: number, now: number): void {
    if (this.phase !== "playing") return;
    const wanted = this.match!.view.steer(direction);
    if (wanted !== null) this.act(wanted.action, wanted.values, now);
  }

  private act(name: string, values: number[], now = performance.now()): void {
    this.session.act(this.match!.welcome, name, values, now);
  }

  // --- What is shown -------------------------------------------------------------------------

  private draw(now: number): void {
    if (this.match === null || !this.seen) return;
    this.match.view.draw(this.stage, now);
    drawTrace(this.stage, this.input.trace, now);
    this.roam.draw(now);
  }

  private standings(): Standing[] {
    return this.match?.view.standings() ?? [];
  }

  /** How many there are to be ranked among. */
  private ranked(): number {
    return this.match?.view.complete ? this.standings().length : (this.match?.state.roster.size ?? 0);
  }

  private show(): void {
    this.phase = phaseOf({
      link: this.link.status,
      closeCode: this.link.closeCode,
      seen: this.seen,
      waiting: this.waiting,
      wish: this.wish,
      refusal: this.refusal,
      seat: this.session.seat,
      alive: this.match?.view.alive() ?? false,
      ending: this.life.ending,
    });
    const turned = document.body.dataset.phase !== this.phase;
    if (turned) document.body.dataset.phase = this.phase;
    this.card.show(this.phase, this.life.ending, this.link.farewell);
    if (this.match !== null) this.showFigures(this.match, turned, performance.now());
  }

  /** Score and list, each at its own pace and in frames of their own; both at once in a new phase. */
  private showFigures(match: Match, turned: boolean, now: number): void {
    const list = turned || now - this.listed >= LIST_EVERY;
    if (turned || (!list && now - this.scored >= SCORE_EVERY)) {
      this.scored = now;
      this.score.show(this.standings(), this.ranked(), this.session.seat, this.phase === "playing");
    }
    if (!list) return;
    this.listed = now;
    this.players.show(match.state.roster, this.standings(), match.view.complete, this.session.seat);
  }

  private wireButtons(): void {
    wireSheet();
    byId("join-button").addEventListener("click", () => this.wantToPlay());
    byId("how-button").addEventListener("click", () => this.match && void showHow(this.match.module.rules));
    byId("leave").addEventListener("click", () => this.session.leave());
    wireInvite(byId("invite"));
  }

  /** A view for tests and the curious; nothing can be changed through it. */
  private expose(): void {
    exposeHook({
      tick: () => this.match?.state.tick ?? 0,
      epoch: () => this.match?.state.epoch ?? 0,
      seat: () => this.session.seat,
      head: () => this.match?.view.head() ?? null,
      shown: () => this.match?.view.shown() ?? null,
      rtt: () => this.link.rtt,
      checks: () => this.checks && { made: this.checks.made, wrong: [...this.checks.wrong] },
      phase: () => this.phase,
      standings: () => this.standings(),
      roster: () => [...(this.match?.state.roster.values() ?? [])],
      tables: () => this.match?.view.tables() ?? null,
    });
  }
}
