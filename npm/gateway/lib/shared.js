const { isDeepStrictEqual } = require('node:util');
const { GatewayError } = require('./error.js');
const { Gateway } = require('./gateway.js');

/** @type {{asked: import('../index.js').GatewayOptions, gateway: Gateway} | undefined} the one of this process */
let shared;

/**
 * Resolves to this process's gateway when it answers; starts it unless it runs.
 *
 * @param {import('../index.js').GatewayOptions} [options]
 * @returns {Promise<Gateway>}
 */
async function start(options = {}) {
  const asked = { ...options, env: { ...options.env } };
  const same = shared !== undefined && isDeepStrictEqual(shared.asked, asked);
  if (!shared || !same) {
    if (shared && !['stopped', 'failed'].includes(shared.gateway.status().state)) {
      throw new GatewayError(
        'OTHER_OPTIONS',
        "this process's gateway runs with other options: call stop() first, or make another one with " +
          'new Gateway(options).start()',
      );
    }
    shared = { asked, gateway: new Gateway(options) };
  }
  return shared.gateway.start();
}

/**
 * Stops the gateway that start() started, if there is one.
 *
 * @param {import('../index.js').StopOptions} [options]
 */
async function stop(options) {
  await shared?.gateway.stop(options);
}

/**
 * How the gateway is that start() started.
 *
 * @returns {import('../index.js').Status}
 */
function status() {
  return (
    shared?.gateway.status() ?? {
      state: 'stopped',
      url: null,
      port: null,
      pid: null,
      version: null,
      restarts: 0,
    }
  );
}

module.exports = { start, status, stop };
