/** Keys and swipes, as directions: 0 up, 1 right, 2 down, 3 left. */

export interface InputEvents {
  steer(direction: number, now: number): void;
  confirm(): void; // Enter, or a tap on the board
  roams(): boolean; // nothing is steered: the same gestures move the view
  push(direction: number): void;
  drag(dx: number, dy: number): void; // css px
}

export interface TracePoint {
  x: number;
  y: number;
  at: number; // performance.now()
}

const KEYS: Record<string, number> = {
  ArrowUp: 0, ArrowRight: 1, ArrowDown: 2, ArrowLeft: 3,
  KeyW: 0, KeyD: 1, KeyS: 2, KeyA: 3, // by place on the keyboard, whatever letters it has
};
const SWIPE = 24; // css px of movement that mean a direction: short, yet longer than a shaky tap
const TAP = 10; // css px within which a touch is a tap
const TRACE = 24; // points of the trace kept
const CONTROLS = "button, a, input, select, textarea, dialog, label, [data-scroll]";

export class Input {
  /** Where the thumb has just been, newest last; drawn as a faint trace. */
  readonly trace: TracePoint[] = [];
  private anchor: { id: number; x: number; y: number; moved: boolean } | null = null;

  constructor(private readonly events: InputEvents) {
    addEventListener("keydown", (event) => this.key(event));
    addEventListener("pointerdown", (event) => this.down(event));
    addEventListener("pointermove", (event) => this.move(event));
    addEventListener("pointerup", (event) => this.up(event));
    addEventListener("pointercancel", () => (this.anchor = null));
    // Safari scrolls and bounces whatever touch-action says.
    addEventListener("touchmove", (event) => !onControl(event) && event.cancelable && event.preventDefault(), {
      passive: false,
    });
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const target = event.target as Element | null;
    if (target?.closest("input, textarea, select, dialog, [contenteditable]")) return;
    const direction = KEYS[event.code];
    if (direction !== undefined) {
      event.preventDefault(); // arrows scroll
      if (this.events.roams()) this.events.push(direction);
      else if (!event.repeat) this.events.steer(direction, performance.now());
    } else if (event.code === "Enter" && !event.repeat && !target?.closest("button, a, summary")) {
      this.events.confirm();
    }
  }

  private down(event: PointerEvent): void {
    if (!event.isPrimary || event.button !== 0 || onControl(event)) return;
    if (event.pointerType === "mouse" && !this.events.roams()) return;
    this.anchor = { id: event.pointerId, x: event.clientX, y: event.clientY, moved: false };
    this.trace.length = 0;
  }

  private move(event: PointerEvent): void {
    const anchor = this.anchor;
    if (anchor === null || event.pointerId !== anchor.id) return;
    if (event.buttons === 0) return void (this.anchor = null); // let go of outside of the window
    if (this.events.roams()) return this.drag(anchor, event);
    const now = performance.now();
    this.trace.push({ x: event.clientX, y: event.clientY, at: now });
    if (this.trace.length > TRACE) this.trace.shift();
    const dx = event.clientX - anchor.x;
    const dy = event.clientY - anchor.y;
    if (Math.max(Math.abs(dx), Math.abs(dy)) < SWIPE) return;
    // The anchor follows, so that the same gesture can go on into the next turn.
    this.anchor = { id: anchor.id, x: event.clientX, y: event.clientY, moved: true };
    this.events.steer(Math.abs(dx) > Math.abs(dy) ? (dx > 0 ? 1 : 3) : dy > 0 ? 2 : 0, now);
  }

  private drag(anchor: NonNullable<Input["anchor"]>, event: PointerEvent): void {
    this.events.drag(event.clientX - anchor.x, event.clientY - anchor.y);
    this.anchor = { id: anchor.id, x: event.clientX, y: event.clientY, moved: true };
  }

  private up(event: PointerEvent): void {
    const anchor = this.anchor;
    if (anchor === null || event.pointerId !== anchor.id) return;
    this.anchor = null;
    const far = Math.hypot(event.clientX - anchor.x, event.clientY - anchor.y);
    if (!anchor.moved && far < TAP) this.events.confirm();
  }
}

function onControl(event: Event): boolean {
  return event.target instanceof Element && event.target.closest(CONTROLS) !== null;
}
