const { accessSync, constants, existsSync, statSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, join, resolve } = require('node:path');
const { GatewayError } = require('./error.js');

const scope = '@tokligence/gateway';
const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'win32-x64', 'win32-arm64'];

/**
 * The folder and manifest of a platform's package, undefined if it is not installed.
 *
 * @param {NodeJS.Require} from
 * @param {string} platform
 */
function installed(from, platform) {
  try {
    const manifest = from.resolve(`${scope}-${platform}/package.json`);
    return { folder: dirname(manifest), version: /** @type {{version: string}} */ (from(manifest)).version };
  } catch {
    return undefined;
  }
}

/** @param {string} path */
function runnable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Says which of the three mistakes it is that this platform's package is missing.
 *
 * @param {NodeJS.Require} from
 * @param {string} platform
 */
function missing(from, platform) {
  if (!platforms.includes(platform)) {
    return new GatewayError(
      'UNSUPPORTED_PLATFORM',
      `${scope} has no program for ${platform}, only for ${platforms.join(', ')}. Build it from source and set ` +
        'TOKLIGENCE_BINARY to its path.',
    );
  }
  const other = platforms.find((name) => installed(from, name));
  if (other) {
    return new GatewayError(
      'OTHER_PLATFORM',
      `node_modules holds the gateway program for ${other}, but this is ${platform}: it was installed on another ` +
        'platform, or by a Node.js for another processor. Remove node_modules and install it here.',
    );
  }
  return new GatewayError(
    'PROGRAM_OMITTED',
    `the package ${scope}-${platform}, which holds the gateway program, is not installed: optional dependencies ` +
      'were left out. Install again with them (npm install --include=optional); if that does not help, remove ' +
      'node_modules and the lock file first. Or set TOKLIGENCE_BINARY to the path of a gateway program.',
  );
}

/**
 * The path of the gateway program: the one that TOKLIGENCE_BINARY names, else that of this platform's package.
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {string} root where the packages are looked for from
 * @param {string} platform
 */
function find(env, root, platform) {
  const named = env.TOKLIGENCE_BINARY;
  if (named) {
    if (runnable(named)) return resolve(named);
    throw new GatewayError(
      'NOT_RUNNABLE',
      `TOKLIGENCE_BINARY names ${named}, which is no program that can be run`,
    );
  }
  const from = createRequire(join(root, 'package.json'));
  const holder = installed(from, platform);
  if (!holder) throw missing(from, platform);
  const { version } = /** @type {{version?: string}} */ (from('./package.json'));
  if (version && version !== holder.version) {
    throw new GatewayError(
      'OTHER_VERSION',
      `node_modules holds ${scope} ${version}, but the program of ${holder.version}. Install it again.`,
    );
  }
  const path = join(holder.folder, 'bin', platform.startsWith('win32') ? 'gateway.exe' : 'gateway');
  if (runnable(path)) return path;
  const cure = existsSync(path) ? 'make it executable (chmod +x)' : 'install it again';
  throw new GatewayError('NOT_RUNNABLE', `${path} cannot be run: ${cure}`);
}

/** The path of the gateway program; throws a GatewayError when there is none. */
function findBinary() {
  return find(process.env, join(__dirname, '..'), `${process.platform}-${process.arch}`);
}

module.exports = { find, findBinary, platforms, scope };
