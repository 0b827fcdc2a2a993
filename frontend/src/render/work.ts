/** How long the page works on an animation frame: from its call until the next task gets its turn. */

export class Work {
  private readonly channel = new MessageChannel();
  private began = 0;
  private waiting = false;

  constructor(note: (spent: number) => void) {
    this.channel.port1.onmessage = () => {
      this.waiting = false;
      note(performance.now() - this.began);
    };
  }

  /** To be called as the frame begins. */
  begin(): void {
    if (this.waiting) return;
    this.waiting = true;
    this.began = performance.now();
    this.channel.port2.postMessage(null); // taken up after this frame was painted
  }
}
