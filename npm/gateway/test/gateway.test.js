import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { start } from '../index.js';

const dir = mkdtempSync(join(tmpdir(), 'tokligence-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const env = { TOKLIGENCE_DATA_DIR: dir };
const cli = fileURLToPath(new URL('../bin/gateway.js', import.meta.url));

/** @param {number} pid */
function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** @param {number} pid */
async function gone(pid) {
  for (let i = 0; i < 250 && alive(pid); i++) await new Promise((resolve) => setTimeout(resolve, 20));
  return !alive(pid);
}

/**
 * @param {import('../index.js').Gateway} gw
 * @param {string} key
 */
function call(gw, key) {
  return fetch(`${gw.openaiBaseUrl}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'loopback', messages: [{ role: 'user', content: 'Hi' }] }),
  });
}

test('starts, answers its own key only, stops', async () => {
  const gw = await start({ env });
  const { pid } = gw;
  try {
    const answer = await (await call(gw, gw.apiKey)).json();
    assert.equal(answer.choices[0].message.content, '[loopback] Hi');
    assert.equal((await call(gw, 'another')).status, 401);
    assert.match(gw.anthropicBaseUrl, /\/anthropic$/);
  } finally {
    await gw.stop();
  }
  assert.ok(await gone(pid));
  assert.throws(() => gw.url, /not running/);
});

test('a failure to start shows the log', async () => {
  const config = join(dir, 'bad.yaml');
  writeFileSync(config, 'no_such_key: 1\n');
  await assert.rejects(start({ config, env }), /no_such_key/);
});

test('the gateway dies with its parent', async () => {
  const script = `import { start } from ${JSON.stringify(new URL('../index.js', import.meta.url).href)};
    console.log((await start({ env: ${JSON.stringify(env)} })).pid); process.kill(process.pid, 'SIGKILL');`;
  const parent = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(parent.signal, 'SIGKILL');
  assert.ok(await gone(Number(parent.stdout)));
});

test('program and package have one version', () => {
  const told = JSON.parse(execFileSync(process.execPath, [cli, 'version', '--json'], { encoding: 'utf8' }));
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  assert.equal(told.version, manifest.version);
});

test('the exit code comes back', () => {
  assert.notEqual(spawnSync(process.execPath, [cli, 'no-such-command']).status, 0);
});
