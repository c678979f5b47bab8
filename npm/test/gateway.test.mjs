import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import * as gateway from '../gateway/index.mjs';
import { alive, binary, gone, main, within } from './processes.mjs';

const { Gateway, GatewayError } = gateway;
const dir = mkdtempSync(join(tmpdir(), 'tokligence-'));
const env = { TOKLIGENCE_DATA_DIR: dir };
after(() => rmSync(dir, { recursive: true, force: true }));

/**
 * @param {gateway.Gateway} gw
 * @param {string} key
 * @param {string} model
 */
function call(gw, key = gw.apiKey, model = 'loopback') {
  return fetch(`${gw.openaiBaseUrl}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi' }] }),
  });
}

/** @param {gateway.GatewayErrorCode} code */
const failsWith = (code) => (/** @type {unknown} */ error) =>
  error instanceof GatewayError && error.code === code;

describe('a running gateway', () => {
  const gw = new Gateway({ env });
  before(() => gw.start());
  after(() => gw.stop());

  test('answers its own key only', async () => {
    const answer = /** @type {any} */ (await (await call(gw)).json());
    assert.equal(answer.choices[0].message.content, '[loopback] Hi');
    assert.equal((await call(gw, 'another')).status, 401);
    const counted = await fetch(`${gw.anthropicBaseUrl}/v1/messages/count_tokens`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-api-key': gw.apiKey,
        'anthropic-version': '2023-06-01',
      },
      body: JSON.stringify({ model: 'loopback', messages: [{ role: 'user', content: 'Hi' }] }),
    });
    assert.equal(counted.status, 200);
  });

  test('tells where it is and how', async () => {
    assert.equal(gw.url, `http://127.0.0.1:${gw.port}`);
    assert.ok(alive(gw.pid));
    const { version } = JSON.parse(execFileSync(binary, ['version', '--json'], { encoding: 'utf8' }));
    assert.deepEqual(gw.status(), {
      state: 'running',
      url: gw.url,
      port: gw.port,
      pid: gw.pid,
      version,
      restarts: 0,
    });
    assert.equal((await gw.health()).status, 'ok');
    assert.ok(gw.logs().some((line) => line.includes('ready')));
    assert.ok(inspect(gw).includes(gw.url));
    assert.ok(!inspect(gw).includes(gw.apiKey));
  });

  test('counts what was used', async () => {
    await (await call(gw, gw.apiKey, 'loopback')).text();
    const [row] = await gw.usage({ since: new Date(Date.now() - 60_000), by: ['model'] });
    assert.ok(row);
    assert.ok(row.requests >= 1 && row.input_tokens > 0, inspect(row));
    await assert.rejects(gw.usage({ since: 'whenever' }), failsWith('NO_USAGE'));
  });

  test('another start is the same gateway', async () => {
    const { pid } = gw;
    await Promise.all([gw.start(), gw.start()]);
    assert.equal(gw.pid, pid);
  });

  test('asks no proxy for its health', async () => {
    const script = `import { start, stop } from ${JSON.stringify(main)};
      console.log((await (await start()).health()).status); await stop();`;
    const proxy = {
      HTTP_PROXY: 'http://127.0.0.1:9',
      http_proxy: 'http://127.0.0.1:9',
      NODE_USE_ENV_PROXY: '1',
    };
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, ...env, ...proxy },
      encoding: 'utf8',
    });
    assert.equal(stdout, 'ok\n');
  });
});

describe('stop', () => {
  test('leaves nothing behind and can be repeated', async () => {
    const gw = await new Gateway({ env }).start();
    const { pid, port, apiKey } = gw;
    await Promise.all([gw.stop(), gw.stop()]);
    await gw.stop();
    assert.ok(!alive(pid));
    assert.throws(() => gw.url, failsWith('NOT_RUNNING'));
    assert.equal((await gw.health()).status, 'down');
    assert.equal(gw.status().state, 'stopped');
    const again = await new Gateway({ port, env }).start();
    await again.stop();
    assert.notEqual(again.apiKey, apiKey);
  });

  test('in the middle of a start ends that', async () => {
    const gw = new Gateway({ env });
    const starting = assert.rejects(gw.start(), failsWith('STOPPED'));
    await gw.stop();
    await starting;
    assert.equal(gw.status().state, 'stopped');
  });

  test('start, stop, start, stop in one breath', async () => {
    const gw = new Gateway({ env });
    const first = gw.start().catch(() => {});
    const stopped = gw.stop();
    const second = gw.start().catch(() => {});
    await Promise.all([first, stopped, second, gw.stop()]);
    assert.equal(gw.status().state, 'stopped');
    await gw.start();
    assert.equal((await gw.health()).status, 'ok');
    await gw.stop();
  });

  for (const timeout of [30_000, Number.POSITIVE_INFINITY]) {
    test(`finishes the calls in flight within ${timeout} ms`, async () => {
      const gw = await new Gateway({ env, startTimeout: timeout }).start();
      const answer = await fetch(`${gw.openaiBaseUrl}/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${gw.apiKey}` },
        body: JSON.stringify({
          model: 'loopback:after=1,stall=2s',
          stream: true,
          messages: [{ role: 'user', content: 'Hi' }],
        }),
      });
      const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
      await reader.read();
      await gw.stop({ timeout });
      let rest = '';
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        rest += new TextDecoder().decode(part.value);
      }
      assert.match(rest, /data: \[DONE\]\n\n$/);
    });
  }

  test('cuts a call that takes too long', async () => {
    const gw = await new Gateway({ env }).start();
    const { pid } = gw;
    const cut = assert.rejects(call(gw, gw.apiKey, 'loopback:stall=60s').then((answer) => answer.text()));
    await within(5_000, () => gw.health().then(({ status }) => status === 'ok'));
    await gw.stop({ timeout: 100 });
    assert.ok(!alive(pid));
    await cut;
  });

  test('is what the end of a block does', async () => {
    const gw = await new Gateway({ env }).start();
    const { pid } = gw;
    await gw[Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]();
    assert.ok(!alive(pid));
  });
});

describe('the gateway of the process', () => {
  after(() => gateway.stop());

  test('is one for both module systems', async () => {
    assert.equal(gateway.status().state, 'stopped');
    const gw = await gateway.start({ env });
    const required = createRequire(import.meta.url)('../gateway/index.js');
    assert.equal(await required.start({ env }), gw);
    assert.equal(required.status().pid, gw.pid);
    await assert.rejects(
      gateway.start({ env: { ...env, TOKLIGENCE_LOG_LEVEL: 'debug' } }),
      failsWith('OTHER_OPTIONS'),
    );
    const { pid } = gw;
    await required.stop();
    assert.ok(!alive(pid));
    await gateway.start({ env: { ...env, TOKLIGENCE_LOG_LEVEL: 'debug' } });
  });
});

describe('options', () => {
  test('a key of the caller, and not that of another installation', async () => {
    const gw = await new Gateway({ env: { ...env, TOKLIGENCE_API_KEY: 'key-of-the-caller' } }).start();
    assert.equal(gw.apiKey, 'key-of-the-caller');
    assert.equal((await call(gw, 'key-of-the-caller')).status, 200);
    await gw.stop();
    process.env.TOKLIGENCE_API_KEY_FILE = '/nowhere';
    process.env.TOKLIGENCE_API_KEY = 'key-of-the-shell';
    try {
      await gw.start();
      const other = await new Gateway({ env }).start();
      assert.equal((await call(other, 'key-of-the-shell')).status, 401);
      await Promise.all([gw.stop(), other.stop()]);
    } finally {
      delete process.env.TOKLIGENCE_API_KEY_FILE;
      delete process.env.TOKLIGENCE_API_KEY;
    }
  });

  test('make no sense', () => {
    for (const port of [-1, 65536, 1.5, Number.NaN]) assert.throws(() => new Gateway({ port }), RangeError);
    assert.throws(() => new Gateway({ startTimeout: 0 }), RangeError);
  });

  test('a program that never answers is killed', async () => {
    const named = process.env.TOKLIGENCE_BINARY;
    process.env.TOKLIGENCE_BINARY = join(dir, 'silent');
    writeFileSync(process.env.TOKLIGENCE_BINARY, '#!/bin/sh\necho \'{"event":"other"}\'\nexec sleep 60\n', {
      mode: 0o755,
    });
    try {
      const gw = new Gateway({ env, startTimeout: 200 });
      await assert.rejects(gw.start(), failsWith('NOT_STARTED'));
      assert.equal(gw.status().state, 'failed');
      assert.throws(() => gw.url, failsWith('NOT_STARTED'));
    } finally {
      process.env.TOKLIGENCE_BINARY = named;
    }
  });
});

test('a gateway that crashes again and again is given up', async () => {
  const named = process.env.TOKLIGENCE_BINARY;
  process.env.TOKLIGENCE_BINARY = join(dir, 'crashing');
  const ready = '{"event":"ready","url":"http://127.0.0.1:9","port":9,"pid":1,"version":"0"}';
  writeFileSync(process.env.TOKLIGENCE_BINARY, `#!/bin/sh\necho '${ready}'\necho alas >&2\nexit 3\n`, {
    mode: 0o755,
  });
  try {
    const gw = new Gateway({ env });
    /** @type {number[]} */
    const pauses = [];
    gw.on('restarting', ({ pause }) => pauses.push(pause));
    await gw.start().catch(() => {}); // it may crash before that is known
    assert.ok(await within(60_000, () => gw.status().state === 'failed'));
    assert.deepEqual(pauses, [200, 400, 800, 1600, 3200]);
    assert.equal(gw.restarts, 5);
    assert.throws(() => gw.url, failsWith('GIVEN_UP'));
    assert.ok(gw.logs().includes('alas'));
    assert.equal((await gw.health()).status, 'down');
  } finally {
    process.env.TOKLIGENCE_BINARY = named;
  }
});

describe('while nobody waits', () => {
  test('the log of a busy process is read, and a crash is mended', async () => {
    const gw = await new Gateway({ env: { ...env, TOKLIGENCE_LOG_LEVEL: 'debug' } }).start();
    const { pid, url, apiKey } = gw;
    // The main thread waits in spawnSync, as it does while it runs an agent.
    const calls = `process.kill(${pid}, 'SIGKILL');
      const deadline = Date.now() + 20000;
      let answered = 0;
      while (answered < 2000 && Date.now() < deadline) {
        await fetch('${url}/v1/chat/completions', { method: 'POST', body: '{"model":"no/such"}',
          headers: { 'content-type': 'application/json', authorization: 'Bearer ${apiKey}' } })
          .then((r) => r.text()).then(() => answered++, () => new Promise((again) => setTimeout(again, 20)));
      }
      console.log(answered);`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', calls], {
      encoding: 'utf8',
    });
    assert.equal(stdout, '2000\n');
    assert.ok(await within(5_000, () => gw.restarts === 1));
    assert.ok(await within(5_000, () => gw.logs().length === 500));
    await gw.stop();
  });

  test('a script that forgets to stop it ends', async () => {
    const script = `import { start } from ${JSON.stringify(main)}; console.log((await start()).pid);`;
    const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, ...env },
      encoding: 'utf8',
      timeout: 20_000,
    });
    assert.equal(status, 0);
    assert.ok(await gone(Number(stdout)));
  });

  test('events tell of it', async () => {
    const gw = new Gateway({ env });
    /** @type {string[]} */
    const heard = [];
    gw.on('ready', ({ restarts }) => heard.push(`ready ${restarts}`));
    gw.on('restarting', ({ why, pause }) => heard.push(`restarting: ${why}, ${pause}`));
    gw.on('stopped', () => heard.push('stopped'));
    const logged = once(
      /** @type {import('node:events').EventEmitter} */ (/** @type {unknown} */ (gw)),
      'log',
    );
    await gw.start();
    process.kill(gw.pid, 'SIGKILL');
    await within(20_000, () => gw.restarts === 1);
    await gw.stop();
    await logged;
    assert.deepEqual(heard, ['ready 0', 'restarting: signal SIGKILL, 200', 'ready 1', 'stopped']);
  });
});
