const { EventEmitter } = require('node:events');
const { askHealth, askUsage } = require('./ask.js');
const { GatewayError } = require('./error.js');
const { Log } = require('./lines.js');
const { Settings } = require('./program.js');
const { Remote } = require('./remote.js');

const stopTimeout = 10_000; // milliseconds
const portTaken = /another program, maybe another gateway, has it/; // as the program says it
/** @type {typeof Symbol.asyncDispose} */
const dispose = Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose'); // before Node.js 18.18

/** A gateway that runs until stop() or the end of this process, whichever comes first. */
class Gateway extends EventEmitter {
  #settings;
  #log = new Log();
  /** @type {import('../index.js').State} */
  #state = 'stopped';
  #restarts = 0;
  /** @type {import('./program.js').Program | undefined} */
  #program;
  /** @type {import('./child.js').Ready | undefined} */
  #ready;
  /** @type {GatewayError | undefined} */
  #failure;
  /** @type {Remote | undefined} */
  #remote;
  /** @type {Promise<this> | undefined} */
  #starting;
  /** @type {Promise<void> | undefined} */
  #stopping;
  /** @type {(() => void)[]} called at the next news */
  #waiting = [];

  /** @param {import('../index.js').GatewayOptions} [options] */
  constructor(options = {}) {
    super();
    this.#settings = new Settings(options);
  }

  /** Resolves when the gateway answers; starts it unless it runs. */
  start() {
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** @returns {Promise<this>} */
  async #start() {
    if (this.#stopping) await this.#stopping;
    if (this.#state === 'running') return this;
    if (this.#state !== 'restarting') this.#launch();
    const state = await this.#until((state) => state !== 'starting' && state !== 'restarting');
    if (state === 'running') return this;
    throw (
      this.#failure ?? new GatewayError('STOPPED', 'the gateway was stopped while it started', this.logs())
    );
  }

  #launch() {
    const { port, startTimeout } = this.#settings;
    this.#program = this.#settings.program();
    this.#log = new Log();
    this.#restarts = 0;
    this.#ready = undefined;
    this.#failure = undefined;
    this.#state = 'starting';
    this.#remote = new Remote(this.#program, port, startTimeout, (report) => this.#hear(report));
  }

  /** @param {import('./thread.js').Report} report */
  #hear({ lines, news }) {
    for (const line of lines) this.#log.add(line);
    if (news) this.#note(news);
    for (const line of lines) this.emit('log', line);
    if (news) this.#announce(news);
  }

  /** @param {import('./supervisor.js').News} news */
  #note(news) {
    this.#state = news.state;
    if (news.state === 'running') {
      this.#ready = news.ready;
      this.#restarts = news.restarts;
    } else if (news.state === 'failed') {
      this.#failure = this.#failureOf(news);
    }
    this.#remote?.keepAlive(news.state !== 'running' || this.#stopping !== undefined);
    if (news.state === 'failed' || news.state === 'stopped') this.#remote = undefined;
    for (const go of this.#waiting.splice(0)) go();
  }

  /** @param {import('./supervisor.js').News & {state: 'failed'}} news */
  #failureOf({ code, why }) {
    const logs = this.logs();
    if (code === 'NOT_STARTED' && logs.some((line) => portTaken.test(line))) {
      const { port } = this.#settings;
      const cure = 'choose another one, or port 0, which is a free one';
      return new GatewayError(
        'PORT_IN_USE',
        `the gateway did not start: port ${port} is taken; ${cure}`,
        logs,
      );
    }
    return new GatewayError(code, why, logs);
  }

  /** @param {import('./supervisor.js').News} news */
  #announce(news) {
    if (news.state === 'running') this.emit('ready', this.status());
    else if (news.state === 'restarting') this.emit('restarting', { why: news.why, pause: news.pause });
    else if (news.state === 'failed') this.emit('failed', this.#failure);
    else this.emit('stopped');
  }

  /** @param {(state: import('../index.js').State) => boolean} settled */
  async #until(settled) {
    while (!settled(this.#state)) {
      await /** @type {Promise<void>} */ (new Promise((resolve) => this.#waiting.push(resolve)));
    }
    return this.#state;
  }

  /**
   * Resolves when the gateway is gone.
   *
   * @param {import('../index.js').StopOptions} [options]
   * @returns {Promise<void>}
   */
  stop(options = {}) {
    // A start that waits for the end of a stop comes before this stop.
    if (this.#stopping && this.#starting) return this.#stopping.then(() => this.stop(options));
    this.#stopping ??= this.#stop(options).finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  /** @param {import('../index.js').StopOptions} options */
  async #stop({ timeout = stopTimeout }) {
    if (!this.#remote) return;
    this.#remote.keepAlive(true);
    this.#remote.stop(timeout);
    await this.#until((state) => state === 'stopped' || state === 'failed');
  }

  #answering() {
    if (this.#failure) throw this.#failure;
    if (!this.#ready || this.#state === 'stopped') {
      throw new GatewayError('NOT_RUNNING', 'the gateway is not running; call start()');
    }
    return this.#ready;
  }

  get apiKey() {
    return this.#settings.apiKey;
  }

  get url() {
    return this.#answering().url;
  }

  get openaiBaseUrl() {
    return `${this.url}/v1`;
  }

  get anthropicBaseUrl() {
    return `${this.url}/anthropic`;
  }

  get port() {
    return this.#answering().port;
  }

  get pid() {
    return this.#answering().pid;
  }

  get restarts() {
    return this.#restarts;
  }

  /** @returns {import('../index.js').Status} */
  status() {
    const state = this.#state;
    const ready = state === 'running' || state === 'restarting' ? this.#ready : undefined;
    const { url = null, port = null, pid = null, version = null } = ready ?? {};
    return { state, url, port, pid, version, restarts: this.#restarts };
  }

  /** @returns {Promise<import('../index.js').Health>} */
  async health() {
    const { port } = this.status();
    if (port === null) return { status: 'down', error: `the gateway is ${this.#state}` };
    return askHealth(port);
  }

  logs() {
    return this.#log.lines();
  }

  /**
   * @param {import('../index.js').UsageOptions} [options]
   * @returns {Promise<import('../index.js').Usage[]>}
   */
  async usage(options = {}) {
    return askUsage(this.#program ?? this.#settings.program(), options);
  }

  [dispose]() {
    return this.stop();
  }

  /** Where the gateway is, for console.log; its key stays out. */
  [Symbol.for('nodejs.util.inspect.custom')]() {
    const { state, url } = this.status();
    return `Gateway <${state}${url ? ` at ${url}` : ''}>`;
  }
}

module.exports = { Gateway };
