import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { arch, platform } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { binary } from './processes.mjs';

const workspace = fileURLToPath(new URL('..', import.meta.url));
export const packer = join(workspace, 'pack.mjs');
export const host = `${platform()}-${arch()}`;

/** Versions of Node.js that the tests have, by the path of the program. */
export const nodes = [
  process.execPath,
  ...readdirSync(join(workspace, 'test/nodes/node_modules'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name, 'bin/node'))
    .filter(existsSync),
].map((path) => ({ path, version: execFileSync(path, ['--version'], { encoding: 'utf8' }).trim() }));

/**
 * Runs npm with a cache and a configuration of its own.
 *
 * @param {string} folder where to
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [more]
 */
export function npm(folder, args, more) {
  return execFileSync('npm', args, {
    cwd: folder,
    env: npmEnv(more),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** @param {NodeJS.ProcessEnv} [more] */
export function npmEnv(more) {
  // What the npm that runs the tests says of itself is not for this one, and the program comes from its package.
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|^TOKLIGENCE_BINARY$/i.test(name));
  return {
    ...Object.fromEntries(inherited),
    npm_config_update_notifier: 'false',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    ...more,
  };
}

/**
 * Writes what goreleaser would into a folder, for some platforms.
 *
 * @param {string} dist
 * @param {Record<string, string>} programs the file of each, by goos/goarch
 */
export function writeDist(dist, programs) {
  mkdirSync(dist, { recursive: true });
  const artifacts = Object.entries(programs).map(([target, file]) => {
    const [goos, goarch] = target.split('/');
    const path = `${basename(dist)}/gateway_${goos}_${goarch}`;
    copyFileSync(file, join(dist, basename(path)));
    return { name: 'gateway', path, goos, goarch, type: 'Binary', extra: { ID: 'gateway' } };
  });
  const { version } = JSON.parse(execFileSync(binary, ['version', '--json'], { encoding: 'utf8' }));
  writeFileSync(
    join(dist, 'artifacts.json'),
    JSON.stringify([...artifacts, { type: 'Archive', name: 'other' }]),
  );
  writeFileSync(join(dist, 'metadata.json'), JSON.stringify({ version }));
}

/**
 * The tarballs for this machine: those in the folder that TOKLIGENCE_DIST names, else new ones.
 *
 * @param {string} dir
 */
export function tarballs(dir) {
  const dist = process.env.TOKLIGENCE_DIST ?? join(dir, 'dist');
  if (!process.env.TOKLIGENCE_DIST) {
    const goos = platform() === 'win32' ? 'windows' : platform();
    writeDist(dist, { [`${goos}/${arch() === 'x64' ? 'amd64' : arch()}`]: binary });
    execFileSync(process.execPath, [packer, dist, join(dir, 'stage')], { env: npmEnv(), stdio: 'pipe' });
  }
  const find = (/** @type {RegExp} */ name) => {
    const found = readdirSync(dist).filter((file) => name.test(file));
    if (found.length !== 1) throw new Error(`${dist} has ${found.length} files like ${name}`);
    return join(dist, String(found[0]));
  };
  return {
    main: find(/^tokligence-gateway-\d.*\.tgz$/),
    program: find(new RegExp(`^tokligence-gateway-${host}-\\d.*\\.tgz$`)),
  };
}

/**
 * A registry that knows nothing but what is published to it.
 *
 * @param {string} dir
 */
export async function registry(dir) {
  const probe = createServer();
  await once(probe.listen(0, '127.0.0.1'), 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (probe.address());
  await once(probe.close(), 'close');
  mkdirSync(dir);
  const config = join(dir, 'config.yaml');
  writeFileSync(
    config,
    `storage: ${join(dir, 'storage')}
max_body_size: 100mb
uplinks: {}
packages: {'@tokligence/*': {access: $all, publish: $anonymous}}
publish: {allow_offline: true}
log: {type: stdout, format: json, level: error}
`,
  );
  const server = spawn(
    process.execPath,
    [join(workspace, 'node_modules/.bin/verdaccio'), '-c', config, '-l', `127.0.0.1:${port}`],
    {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'], // it says when it is ready
    },
  );
  await once(server, 'message');
  writeFileSync(
    join(dir, '.npmrc'),
    `registry=http://127.0.0.1:${port}/\n//127.0.0.1:${port}/:_authToken=anyone\n`,
  );
  return {
    server,
    config: { npm_config_userconfig: join(dir, '.npmrc'), npm_config_cache: join(dir, 'cache') },
  };
}
