const { spawn } = require('node:child_process');
const { told } = require('./error.js');
const { eachLine } = require('./lines.js');

const drainTime = 500; // milliseconds that the last lines may take after the end

/**
 * What the program says when it answers.
 *
 * @typedef {{url: string, port: number, pid: number, version: string}} Ready
 */

/**
 * @param {string} line
 * @returns {Ready | undefined}
 */
function readyIn(line) {
  try {
    const message = JSON.parse(line);
    return message?.event === 'ready' ? message : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {number | null} code
 * @param {NodeJS.Signals | null} signal
 */
function cause(code, signal) {
  return signal ? `signal ${signal}` : `exit code ${code}`;
}

/** One run of the program. It ends when its standard input does, so also when this process ends in whatever way. */
class Child {
  /**
   * @param {import('./program.js').Program} program
   * @param {number} port
   * @param {{log: (line: string) => void, ready: (ready: Ready) => void}} on
   */
  constructor({ binary, folder, env, args }, port, on) {
    this.process = spawn(
      binary,
      ['serve', ...args, `--listen=127.0.0.1:${port}`, '--ready-json', '--parent-watch=stdin'],
      {
        argv0: 'gateway',
        cwd: folder,
        env,
        stdio: ['pipe', 'pipe', 'pipe'],
        windowsHide: true,
        detached: process.platform !== 'win32', // Ctrl-C is for this process alone
      },
    );
    const { stdin, stdout, stderr } = this.process;
    stdin.on('error', () => {}); // it ended first
    eachLine(stderr, on.log);
    eachLine(stdout, (line) => {
      const ready = readyIn(line);
      if (ready) on.ready(ready);
    });
    /** @type {Promise<string>} how the program ended, when it has */
    this.ended = new Promise((resolve) => {
      this.process.once('error', (error) => {
        if (this.process.pid === undefined) resolve(`it cannot be run: ${told(error)}`);
      });
      this.process.once('exit', (code, signal) => {
        const why = cause(code, signal);
        const late = setTimeout(resolve, drainTime, why); // something else may hold the pipes
        this.process.once('close', () => {
          clearTimeout(late);
          resolve(why);
        });
      });
    });
  }

  /** Asks the program to end. */
  letGo() {
    this.process.stdin.end();
  }

  kill() {
    this.process.kill('SIGKILL');
  }
}

module.exports = { Child };
