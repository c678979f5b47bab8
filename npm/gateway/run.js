import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { findBinary } from './find.js';

/**
 * Runs the program under a name, passing signals on and its exit code back.
 *
 * @param {string} name
 */
export function run(name) {
  let binary;
  try {
    binary = findBinary();
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  }
  const child = spawn(binary, process.argv.slice(2), { argv0: name, stdio: 'inherit' });
  /** @type {NodeJS.Signals[]} */
  const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of passedOn) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`${name}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)));
}
