/** Where the lobby's decorative snakes live: a few calm rules, not the game's. */

export interface Snake {
  cells: number[]; // tail first
  left: number | null; // the cell its tail has just left
  heading: number; // index in AROUND
  length: number; // what it grows to
  fading: number; // steps since it ran out of room; 0 while it lives
}

export interface Hole {
  left: number;
  right: number; // not included
  top: number;
  bottom: number; // not included
}

export const AROUND = [
  [0, -1],
  [1, 0],
  [0, 1],
  [-1, 0],
] as const;
const FREE = 0;
const TAKEN = 1;
const SPACE = 110; // cells to a snake: lively, never crowded
const MOST = 8; // snakes: one of each colour
const LONGEST = 18; // cells
const FADE = 6; // steps

export class Garden {
  readonly snakes: Snake[] = [];
  readonly food = new Map<number, number>(); // cell: colour, or -1 for a seed
  private readonly ground: Uint8Array;
  private readonly open: number[] = []; // cells outside the hole

  constructor(
    readonly width: number,
    readonly height: number,
    hole: Hole,
    private readonly random: () => number = Math.random,
  ) {
    this.ground = new Uint8Array(Math.max(0, width * height));
    for (let cell = 0; cell < this.ground.length; cell++) {
      const x = cell % width;
      const y = Math.floor(cell / width);
      const inside = x >= hole.left && x < hole.right && y >= hole.top && y < hole.bottom;
      if (inside) this.ground[cell] = TAKEN;
      else this.open.push(cell);
    }
    const few = this.open.length > LONGEST * 3 ? 2 : 0; // a phone's strip still has two
    const wanted = Math.max(few, Math.min(MOST, Math.floor(this.open.length / SPACE)));
    for (let n = 0; n < wanted; n++) this.snakes.push(this.hatch());
    for (let n = 0; n < wanted * 2; n++) this.sow();
  }

  step(): void {
    this.snakes.forEach((snake, index) => {
      if (!snake.fading) this.move(snake, index);
      else if (++snake.fading > FADE) this.snakes[index] = this.hatch();
    });
  }

  private move(snake: Snake, index: number): void {
    const head = snake.cells.at(-1) as number;
    const next = this.choose(snake, head);
    if (next === null) {
      snake.fading = 1;
      snake.cells.forEach((cell, n) => {
        this.ground[cell] = FREE;
        if (n % 3 === 1 && this.food.size < 40) this.food.set(cell, index);
      });
      return;
    }
    snake.cells.push(next);
    this.ground[next] = TAKEN;
    if (this.food.delete(next)) {
      snake.length = Math.min(LONGEST, snake.length + 2);
      if (this.food.size < this.snakes.length * 2) this.sow();
    }
    snake.left = null;
    if (snake.cells.length > snake.length) {
      snake.left = snake.cells.shift() as number;
      this.ground[snake.left] = FREE;
    }
  }

  /** The best of straight on, left and right; null when there is no way. Sets the heading. */
  private choose(snake: Snake, head: number): number | null {
    let best: number | null = null;
    let most = -1;
    const heading = snake.heading;
    for (const turn of [0, 1, 3]) {
      const way = (heading + turn) % 4;
      const room = this.look(head, way);
      if (!room.free) continue;
      const worth = Math.min(room.free, 5) + room.food * 6 + (turn ? 0 : 2.5) + this.random() * 2.2;
      if (worth <= most) continue;
      most = worth;
      best = this.beside(head, way);
      snake.heading = way;
    }
    return best;
  }

  /** How far it is free in one direction, and whether there is food on the way. */
  private look(from: number, way: number): { free: number; food: number } {
    let food = 0;
    for (let free = 0, cell: number | null = from; ; free++) {
      cell = this.beside(cell, way);
      if (cell === null || this.ground[cell] !== FREE || free === 12) return { free, food };
      if (this.food.has(cell)) food = Math.max(food, 1 / (free + 1) + 0.4);
    }
  }

  private beside(cell: number, way: number): number | null {
    const [dx, dy] = AROUND[way] ?? AROUND[0];
    const x = (cell % this.width) + dx;
    const y = Math.floor(cell / this.width) + dy;
    return x < 0 || y < 0 || x >= this.width || y >= this.height ? null : y * this.width + x;
  }

  /** A new snake where there are fewest: the best of a few places. */
  private hatch(): Snake {
    const places = Array.from({ length: 6 }, () => this.somewhere());
    const cell = places.reduce((a, b) => (this.solitude(a) >= this.solitude(b) ? a : b));
    this.ground[cell] = TAKEN;
    const length = 5 + Math.floor(this.random() * 7);
    return { cells: [cell], left: null, heading: Math.floor(this.random() * 4), length, fading: 0 };
  }

  private solitude(cell: number): number {
    const distances = this.snakes.map(({ cells }) => {
      const head = cells.at(-1) as number;
      const dx = (head % this.width) - (cell % this.width);
      return Math.hypot(dx, Math.floor(head / this.width) - Math.floor(cell / this.width));
    });
    return Math.min(this.width, ...distances);
  }

  private sow(): void {
    this.food.set(this.somewhere(), -1);
  }

  /** A free cell, after a bounded number of tries any cell: this is only decoration. */
  private somewhere(): number {
    let cell = 0;
    for (let tries = 0; tries < 20; tries++) {
      cell = this.open[Math.floor(this.random() * this.open.length)] ?? 0;
      if (this.ground[cell] === FREE && !this.food.has(cell)) break;
    }
    return cell;
  }
}
