import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { findBinary } from './find.js';

export { findBinary };

const keptLogLines = 200;
const killAfter = 10_000; // milliseconds

/** A gateway that lives as long as this process wants it to. */
export class Gateway {
  /** @param {import('./index.js').GatewayOptions} [options] */
  constructor(options = {}) {
    this.apiKey = randomBytes(32).toString('base64url');
    this.options = options;
    /** @type {import('node:child_process').ChildProcessWithoutNullStreams | undefined} */
    this.child = undefined;
    /** @type {{url: string, port: number, pid: number} | undefined} */
    this.ready = undefined;
    /** @type {string[]} */
    this.lines = [];
  }

  /** Starts the program; the promise is kept when it answers. */
  async start() {
    if (this.child) return this;
    const { port = 0, config, env = {} } = this.options;
    const args = ['serve', '--ready-json', '--parent-watch=stdin', `--listen=127.0.0.1:${port}`];
    if (config) args.push(`--config=${config}`);
    const child = spawn(findBinary(), args, {
      env: { ...process.env, ...env, TOKLIGENCE_API_KEY: this.apiKey },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child = child;
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.lines.push(line);
      if (this.lines.length > keptLogLines) this.lines.shift();
    });
    await this.untilReady(child);
    return this;
  }

  /** @param {import('node:child_process').ChildProcessWithoutNullStreams} child */
  untilReady(child) {
    return /** @type {Promise<void>} */ (
      new Promise((resolve, reject) => {
        child.once('error', reject);
        child.once('close', () => {
          this.child = undefined;
          this.ready = undefined;
          reject(new Error(`the gateway did not start:\n${this.lines.slice(-20).join('\n')}`));
        });
        createInterface({ input: child.stdout }).on('line', (line) => {
          try {
            const message = JSON.parse(line);
            if (message.event !== 'ready') return;
            this.ready = message;
            resolve();
          } catch {
            // not the ready line
          }
        });
      })
    );
  }

  /** Ends the program and waits until it is gone. */
  async stop() {
    const child = this.child;
    if (!child) return;
    const closed = once(child, 'close');
    child.stdin.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), killAfter);
    await closed;
    clearTimeout(timer);
    this.child = undefined;
    this.ready = undefined;
  }

  running() {
    if (!this.ready) throw new Error('the gateway is not running; call start()');
    return this.ready;
  }

  get url() {
    return this.running().url;
  }

  get port() {
    return this.running().port;
  }

  get pid() {
    return this.running().pid;
  }

  get openaiBaseUrl() {
    return `${this.url}/v1`;
  }

  get anthropicBaseUrl() {
    return `${this.url}/anthropic`;
  }

  /** The latest log lines of the gateway. */
  logs() {
    return [...this.lines];
  }
}

/**
 * Starts a gateway and returns it when it answers.
 *
 * @param {import('./index.js').GatewayOptions} [options]
 */
export function start(options) {
  return new Gateway(options).start();
}
