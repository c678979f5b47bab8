import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {{name: string, end: string}} Death
 * @typedef {{name: string, signal: NodeJS.Signals, restarts: number, same_port: boolean}} Crash
 * @typedef {{name: string, told: string}} Failure
 */

const table = JSON.parse(readFileSync(new URL('../../tools/supervision.json', import.meta.url), 'utf8'));

/** Milliseconds within which nothing may be left of a gateway. */
export const limit = /** @type {number} */ (table.within_ms);

/**
 * The cases that this launcher has.
 *
 * @template {'deaths' | 'crashes' | 'failures'} K
 * @param {K} kind
 * @returns {{deaths: Death, crashes: Crash, failures: Failure}[K][]}
 */
export function cases(kind) {
  return table[kind].filter((/** @type {{only?: string}} */ { only = 'node' }) => only === 'node');
}

/** The programs and the modules that are tested, when they are not installed ones. */
export const binary = fileURLToPath(new URL('../../bin/gateway', import.meta.url));
process.env.TOKLIGENCE_BINARY ??= binary;
export const shim = fileURLToPath(new URL('../gateway/bin/gateway.js', import.meta.url));
export const daemonShim = fileURLToPath(new URL('../gateway/bin/gatewayd.js', import.meta.url));
export const main = new URL('../gateway/index.mjs', import.meta.url).href;

/**
 * Whether a process runs; a zombie does not.
 *
 * @param {number} pid
 */
export function alive(pid) {
  try {
    process.kill(pid, 0);
    if (process.platform !== 'linux') return true;
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/**
 * Whether something comes true within some milliseconds.
 *
 * @param {number} ms
 * @param {() => unknown} check
 */
export async function within(ms, check) {
  const end = Date.now() + ms;
  while (!(await check())) {
    if (Date.now() > end) return false;
    await sleep(20);
  }
  return true;
}

/**
 * Whether a process is gone within the limit.
 *
 * @param {number} pid
 */
export function gone(pid) {
  return within(limit, () => !alive(pid));
}

/**
 * The processes of a parent, and theirs.
 *
 * @param {number} pid
 * @returns {number[]}
 */
export function descendants(pid) {
  let children = '';
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  } catch {}
  return children
    .split(' ')
    .filter(Boolean)
    .flatMap((child) => [Number(child), ...descendants(Number(child))]);
}
