// The cases of tools/supervision.json, but for npx: see registry.test.mjs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, test } from 'node:test';
import { Gateway } from '../gateway/index.mjs';
import { alive, cases, gone, main, within } from './processes.mjs';

const dir = mkdtempSync(join(tmpdir(), 'tokligence-'));
const env = { TOKLIGENCE_DATA_DIR: dir };
after(() => rmSync(dir, { recursive: true, force: true }));

/** @type {Record<string, string>} the last line of a script */
const ends = {
  return: '',
  exit: 'process.exit(7);',
  raise: 'throw new RangeError("nobody catches this");',
};
/** @type {Record<string, number>} */
const codes = { return: 0, exit: 7, raise: 1 };

describe('the gateway dies with its parent', () => {
  for (const { name, end } of cases('deaths')) {
    if (end === 'npx') continue;
    test(name, async () => {
      // What the script started before and after it must not keep the gateway alive.
      const script = `import { spawn } from 'node:child_process';
        import { start } from ${JSON.stringify(main)};
        const gw = await start();
        const other = spawn('sleep', ['30'], { stdio: 'ignore', detached: true });
        other.unref();
        console.log(gw.pid, other.pid);
        ${ends[end] ?? `process.kill(process.pid, '${end}'); setInterval(() => {}, 1000);`}`;
      const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const [line] = await once(createInterface({ input: parent.stdout }), 'line');
      const [pid, other] = line.split(' ').map(Number);
      try {
        if (parent.exitCode === null && parent.signalCode === null) await once(parent, 'exit');
        assert.equal(end in codes ? parent.exitCode : parent.signalCode, codes[end] ?? end);
        assert.ok(await gone(pid));
        assert.ok(alive(other));
      } finally {
        process.kill(other, 'SIGKILL');
      }
    });
  }
});

test('a crash is mended on the same port', async (t) => {
  const gw = await new Gateway({ env }).start();
  t.after(() => gw.stop());
  const { port, url } = gw;
  for (const { signal, restarts, same_port } of cases('crashes')) {
    const { pid } = gw;
    process.kill(pid, signal);
    assert.ok(await within(20_000, () => gw.restarts === restarts));
    assert.notEqual(gw.pid, pid);
    assert.ok(!alive(pid));
    assert.equal(gw.port === port, same_port);
    assert.equal(gw.url, url);
    assert.equal((await gw.health()).status, 'ok');
    assert.ok(gw.logs().some((line) => line.includes(`signal ${signal}`)));
  }
});

/** @type {Record<string, () => Promise<Gateway>>} how to make each failure happen */
const failing = {
  'the port is taken': async () => {
    const other = createServer().unref();
    await once(other.listen(0, '127.0.0.1'), 'listening');
    const { port } = /** @type {import('node:net').AddressInfo} */ (other.address());
    return new Gateway({ port, env });
  },
  'a setting is wrong': async () => {
    const config = join(dir, 'bad.yaml');
    writeFileSync(config, 'no_such_key: 1\n');
    return new Gateway({ config, env });
  },
  'the program is not there': async () => {
    const named = process.env.TOKLIGENCE_BINARY;
    process.env.TOKLIGENCE_BINARY = join(dir, 'none');
    after(() => {
      process.env.TOKLIGENCE_BINARY = named;
    });
    return new Gateway({ env });
  },
};

describe('a failure to start says why', () => {
  for (const { name, told } of cases('failures')) {
    test(name, async () => {
      const make = failing[name];
      assert.ok(make, 'this case has no test');
      const gw = await make();
      await assert.rejects(gw.start(), (error) => error instanceof Error && error.message.includes(told));
      assert.throws(() => gw.url);
    });
  }
});
