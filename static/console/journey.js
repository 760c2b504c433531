//! Drives a vehicle along a straight line, a position each second, as a phone on the road would send them. One journey at
//! a time; a new one replaces it.

import { bearing, between, distanceM } from './projection.js';

/** Fast, so that nobody waits, and below what the matcher takes for a jump (100 m/s). */
const SPEED_M_PER_SEC = 90;
const TICK_MS = 1000;

export class Journey {
  #timer = null;
  #send;
  #ended;

  /** `send` gets a position with heading and speed and may fail: the journey ends then, and `ended` is told why. */
  constructor({ send, ended }) {
    this.#send = send;
    this.#ended = ended;
  }

  get isUnderWay() {
    return this.#timer !== null;
  }

  start(from, to) {
    this.stop();
    const length = distanceM(from, to);
    const heading = Math.round(bearing(from, to));
    let driven = 0;
    const step = async () => {
      const position = length === 0 ? to : between(from, to, Math.min(1, driven / length));
      const isThere = driven >= length;
      driven += SPEED_M_PER_SEC * TICK_MS / 1000;
      try {
        await this.#send({ ...position, heading, speed: isThere ? 0 : SPEED_M_PER_SEC });
        if (isThere) this.#end(null);
      } catch (problem) {
        this.#end(problem);
      }
    };
    this.#timer = setInterval(step, TICK_MS);
    step();
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #end(problem) {
    if (!this.isUnderWay) return;
    this.stop();
    this.#ended(problem);
  }
}
