const { spawn } = require('node:child_process');
const { readFileSync } = require('node:fs');
const { isatty } = require('node:tty');
const { told } = require('./error.js');
const { findBinary } = require('./find.js');

const poll = 250; // milliseconds between two looks at the parent
const patience = 1_000; // milliseconds for calls in flight when the parent is gone
/** @type {NodeJS.Signals[]} */
const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const watch = '--parent-watch';
const valued = ['--config', '--data-dir']; // flags before a command whose value may be the next word

/**
 * The command line with a word that makes a daemon end when this process does, even by SIGKILL before the daemon has
 * looked for its parent. On Windows a child ends with its parent.
 *
 * @param {string} name
 * @param {string[]} args
 * @param {NodeJS.Platform} platform
 * @param {number} pid of this process
 */
function watched(name, args, platform, pid) {
  if (platform === 'win32' || args.some((arg) => arg.startsWith(watch))) return args;
  let at = 0;
  if (name !== 'gatewayd') {
    while (args[at]?.startsWith('-')) at += valued.includes(/** @type {string} */ (args[at])) ? 2 : 1;
    if (args[at] !== 'serve') return args;
    at++;
  }
  return [...args.slice(0, at), `${watch}=pid:${pid}`, ...args.slice(at)];
}

/**
 * The processes whose end is the end of this one: the parent and, where that is a shell with nothing but this command to
 * run, its parent, which is npm.
 */
function owners() {
  const parent = process.ppid;
  try {
    const [, flag] = readFileSync(`/proc/${parent}/cmdline`, 'utf8').split('\0');
    if (flag !== '-c') return `${parent}`;
    const [, , grandparent] = /\) (\S) (\d+)/.exec(readFileSync(`/proc/${parent}/stat`, 'utf8')) ?? [];
    return `${parent} ${grandparent}`;
  } catch {
    return `${parent}`; // no Linux
  }
}

/**
 * Under npx and npm a shell and npm are in front of this process, and neither passes signals on: ends the child when
 * they are gone.
 *
 * @param {import('node:child_process').ChildProcess} child
 */
function watchOwners(child) {
  const before = owners();
  const timer = setInterval(() => {
    if (owners() === before) return;
    clearInterval(timer);
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), patience).unref();
  }, poll);
  timer.unref();
}

/**
 * Ends this process as the child ended.
 *
 * @param {number | null} code
 * @param {NodeJS.Signals | null} signal
 */
function endAs(code, signal) {
  if (!signal) process.exit(code ?? 1);
  for (const name of passedOn) process.removeAllListeners(name);
  process.kill(process.pid, signal);
}

/** Whether there is a terminal, as there is not when it has been closed. */
function hasTerminal() {
  return isatty(0) || isatty(1) || isatty(2);
}

/**
 * Runs the program under a name, passing signals on and its end back.
 *
 * @param {string} name
 */
function run(name) {
  /** @param {unknown} error */
  const fail = (error) => {
    console.error(`${name}: ${told(error)}`);
    process.exit(1);
  };
  try {
    const args = watched(name, process.argv.slice(2), process.platform, process.pid);
    const child = spawn(findBinary(), args, { argv0: name, stdio: 'inherit', windowsHide: true });
    const terminal = hasTerminal();
    for (const signal of passedOn) {
      process.on(signal, () => {
        // Ctrl-C reaches the child by itself; a second one would cut the calls in flight.
        if (terminal && signal === 'SIGINT') return;
        // To a daemon SIGHUP means to reload; this one is to go with its terminal.
        child.kill(signal === 'SIGHUP' && terminal && !hasTerminal() ? 'SIGTERM' : signal);
      });
    }
    if (process.env.npm_command || process.env.npm_lifecycle_event) watchOwners(child);
    child.on('error', fail);
    child.on('exit', endAs);
  } catch (error) {
    fail(error);
  }
}

module.exports = { run, watched };
