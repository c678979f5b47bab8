const { randomBytes } = require('node:crypto');
const { resolve } = require('node:path');
const { findBinary } = require('./find.js');

const keyName = 'TOKLIGENCE_API_KEY';

/**
 * A program with its surroundings, the same for every run.
 *
 * @typedef {object} Program
 * @property {string} binary
 * @property {string} folder
 * @property {Record<string, string>} env
 * @property {string[]} args those that every command gets
 */

/** What the caller asked for. The key is the caller's own or a random one. */
class Settings {
  /** @param {import('../index.js').GatewayOptions} options */
  constructor({ port = 0, config, env = {}, startTimeout = 30_000 }) {
    if (!Number.isInteger(port) || port < 0 || port > 65535) {
      throw new RangeError(`port ${port}: it is 0, for a free one, to 65535`);
    }
    if (!(startTimeout > 0)) throw new RangeError(`startTimeout ${startTimeout}: it is more than 0 ms`);
    this.port = port;
    this.config = config === undefined ? undefined : resolve(config);
    this.env = { ...env };
    this.startTimeout = startTimeout;
    this.apiKey = env[keyName] || randomBytes(32).toString('base64url');
  }

  /**
   * The program to run; the environment and the current folder are those of now.
   *
   * @returns {Program}
   */
  program() {
    const env = { ...process.env };
    delete env[`${keyName}_FILE`]; // the key of another installation
    const set = Object.entries({ ...env, ...this.env, [keyName]: this.apiKey });
    return {
      binary: findBinary(),
      folder: process.cwd(),
      env: /** @type {Record<string, string>} */ (
        Object.fromEntries(set.filter(([, value]) => value !== undefined))
      ),
      args: this.config === undefined ? [] : [`--config=${this.config}`],
    };
  }
}

module.exports = { Settings };
