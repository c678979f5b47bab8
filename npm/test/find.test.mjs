import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { GatewayError } from '../gateway/index.mjs';
import find from '../gateway/lib/find.js';

const dir = mkdtempSync(join(tmpdir(), 'tokligence-'));
after(() => rmSync(dir, { recursive: true, force: true }));
let modules = '';
let root = '';

/**
 * @param {string} name
 * @param {string} version
 * @param {string} [program]
 */
function install(name, version, program) {
  const folder = join(modules, name);
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: `@tokligence/${name}`, version }));
  if (program) writeFileSync(join(folder, 'bin', program), '', { mode: 0o755 });
}

/**
 * @param {string} platform
 * @param {NodeJS.ProcessEnv} env
 */
function failure(platform, env = {}) {
  try {
    return find.find(env, root, platform);
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    return { code: error.code, message: error.message };
  }
}

/**
 * @param {string} platform
 * @param {string} code
 * @param {RegExp} message
 */
function fails(platform, code, message, env = {}) {
  const error = failure(platform, env);
  assert.ok(typeof error === 'object', `found ${error}`);
  assert.equal(error.code, code);
  assert.match(error.message, message);
}

describe('the program', () => {
  beforeEach(() => {
    modules = join(mkdtempSync(join(dir, 'app-')), 'node_modules', '@tokligence'); // Node.js remembers what it resolved
    root = join(modules, 'gateway');
    install('gateway', '1.2.3');
  });

  test('of each platform is found in its package', () => {
    for (const platform of find.platforms) {
      const program = platform.startsWith('win32') ? 'gateway.exe' : 'gateway';
      install(`gateway-${platform}`, '1.2.3', program);
      assert.equal(failure(platform), join(modules, `gateway-${platform}`, 'bin', program));
    }
  });

  test('is not made for this platform', () => {
    fails('freebsd-x64', 'UNSUPPORTED_PLATFORM', /no program for freebsd-x64, only for linux-x64, /);
    install('gateway-linux-x64', '1.2.3', 'gateway');
    fails('linux-ia32', 'UNSUPPORTED_PLATFORM', /TOKLIGENCE_BINARY/);
  });

  test('was left out', () => {
    fails(
      'linux-x64',
      'PROGRAM_OMITTED',
      /@tokligence\/gateway-linux-x64.*\(npm install --include=optional\)/,
    );
  });

  test('is one of another platform', () => {
    install('gateway-darwin-arm64', '1.2.3', 'gateway');
    fails('linux-x64', 'OTHER_PLATFORM', /for darwin-arm64, but this is linux-x64/);
  });

  test('is one of another version', () => {
    install('gateway-linux-x64', '1.2.2', 'gateway');
    fails('linux-x64', 'OTHER_VERSION', /1\.2\.3, but the program of 1\.2\.2/);
  });

  test('cannot be run', () => {
    install('gateway-linux-x64', '1.2.3');
    fails('linux-x64', 'NOT_RUNNABLE', /install it again/);
    install('gateway-linux-x64', '1.2.3', 'gateway');
    chmodSync(join(modules, 'gateway-linux-x64', 'bin', 'gateway'), 0o644);
    fails('linux-x64', 'NOT_RUNNABLE', /chmod \+x/);
  });

  test('is the one that TOKLIGENCE_BINARY names', () => {
    install('gateway-linux-x64', '1.2.3', 'gateway');
    assert.equal(failure('linux-x64', { TOKLIGENCE_BINARY: process.execPath }), process.execPath);
    for (const named of [dir, join(dir, 'none')]) {
      fails('linux-x64', 'NOT_RUNNABLE', /TOKLIGENCE_BINARY names/, { TOKLIGENCE_BINARY: named });
    }
  });
});
