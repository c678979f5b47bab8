const { Child } = require('./child.js');
const { told } = require('./error.js');

const mostRestarts = 5; // without a minute of health between them
const healthyAfter = 60_000; // milliseconds
const firstPause = 200; // milliseconds; it doubles with every further crash
const longestPause = 30_000; // milliseconds
const longestTimer = 2 ** 31 - 1; // milliseconds; a longer one would ring at once

/**
 * What a supervisor tells of its gateway.
 *
 * @typedef {{state: 'running', ready: import('./child.js').Ready, restarts: number}
 *   | {state: 'restarting', why: string, pause: number}
 *   | {state: 'failed', code: 'NOT_STARTED' | 'GIVEN_UP', why: string}
 *   | {state: 'stopped'}} News
 */

/**
 * Does something later, or never if that is further away than timers reach.
 *
 * @param {number} ms
 * @param {() => void} what
 */
function after(ms, what) {
  return ms > longestTimer ? undefined : setTimeout(what, ms);
}

/** Runs the program and, when it ends unasked, runs it again on the same port. */
class Supervisor {
  /** @type {Child | undefined} */
  #child;
  /** @type {import('./child.js').Ready | undefined} */
  #ready;
  #asked = false;
  #wake = () => {};
  #restarts = 0;

  /**
   * @param {import('./program.js').Program} program
   * @param {number} port
   * @param {number} startTimeout milliseconds
   * @param {{news: (news: News) => void, log: (line: string) => void}} on
   */
  constructor(program, port, startTimeout, on) {
    this.program = program;
    this.port = port;
    this.startTimeout = startTimeout;
    this.on = on;
  }

  /** Returns when the gateway was stopped or given up. */
  async run() {
    let crashes = 0;
    while (!this.#asked) {
      const { why, since } = await this.#runOnce();
      if (this.#asked) break;
      if (!this.#ready) return this.#fail('NOT_STARTED', `the gateway did not start (${why})`);
      if (since !== undefined && Date.now() - since >= healthyAfter) crashes = 0;
      if (crashes === mostRestarts) {
        return this.#fail(
          'GIVEN_UP',
          `the gateway was restarted ${mostRestarts} times and ended again (${why})`,
        );
      }
      const pause = Math.min(firstPause * 2 ** crashes++, longestPause);
      this.on.log(`tokligence: the gateway ended (${why}); it is started again in ${pause} ms`);
      this.on.news({ state: 'restarting', why, pause });
      await this.#sleep(pause);
    }
    this.on.news({ state: 'stopped' });
  }

  /**
   * Ends the gateway, so that run returns.
   *
   * @param {number} timeout milliseconds until it is killed
   */
  stop(timeout) {
    this.#asked = true;
    this.#wake();
    const child = this.#child;
    if (!child) return;
    child.letGo();
    const late = after(timeout, () => child.kill());
    child.ended.then(() => clearTimeout(late));
  }

  /** Says how one run ended and since when it had answered. */
  async #runOnce() {
    /** @type {number | undefined} */
    let since;
    /** @type {NodeJS.Timeout | undefined} */
    let late;
    try {
      const child = new Child(this.program, this.#ready?.port ?? this.port, {
        log: this.on.log,
        ready: (ready) => {
          clearTimeout(late);
          since = Date.now();
          this.#answers(ready);
        },
      });
      this.#child = child;
      late = after(this.startTimeout, () => {
        this.on.log(`tokligence: no answer within ${this.startTimeout} ms; killed`);
        child.kill();
      });
      return { why: await child.ended, since };
    } catch (error) {
      return { why: `it cannot be run: ${told(error)}`, since };
    } finally {
      clearTimeout(late);
      this.#child = undefined;
    }
  }

  /** @param {import('./child.js').Ready} ready */
  #answers(ready) {
    if (this.#asked) return; // it has not noticed yet
    if (this.#ready) this.#restarts++;
    this.#ready = ready;
    this.on.news({ state: 'running', ready, restarts: this.#restarts });
  }

  /** @param {number} pause milliseconds */
  async #sleep(pause) {
    await /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        const timer = setTimeout(resolve, pause);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      })
    );
  }

  /**
   * @param {'NOT_STARTED' | 'GIVEN_UP'} code
   * @param {string} why
   */
  #fail(code, why) {
    this.on.news({ state: 'failed', code, why });
  }
}

module.exports = { Supervisor };
