//! A view of the server that is kept fresh: loads at an interval while the page is visible, and at once when asked. Never two loads at
//! a time; asked for during a load, one more follows, so that the last look is always later than the last change.

export class Feed {
  #load;
  #show;
  #fail;
  #running = null;
  #again = false;
  /** Whether anybody looks; while nobody does, it loads only when asked. */
  isWanted = () => true;

  /** `load` answers a value or throws; `show` and `fail` are told. `intervalMs` of 0: only when asked. */
  constructor({ load, show, fail, intervalMs = 0 }) {
    this.#load = load;
    this.#show = show;
    this.#fail = fail;
    if (intervalMs > 0) {
      setInterval(() => { if (!document.hidden && !this.#running && this.isWanted()) this.refresh(); }, intervalMs);
    }
  }

  /** Something may have changed: a look, if anybody looks. */
  hint() {
    if (this.isWanted()) this.refresh();
  }

  /** Resolves when a load that began after this call has been shown. Never rejects. */
  refresh() {
    if (this.#running) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#run().finally(() => { this.#running = null; });
    return this.#running;
  }

  async #run() {
    do {
      this.#again = false;
      try {
        this.#show(await this.#load());
      } catch (problem) {
        this.#fail(problem);
      }
    } while (this.#again);
  }
}
