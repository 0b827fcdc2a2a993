/** Snek on the page: keeps bodies and food from the frames, and draws them. */

import type { Frame } from "../../protocol";
import { Pace } from "../../render/pace";
import type { Place, Scene, Stage, View } from "../../render/stage";
import { Work } from "../../render/work";
import type { Pending } from "../../session";
import type { Row } from "../../state";
import type { GameModule, GameView, Standing, Surroundings } from "../contract";
import { Bodies, type Body, headOf, tailOf } from "./bodies";
import { cellOf, type Ground, groundOf, knownAround, rowAt } from "./board";
import { SnekCamera } from "./camera";
import { Food } from "./food";
import { Foresight } from "./foresight";
import { GroundLayer } from "./ground";
import { DISSOLVE, drawDissolving, drawSnake, type Moment, type Subject } from "./snakes";
import { Shields } from "./shields";
import { Standings } from "./standings";
import { readable } from "./readable";
import { Tags } from "./tags";
import { drawVeil } from "./veil";
import { ending, news, RULES } from "./words";

const ROCKS = 0;
const TABLES = ["rocks", "food", "cells", "shields", "scores"]; // of every board
const REGION_TABLES = [...TABLES, "mine", "crowd"]; // of one in regions
const NEAR = 7, FAR = 11; // cells from my head at which the names of others are clear, and gone
const UNSEEN = 20; // ticks without a picture from which on old ones are let go
const LONGEST_FRAME = 250; // ms: after a longer pause nothing slides, it is simply there

class SnekView implements GameView {
  readonly complete: boolean;
  readonly camera: SnekCamera | null;
  private readonly ground: Ground;
  private readonly scene: Scene;
  private readonly bodies: Bodies;
  private readonly shields = new Shields();
  private readonly scores: Standings;
  private readonly food: Food;
  private readonly layer: GroundLayer;
  private readonly foresight: Foresight;
  private readonly tags = new Tags();
  private readonly pace = new Pace();
  private readonly work = new Work((spent) => this.pace.worked(spent));
  private readonly interval: number;
  private last = 0;
  private lastMoment = 0;
  private drawnHead: Place | null = null;

  constructor(private readonly around: Surroundings) {
    const { options, rate, tables } = around.welcome;
    this.ground = groundOf(options);
    this.complete = this.ground.side === 0;
    this.scene = { ...this.ground, known: this.complete ? null : (at) => knownAround(at, this.ground) };
    if ((this.complete ? TABLES : REGION_TABLES).some((name, index) => tables[index]?.name !== name)) {
      throw new Error("This page and the server know different versions of Snek. Reload the page.");
    }
    this.interval = 1000 / rate;
    this.bodies = new Bodies(this.ground);
    this.scores = new Standings(around.state, this.bodies, this.complete, () => around.seat());
    this.camera = this.complete ? null : new SnekCamera(around, this.ground, () => this.drawnHead);
    this.food = new Food(this.ground);
    this.layer = new GroundLayer(this.ground, () => this.rocks());
    this.foresight = new Foresight(around, this.ground, (cell, body) => this.deadly(cell, body));
  }

  applied(frame: Frame): void {
    this.bodies.applied(frame, this.around.state);
    this.shields.applied(frame, this.around.state);
    this.scores.applied(frame);
    this.food.applied(frame, this.around.state);
    const rocks = frame.parts.some(({ how, changes }) => how === "forget" || changes.some(({ table }) => table === ROCKS));
    if (frame.keyframe || rocks) this.layer.repaint();
    this.foresight.applied(this.mine());
    if (frame.tick - this.lastMoment > UNSEEN) this.forget(frame.tick - 1);
  }

  taken(action: Pending): void {
    if (action.name === "turn") this.foresight.taken(action.values[0]!);
  }

  steer(direction: number): { action: string; values: number[] } | null {
    const body = this.mine();
    if (body === undefined || this.foresight.wish() === direction) return null;
    return { action: "turn", values: [direction] };
  }

  alive(): boolean {
    return this.mine() !== undefined;
  }

  head(): Place | null {
    const body = this.mine();
    if (body === undefined) return null;
    const cell = headOf(body);
    return { x: cell % this.ground.width, y: Math.floor(cell / this.ground.width) };
  }

  shown(): Place | null {
    return this.drawnHead;
  }

  standings(): Standing[] {
    return this.scores.list();
  }

  tables(): Record<string, Row[]> {
    return readable(this.around.state, this.bodies, this.ground);
  }

  draw(stage: Stage, now: number): void {
    this.work.begin();
    this.pace.steps = stage.steps;
    stage.coarsen(Math.min(this.pace.level, stage.steps));
    stage.look(this.scene, this.focus(), this.around.seat() === 0, now, this.camera?.held(now));
    this.camera?.shown(stage);
    const at = this.moment(now, stage.scale);
    this.layer.draw(stage);
    if (this.camera?.free()) drawVeil(stage, this.around.state.known, this.ground);
    this.food.draw(stage, at.tick, now, this.around.calm || this.pace.simple);
    const ctx = stage.inCells();
    const view = this.window(stage);
    ctx.save();
    if (this.ground.wrap && this.complete) {
      ctx.beginPath();
      ctx.rect(0, 0, this.ground.width, this.ground.height);
      ctx.clip();
    }
    for (const body of this.bodies.dead) {
      drawDissolving(ctx, this.subject(body), at, this.ground, view, this.around.calm);
    }
    const heads = this.drawLiving(ctx, view, at);
    ctx.restore();
    this.drawNames(stage, heads);
    this.forget(at.tick);
  }

  /** What is drawn into: the view; of a small board that wraps, only what lies on the board. */
  private window(stage: Stage): View {
    const view = stage.view();
    const { width, height, wrap } = this.ground;
    if (!wrap || !this.complete) return view;
    const { left, top, right, bottom } = view;
    return { left: Math.max(left, 0), top: Math.max(top, 0), right: Math.min(right, width), bottom: Math.min(bottom, height) };
  }

  /** Lets go of what the picture no longer needs; also in a hidden tab, where nothing is drawn. */
  private forget(moment: number): void {
    this.bodies.prune(Math.floor(moment), moment - (2 * DISSOLVE) / this.interval);
    this.food.forget(moment);
  }

  private drawLiving(ctx: CanvasRenderingContext2D, view: View, at: Moment): [Body, Place][] {
    const heads: [Body, Place][] = [];
    const mine = this.mine();
    for (const body of this.bodies.all()) {
      if (body === mine) continue;
      const head = drawSnake(ctx, this.subject(body), at, this.ground, view);
      if (head !== null) heads.push([body, head]);
    }
    this.drawnHead = null;
    if (mine !== undefined) {
      const guess = this.foresight.guess(mine);
      const wish = this.foresight.wish();
      this.drawnHead = drawSnake(ctx, { ...this.subject(mine), guess, wish }, at, this.ground, view);
    }
    return heads;
  }

  private drawNames(stage: Stage, heads: [Body, Place][]): void {
    const own = this.drawnHead && this.nearest(this.drawnHead, stage.centre);
    for (const [body, place] of heads) {
      const { x, y } = this.nearest(place, stage.centre);
      const away = own === null ? 0 : Math.hypot(x - own.x, y - own.y);
      const seat = this.around.state.roster.get(body.seat);
      if (away >= FAR || seat === undefined) continue;
      const alpha = own === null ? 0.85 : Math.min((FAR - away) / (FAR - NEAR), 1) * 0.95;
      this.tags.draw(stage, seat.name, seat.colour, x, y, alpha, false);
    }
    const me = this.around.state.roster.get(this.around.seat());
    if (own !== null && me !== undefined) this.tags.draw(stage, me.name, me.colour, own.x, own.y, 1, true);
  }

  /** A place as it is seen from another: on a large board that wraps, the view goes on over the edges. */
  private nearest(place: Place, from: Place): Place {
    const { width, height, wrap } = this.ground;
    if (!wrap || this.complete) return place;
    return {
      x: place.x + Math.round((from.x - place.x) / width) * width,
      y: place.y + Math.round((from.y - place.y) / height) * height,
    };
  }

  private moment(now: number, scale: number): Moment {
    const { clock, state } = this.around;
    const tick = clock.moment(now, state.tick);
    const passed = Math.min(now - this.last, LONGEST_FRAME);
    this.pace.frame(now, passed);
    const ticks = Math.max(tick - this.lastMoment, 0);
    this.last = now;
    this.lastMoment = tick;
    return { tick, ahead: Math.min(tick + 1, state.tick + 1), passed, ticks, interval: this.interval, detail: this.pace.simple ? 0 : scale };
  }

  /** What a following view follows: my head, or where I last was; watchers follow the best. */
  private focus(): Place | null {
    if (this.drawnHead !== null) return this.drawnHead;
    if (this.around.seat() !== 0) return null;
    if (this.camera !== null) return this.camera.moved ?? this.camera.follow(this.standings(), this.bodies);
    for (const { seat } of this.standings()) {
      const body = this.bodies.head(seat);
      if (body !== undefined && !Number.isNaN(body.lastX)) return { x: body.lastX, y: body.lastY };
    }
    return null;
  }

  private subject(body: Body): Subject {
    const { seat } = body;
    const colour = this.around.state.roster.get(seat)?.colour ?? 7;
    const mine = seat === this.around.seat();
    return { body, colour, mine, guess: null, wish: null, shield: this.shields.of(seat) };
  }

  private mine(): Body | undefined {
    return this.bodies.head(this.around.seat());
  }

  /** Whether a snake that enters a cell in the next tick should expect the worst. */
  private deadly(cell: number, body: Body): boolean {
    if (rowAt(this.around.state.tables[ROCKS]!, cell, this.ground) !== undefined) return true;
    const other = this.bodies.at(cell);
    if (other === undefined) return false;
    const tail = tailOf(other);
    return other.cells[tail] !== cell || (other === body && body.cells.length - tail < 3);
  }

  private *rocks(): Iterable<number> {
    for (const [region, rows] of this.around.state.tables[ROCKS]!) {
      for (const key of rows.keys()) yield cellOf(region, key, this.ground);
    }
  }
}

export const snek: GameModule = {
  create: (around) => new SnekView(around),
  ending,
  news,
  rules: RULES,
};
