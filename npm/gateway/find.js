import { accessSync, constants, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** @param {string} path */
function runnable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The path of the gateway program: TOKLIGENCE_BINARY, else a program named gateway on the PATH that is not a
 * launcher of this package.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {string}
 */
export function findBinary(env = process.env) {
  const named = env.TOKLIGENCE_BINARY;
  if (named) {
    if (runnable(named)) return named;
    throw new Error(`TOKLIGENCE_BINARY names ${named}, which is no program that can be run`);
  }
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    const path = join(folder, 'gateway');
    if (folder && runnable(path) && !realpathSync(path).endsWith('.js')) return path;
  }
  throw new Error(
    "the gateway program was not found; build it with 'make build' and set TOKLIGENCE_BINARY to bin/gateway",
  );
}
