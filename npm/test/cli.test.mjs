import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import run from '../gateway/lib/run.js';
import { alive, binary, daemonShim, descendants, gone, shim, within } from './processes.mjs';

const dir = mkdtempSync(join(tmpdir(), 'tokligence-'));
const env = { ...process.env, TOKLIGENCE_DATA_DIR: dir };
after(() => rmSync(dir, { recursive: true, force: true }));

const daemon = ['--ready-json', '--listen', '127.0.0.1:0'];

/**
 * Starts a daemon through a shim.
 *
 * @param {string} file
 * @param {string[]} args
 */
async function serve(file, args) {
  const child = spawn(process.execPath, [file, ...args], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return { child, ready: /** @type {{pid: number, url: string}} */ (JSON.parse(line)) };
}

describe('a signal to the command', () => {
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT', 'SIGKILL'])) {
    test(`${signal} ends the daemon`, async () => {
      const { child, ready } = await serve(shim, ['serve', ...daemon]);
      assert.deepEqual(descendants(child.pid ?? 0), [ready.pid]);
      const ended = once(child, 'exit');
      child.kill(signal);
      const [code, by] = await ended;
      assert.deepEqual([code, by], signal === 'SIGKILL' ? [null, signal] : [0, null]);
      assert.ok(await gone(ready.pid));
    });
  }

  test('SIGKILL ends the daemon that has not begun', async () => {
    // Its parent is gone before it can look for it.
    const script = `const spawn = require('node:child_process').spawn;
      require('node:child_process').spawn = (file, args, options) => {
        const slow = ['-c', 'echo $$; sleep 1; exec "$0" "$@"', file, ...args];
        return spawn('/bin/sh', slow, { ...options, argv0: undefined });
      };
      process.argv = ['node', 'gateway', 'serve', '--listen', '127.0.0.1:0'];
      require(${JSON.stringify(fileURLToPath(new URL('../gateway/lib/run.js', import.meta.url)))}).run('gateway');`;
    const child = spawn(process.execPath, ['-e', script], { env, stdio: ['ignore', 'pipe', 'ignore'] });
    const [pid] = await once(createInterface({ input: child.stdout }), 'line');
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.ok(await within(5_000, () => !alive(Number(pid))));
  });

  test('SIGHUP reloads the daemon', async () => {
    const { child, ready } = await serve(daemonShim, daemon);
    child.kill('SIGHUP');
    assert.equal((await fetch(`${ready.url}/readyz`)).status, 200);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
    assert.ok(await gone(ready.pid));
  });

  test('the end of the terminal ends the daemon', async () => {
    const folder = join(dir, 'terminal');
    // A terminal of its own, which is closed when the daemon answers.
    const script = `import os, pty, re, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
said = b""
while b"}" not in said:
    said += os.read(terminal, 4096)
os.close(terminal)
print(re.search(rb'"pid":(\\d+)', said)[1].decode(), pid, flush=True)
os.waitpid(pid, 0)
`;
    const options = /** @type {const} */ ({
      env: { ...env, TOKLIGENCE_DATA_DIR: folder },
      encoding: 'utf8',
      timeout: 20_000,
    });
    const args = ['-c', script, process.execPath, shim, 'serve', ...daemon];
    const { stdout, status } = spawnSync('python3', args, options);
    assert.equal(status, 0);
    const [pid = 0, command = 0] = stdout.split(' ').map(Number);
    assert.ok(await gone(pid));
    assert.ok(await gone(command));
  });

  test('the end by a signal is passed back', async () => {
    const { child, ready } = await serve(daemonShim, daemon);
    const ended = once(child, 'exit');
    process.kill(ready.pid, 'SIGKILL');
    assert.deepEqual(await ended, [null, 'SIGKILL']);
  });
});

describe('the command line', () => {
  test('is the one of the program, with its exit codes', () => {
    const options = /** @type {const} */ ({ env, encoding: 'utf8' });
    assert.equal(
      execFileSync(process.execPath, [shim, 'version', '--json'], options),
      execFileSync(binary, ['version', '--json'], options),
    );
    assert.match(execFileSync(process.execPath, [daemonShim, '--help'], options), /^ +gatewayd /m);
    for (const args of [['no-such-command'], ['config', 'validate', '--config', '/nowhere']]) {
      const [ours, theirs] = [
        spawnSync(process.execPath, [shim, ...args], options),
        spawnSync(binary, args, options),
      ];
      assert.notEqual(theirs.status, 0);
      assert.deepEqual([ours.status, ours.stderr], [theirs.status, theirs.stderr]);
    }
  });

  test('without a program says what is wrong', () => {
    const { status, stderr } = spawnSync(process.execPath, [shim, 'version'], {
      env: { ...env, TOKLIGENCE_BINARY: '/nowhere' },
      encoding: 'utf8',
    });
    assert.equal(status, 1);
    assert.equal(stderr, 'gateway: TOKLIGENCE_BINARY names /nowhere, which is no program that can be run\n');
  });

  /** @type {[string, string[], string[]][]} */
  const cases = [
    ['gatewayd', ['--listen', ':0'], ['--parent-watch=pid:7', '--listen', ':0']],
    ['gateway', ['serve', '--mode', 'team'], ['serve', '--parent-watch=pid:7', '--mode', 'team']],
    ['gateway', ['--config', 'serve', 'serve'], ['--config', 'serve', 'serve', '--parent-watch=pid:7']],
    [
      'gateway',
      ['--json', '--data-dir=d', 'serve'],
      ['--json', '--data-dir=d', 'serve', '--parent-watch=pid:7'],
    ],
    ['gateway', ['serve', '--parent-watch', 'stdin'], ['serve', '--parent-watch', 'stdin']],
    ['gateway', ['keys', 'create', 'serve'], ['keys', 'create', 'serve']],
    ['gateway', ['--config', 'serve'], ['--config', 'serve']],
    ['gateway', [], []],
  ];
  for (const [name, args, want] of cases) {
    test(`${name} ${args.join(' ')}`, () => {
      assert.deepEqual(run.watched(name, args, 'linux', 7), want);
      assert.deepEqual(run.watched(name, args, 'win32', 7), args);
    });
  }
});
