/** What the page's half of a game offers: it keeps what it needs of each frame, and draws it. */

import type { TickClock } from "../clock";
import type { DiedNote, Frame, GameEvent, Welcome } from "../protocol";
import type { Place, Stage, View } from "../render/stage";
import type { Pending } from "../session";
import type { Row, State } from "../state";

/** What a game may read of the page around it. */
export interface Surroundings {
  welcome: Welcome;
  state: State; // never replaced: the same object for the room's whole time
  clock: TickClock;
  seat(): number; // mine, 0 when watching
  pending(): readonly Pending[]; // actions sent that the room has not taken yet
  rtt(): number; // ms
  calm: boolean; // the person asked for reduced motion
}

export interface Standing {
  seat: number;
  score: number;
  length: number;
  kills: number;
  alive: boolean;
  rank: number | null; // 1 is the best; null: not known, beyond those who are told
}

/** A whole board in the small. */
export interface Overview {
  width: number; // cells
  height: number;
  wrap: boolean;
  side: number; // cells of a crowd's square
  crowds: Iterable<Place & { heads: number }>; // by a square's upper left corner
  me: Place | null;
  view: View; // what the page shows of it
}

/** The camera over a board that no page shows whole. */
export interface Camera {
  /** Who watches may move it; who plays is followed. */
  free(): boolean;
  /** The board was dragged so far, in css px. */
  drag(dx: number, dy: number): void;
  push(direction: number): void;
  jump(to: Place): void;
  /** Where it was moved to; null: it follows. */
  readonly moved: Place | null;
  /** Follows again. */
  release(): void;
  /** The view to ask the server for; null: nothing is drawn yet. */
  view(): number | null;
  map(): Overview | null;
}

export interface GameView {
  /** A frame was applied to the state. */
  applied(frame: Frame): void;
  /** The room took one of my actions: it counts from the next frame on. */
  taken(action: Pending): void;
  /** What a direction key or a swipe asks for; null: nothing worth sending. */
  steer(direction: number): { action: string; values: number[] } | null;
  /** Draws one animation frame. */
  draw(stage: Stage, now: number): void;
  /** True while my snake (tank, piece…) is in the game. */
  alive(): boolean;
  /** Where my head is, for whoever watches the page from outside; null when there is none. */
  head(): { x: number; y: number } | null;
  /** Where it was drawn last, in cells and fractions. */
  shown(): { x: number; y: number } | null;
  /** Everyone, best first; where not everyone is told, the best and me. */
  standings(): Standing[];
  /** Whether everyone is in the standings. */
  readonly complete: boolean;
  /** Of a board that no page shows whole. */
  readonly camera: Camera | null;
  /** The tables by name, in the game's own terms, for whoever watches the page from outside. */
  tables(): Record<string, Row[]>;
}

/** Names as they stand in sentences: "You" where it is me. */
export interface Names {
  of(seat: number): string;
  mine(seat: number): boolean;
}

export interface GameModule {
  create(around: Surroundings): GameView;
  /** The heading of the death card. */
  ending(note: DiedNote): string;
  /** A line of the feed; null: not worth one. */
  news(event: GameEvent, names: Names): string | null;
  /** How to play, in a few short sentences. */
  rules: readonly string[];
}
