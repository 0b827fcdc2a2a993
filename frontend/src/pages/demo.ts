/** A small board behind the lobby's form, where snakes play by themselves; one of them is you. */

import { AROUND, Garden, type Snake } from "./garden";

const CELL = 24; // CSS px; the dots behind are drawn by lobby.css at the same distance
const STEP = 190; // ms a snake takes for a cell: slower than the game, this is only the view
const BOARD = "#10141b"; // --board
const SEED = "#ffdb9b"; // --accent-strong
const LATE = 3 * STEP; // ms: a page that was asleep does not catch up

export interface You {
  name: string;
  colour: number;
}

export interface Demo {
  you(you: You): void;
}

/** Starts it on a canvas, around `form`; under "reduced motion" it is a picture. */
export function startDemo(canvas: HTMLCanvasElement, form: HTMLElement, you: You): Demo | null {
  const context = canvas.getContext("2d");
  if (!context) return null;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const style = getComputedStyle(canvas);
  const colours = Array.from({ length: 8 }, (_, n) => style.getPropertyValue(`--player-${n}`));
  const painter = new Painter(context, colours, style.getPropertyValue("--text"), style.fontFamily);
  let garden = plant();
  let last = 0;
  let since = 0;
  let frame = 0;

  function plant(): Garden {
    const { width, height, left, top } = canvas.getBoundingClientRect();
    const sharp = Math.min(devicePixelRatio, 2); // beyond 2 nobody sees it, and it costs
    canvas.width = Math.round(width * sharp);
    canvas.height = Math.round(height * sharp);
    // The dots are centred, and so are the cells between them.
    const x = (width / 2) % CELL;
    const y = (height / 2) % CELL;
    context?.setTransform(sharp, 0, 0, sharp, x * sharp, y * sharp);
    const hole = form.getBoundingClientRect();
    const cells = (px: number): number => px / CELL;
    const made = new Garden(Math.floor(cells(width - x)), Math.floor(cells(height - y)), {
      left: Math.floor(cells(hole.left - left - x)),
      right: Math.ceil(cells(hole.right - left - x)),
      top: Math.floor(cells(hole.top - top - y)),
      bottom: Math.ceil(cells(hole.bottom - top - y)),
    });
    for (let n = 0; n < 24; n++) made.step(); // a board in the middle of its life
    return made;
  }

  function draw(now: number): void {
    frame = 0;
    since = Math.min(since + now - (last || now), LATE);
    last = now;
    for (; since >= STEP; since -= STEP) garden.step();
    painter.paint(garden, still ? 1 : since / STEP, now, you);
    if (!still) wake();
  }

  let seen = true;
  function wake(): void {
    if (seen && !document.hidden) frame ||= requestAnimationFrame(draw);
    else last = 0;
  }

  new IntersectionObserver(([entry]) => {
    seen = entry?.isIntersecting ?? true;
    wake();
  }).observe(canvas);
  document.addEventListener("visibilitychange", wake);
  let width = canvas.clientWidth;
  let height = canvas.clientHeight;
  new ResizeObserver(() => {
    if (canvas.clientWidth === width && canvas.clientHeight === height) return;
    width = canvas.clientWidth;
    height = canvas.clientHeight;
    garden = plant();
    wake();
  }).observe(canvas);
  wake();
  canvas.classList.add("awake");
  return {
    you(changed) {
      you = changed;
      wake();
    },
  };
}

type Point = readonly [x: number, y: number];

/** Draws a garden the way the game draws its board, in fewer strokes. */
class Painter {
  constructor(
    private readonly on: CanvasRenderingContext2D,
    private readonly colours: readonly string[],
    private readonly text: string,
    private readonly font: string,
  ) {}

  paint(garden: Garden, t: number, now: number, you: You): void {
    const { on } = this;
    on.clearRect(-CELL, -CELL, (garden.width + 2) * CELL, (garden.height + 2) * CELL);
    on.lineCap = on.lineJoin = "round";
    const colourOf = (index: number): string => this.colours[(you.colour + index) % 8] ?? "";
    for (const [cell, from] of garden.food) {
      const [x, y] = this.centre(garden, cell);
      const pulse = 1 + 0.12 * Math.sin(now / 700 + cell);
      const colour = from < 0 ? SEED : colourOf(from);
      this.dot(x, y, CELL * 0.32 * pulse, `${colour}33`);
      this.dot(x, y, CELL * 0.15 * pulse, colour);
    }
    garden.snakes.forEach((snake, index) => {
      this.snake(garden, snake, t, index === 0 ? you.name : null, colourOf(index));
    });
  }

  /** One snake; the one with a name is the visitor's, outlined like the own snake in the game. */
  private snake(garden: Garden, snake: Snake, t: number, name: string | null, colour: string): void {
    const points = this.spine(garden, snake, t);
    const head = points.at(-1);
    if (!head) return;
    const { on } = this;
    on.globalAlpha = snake.fading ? Math.max(0, 1 - (snake.fading - 1 + t) / 6) : 1;
    if (name !== null) {
      this.line(points, CELL, this.text);
      this.dot(...head, CELL * 0.58, this.text);
      this.line(points, CELL * 0.86, BOARD); // a gap: even the bone snake stands off its outline
      this.dot(...head, CELL * 0.51, BOARD);
    }
    this.line(points, CELL * 0.78, colour);
    this.dot(...head, CELL * 0.46, colour);
    this.line(points.slice(0, -1), CELL * 0.16, "rgb(255 255 255 / 38%)");
    this.eyes(head, AROUND[snake.heading] ?? AROUND[0]);
    if (name) this.tag(head, name, garden.width * CELL);
    on.globalAlpha = 1;
  }

  /** The middle line from tail to head, moved `t` of a step on. */
  private spine(garden: Garden, snake: Snake, t: number): Point[] {
    const cells = snake.cells.map((cell) => this.centre(garden, cell));
    const [tail] = cells;
    const head = cells.at(-1);
    const neck = cells.at(-2);
    if (!tail || !head || !neck) return [];
    const between = (a: Point, b: Point): Point => [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];
    const left = snake.left === null || snake.fading ? tail : this.centre(garden, snake.left);
    const ahead = snake.fading ? head : between(neck, head);
    return [between(left, tail), ...cells.slice(0, -1), ahead];
  }

  private line(points: readonly Point[], width: number, colour: string): void {
    const { on } = this;
    const [first] = points;
    const last = points.at(-1);
    if (!first || !last) return;
    on.beginPath();
    on.moveTo(...first);
    for (let n = 1; n < points.length - 1; n++) {
      const [x, y] = points[n] as Point;
      const [nextX, nextY] = points[n + 1] as Point;
      on.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
    }
    on.lineTo(...last);
    on.lineWidth = width;
    on.strokeStyle = colour;
    on.stroke();
  }

  private eyes([x, y]: Point, [dx, dy]: Point): void {
    for (const side of [-1, 1]) {
      const eyeX = x + (dx * 0.12 - dy * side * 0.2) * CELL;
      const eyeY = y + (dy * 0.12 + dx * side * 0.2) * CELL;
      this.dot(eyeX, eyeY, CELL * 0.13, "#fff");
      this.dot(eyeX + dx * CELL * 0.05, eyeY + dy * CELL * 0.05, CELL * 0.07, "#14100d");
    }
  }

  private tag([headX, headY]: Point, name: string, width: number): void {
    const { on } = this;
    on.font = `600 12px ${this.font}`;
    const half = on.measureText(name).width / 2 + 4;
    const x = Math.min(Math.max(headX, half), width - half);
    const y = headY < CELL * 1.5 ? headY + CELL * 1.15 : headY - CELL * 0.8;
    on.textAlign = "center";
    on.lineWidth = 4;
    on.strokeStyle = BOARD;
    on.strokeText(name, x, y);
    on.fillStyle = this.text;
    on.fillText(name, x, y);
  }

  private dot(x: number, y: number, radius: number, colour: string): void {
    this.on.beginPath();
    this.on.arc(x, y, radius, 0, 2 * Math.PI);
    this.on.fillStyle = colour;
    this.on.fill();
  }

  private centre(garden: Garden, cell: number): Point {
    return [((cell % garden.width) + 0.5) * CELL, (Math.floor(cell / garden.width) + 0.5) * CELL];
  }
}
