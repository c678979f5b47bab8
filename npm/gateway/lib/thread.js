// The supervisor has a thread of its own: the gateway is restarted, and its log read, while the main one is busy.
const { parentPort, workerData } = require('node:worker_threads');
const { Log } = require('./lines.js');
const { Supervisor } = require('./supervisor.js');

/**
 * To the main thread. It answers each message with lines, so that no more than one waits.
 *
 * @typedef {{lines: string[], news?: import('./supervisor.js').News}} Report
 */

/**
 * From the main thread.
 *
 * @typedef {{stop: number} | 'read'} Order
 */

/** @param {import('node:worker_threads').MessagePort} port */
async function main(port) {
  const log = new Log();
  let unread = false;
  /** @param {import('./supervisor.js').News} [news] */
  const report = (news) => {
    const lines = log.take();
    if (lines.length > 0) unread = true;
    port.postMessage(/** @type {Report} */ ({ lines, news }));
  };
  const { program, listen, startTimeout } = workerData;
  const supervisor = new Supervisor(program, listen, startTimeout, {
    news: report,
    log(line) {
      log.add(line);
      if (!unread) report();
    },
  });
  port.on('message', (/** @type {Order} */ order) => {
    if (order === 'read') {
      unread = false;
      if (log.size > 0) report();
    } else {
      supervisor.stop(order.stop);
    }
  });
  await supervisor.run();
  port.close();
}

if (parentPort) main(parentPort);
