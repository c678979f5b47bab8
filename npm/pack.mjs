// Makes the npm packages of what goreleaser built: the main one and one for each platform, as tarballs in dist.
// The same commit makes the same bytes.
//
//   node npm/pack.mjs [DIST [STAGE]]
//
// DIST is goreleaser's folder, STAGE the one that the packages are laid out in, which is emptied first.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import find from './gateway/lib/find.js';

/** @typedef {{type: string, path: string, goos: string, goarch: string, extra?: {ID?: string}}} Artifact */

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const dist = resolve(process.argv[2] ?? join(root, 'dist'));
const stage = resolve(process.argv[3] ?? join(here, 'platforms'));
const source = join(here, 'gateway');
const legal = ['LICENSE', 'THIRD_PARTY_NOTICES'].filter((name) => existsSync(join(root, name)));

/** @type {Record<string, string>} Go's names that are not those of Node.js */
const nodeNames = { windows: 'win32', amd64: 'x64' };
/** @param {string} name */
const nodeName = (name) => nodeNames[name] ?? name;

/** @param {string} path */
const readJSON = (path) => JSON.parse(readFileSync(path, 'utf8'));

/**
 * Copies a file into a package. The mode is set, since the one in a checkout depends on its owner's habits.
 *
 * @param {string} from
 * @param {string} to
 * @param {number} [mode]
 */
function copy(from, to, mode = 0o644) {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
  chmodSync(to, mode);
}

/**
 * @param {string} path
 * @param {string} text
 */
function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o644);
}

/**
 * Writes what every package has and returns its folder.
 *
 * @param {string} name
 * @param {object} manifest
 */
function layOut(name, manifest) {
  const folder = join(stage, name);
  for (const file of legal) copy(join(root, file), join(folder, file));
  write(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return folder;
}

const { version } = readJSON(join(dist, 'metadata.json'));
const manifest = readJSON(join(source, 'package.json'));
const { homepage, bugs, repository, license, engines, publishConfig } = manifest;

/**
 * Lays out the package of one platform and returns its folder.
 *
 * @param {Artifact} artifact
 */
function layOutPlatform({ path, goos, goarch }) {
  const [os, cpu] = [nodeName(goos), nodeName(goarch)];
  const platform = `${os}-${cpu}`;
  if (!find.platforms.includes(platform)) throw new Error(`${path}: the launcher does not know ${platform}`);
  const name = `${find.scope}-${platform}`;
  const folder = layOut(`gateway-${platform}`, {
    name,
    version,
    description: `The program of Tokligence Gateway for ${platform}; install ${find.scope} instead`,
    homepage,
    bugs,
    repository: { ...repository, directory: 'npm' },
    license,
    engines,
    os: [os],
    cpu: [cpu],
    preferUnplugged: true,
    files: ['bin', 'THIRD_PARTY_NOTICES'],
    publishConfig,
  });
  const program = os === 'win32' ? 'gateway.exe' : 'gateway';
  copy(resolve(dist, '..', path), join(folder, 'bin', program), 0o755);
  const about = `# ${name}\n\nThe program of Tokligence Gateway for ${platform}. Install \`${find.scope}\`, which brings it.\n`;
  write(join(folder, 'README.md'), about);
  return folder;
}

/** Lays out the main package and returns its folder. */
function layOutMain() {
  const optionalDependencies = Object.fromEntries(
    find.platforms.map((name) => [`${find.scope}-${name}`, version]),
  );
  const folder = layOut('gateway', { ...manifest, version, optionalDependencies });
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'package.json') continue;
    const from = join(entry.parentPath ?? entry.path, entry.name);
    const inBin = dirname(from) === join(source, 'bin');
    copy(from, join(folder, from.slice(source.length)), inBin ? 0o755 : 0o644);
  }
  return folder;
}

/** @type {Artifact[]} */
const artifacts = readJSON(join(dist, 'artifacts.json'));
const programs = artifacts.filter(({ type, extra }) => type === 'Binary' && extra?.ID === 'gateway');
if (programs.length === 0) throw new Error(`${dist}/artifacts.json names no program`);
rmSync(stage, { recursive: true, force: true });
const folders = [...programs.map(layOutPlatform), layOutMain()];
// It takes the files that the manifests name, and gives them one date.
execFileSync(
  'npm',
  ['pack', '--ignore-scripts', '--loglevel=error', `--pack-destination=${dist}`, ...folders],
  {
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  },
);
