const { join } = require('node:path');
const { Worker } = require('node:worker_threads');

/**
 * The supervisor in its thread, as the main thread sees it. It keeps this process alive while something is awaited
 * of it: a start, a restart or a stop.
 */
class Remote {
  /**
   * @param {import('./program.js').Program} program
   * @param {number} port
   * @param {number} startTimeout milliseconds
   * @param {(report: import('./thread.js').Report) => void} hear
   */
  constructor(program, port, startTimeout, hear) {
    this.worker = new Worker(join(__dirname, 'thread.js'), {
      workerData: { program, listen: port, startTimeout },
      execArgv: [], // what the main thread loads is not for this one
    });
    this.worker.on('message', (/** @type {import('./thread.js').Report} */ report) => {
      if (report.lines.length > 0) this.#order('read');
      hear(report);
    });
    this.worker.on('error', (error) => {
      hear({
        lines: [],
        news: { state: 'failed', code: 'GIVEN_UP', why: `the supervisor failed: ${error.message}` },
      });
    });
  }

  /** @param {boolean} wanted */
  keepAlive(wanted) {
    if (wanted) this.worker.ref();
    else this.worker.unref();
  }

  /** @param {number} timeout milliseconds until the gateway is killed */
  stop(timeout) {
    this.#order({ stop: timeout });
  }

  /** @param {import('./thread.js').Order} order */
  #order(order) {
    this.worker.postMessage(order);
  }
}

module.exports = { Remote };
