// The packages as users get them: from tarballs, and with npx from a registry.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import find from '../gateway/lib/find.js';
import { host, nodes, npm, npmEnv, packer, registry, tarballs, writeDist } from './packages.mjs';
import { alive, binary, cases, descendants, limit, within } from './processes.mjs';

const dir = mkdtempSync(join(tmpdir(), 'tokligence-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const env = npmEnv({ TOKLIGENCE_DATA_DIR: join(dir, 'data') });
const root = fileURLToPath(new URL('../..', import.meta.url));
const { version } = JSON.parse(execFileSync(binary, ['version', '--json'], { encoding: 'utf8' }));
const made = tarballs(dir);

/**
 * A new folder with packages installed from tarballs, without a network.
 *
 * @param {string} name
 * @param {...string} args
 */
function install(name, ...args) {
  const app = join(dir, name);
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{"private": true}');
  npm(app, ['install', '--offline', '--ignore-scripts', '--loglevel=error', ...args], {
    npm_config_cache: join(dir, 'empty'),
  });
  return app;
}

/** @param {string} tarball */
function contents(tarball) {
  return execFileSync('tar', ['tzf', tarball], { encoding: 'utf8' }).trim().split('\n').sort();
}

/** @param {string} tarball */
function manifest(tarball) {
  return JSON.parse(execFileSync('tar', ['xzOf', tarball, 'package/package.json'], { encoding: 'utf8' }));
}

describe('the tarballs', () => {
  test('hold what they should', () => {
    const legal = ['LICENSE', 'THIRD_PARTY_NOTICES'].filter((name) => existsSync(join(root, name)));
    const both = ['README.md', 'package.json', ...legal].map((name) => `package/${name}`);
    assert.deepEqual(contents(made.program), ['package/bin/gateway', ...both].sort());
    const files = contents(made.main);
    for (const file of [
      ...both,
      'package/bin/gateway.js',
      'package/bin/gatewayd.js',
      'package/index.d.mts',
    ]) {
      assert.ok(files.includes(file), file);
    }
    assert.ok(
      files.every((file) => /^package\/([^/]+|(bin|lib)\/[^/]+\.js)$/.test(file)),
      files.join('\n'),
    );
    assert.ok(statSync(made.program).size <= 16e6);
  });

  test('are of one version, and run nothing when they are installed', () => {
    const [main, program] = [manifest(made.main), manifest(made.program)];
    assert.deepEqual([main.version, program.version], [version, version]);
    assert.deepEqual(
      main.optionalDependencies,
      Object.fromEntries(find.platforms.map((name) => [`@tokligence/gateway-${name}`, version])),
    );
    assert.deepEqual(
      [program.os, program.cpu],
      host.split('-').map((name) => [name]),
    );
    for (const { dependencies, scripts } of [main, program])
      assert.deepEqual([dependencies, scripts], [undefined, undefined]);
  });

  test('are the same bytes each time, for every platform', () => {
    const file = join(dir, 'stand-in');
    writeFileSync(file, 'a program');
    const sums = ['one', 'two'].map((name) => {
      const dist = join(dir, name, 'dist');
      const targets = ['linux', 'darwin', 'windows'].flatMap((os) => [`${os}/amd64`, `${os}/arm64`]);
      writeDist(dist, Object.fromEntries(targets.map((target) => [target, file])));
      const umask = name === 'one' ? '022' : '077';
      const command = [
        '-c',
        `umask ${umask}; exec "$@"`,
        'sh',
        process.execPath,
        packer,
        dist,
        join(dir, name, 'stage'),
      ];
      const packed = execFileSync('sh', command, { env, encoding: 'utf8' }).trim().split('\n');
      assert.deepEqual(
        packed.sort(),
        ['', ...find.platforms.map((platform) => `-${platform}`)]
          .map((of) => `tokligence-gateway${of}-${version}.tgz`)
          .sort(),
      );
      return packed.map((tarball) => readFileSync(join(dist, tarball)).toString('base64'));
    });
    assert.deepEqual(sums[0], sums[1]);
  });
});

describe('installed', () => {
  const stream = `async function main({ start }, OpenAI) {
    const gw = await start();
    const client = new OpenAI({ baseURL: gw.openaiBaseUrl, apiKey: gw.apiKey, maxRetries: 0 });
    const messages = [{ role: 'user', content: 'Hello from ' + process.version }];
    let text = '';
    for await (const part of await client.chat.completions.create({ model: 'loopback', messages, stream: true })) {
      text += part.choices[0]?.delta.content ?? '';
    }
    const { pid } = gw;
    await gw.stop();
    console.log(JSON.stringify({ text, pid, restarts: gw.restarts }));
  }`;
  const scripts = {
    'import.mjs': `import * as gateway from '@tokligence/gateway'; ${stream}
      await main(gateway, (await import(process.argv[2])).default);`,
    'require.cjs': `${stream} main(require('@tokligence/gateway'), require(process.argv[2]));`,
  };
  let app = '';
  before(() => {
    app = install('app', made.main, made.program);
    for (const [file, script] of Object.entries(scripts)) writeFileSync(join(app, file), script);
    for (const client of ['openai', 'openai-6']) {
      const folder = fileURLToPath(new URL(`../node_modules/${client}`, import.meta.url));
      symlinkSync(folder, join(app, 'node_modules', client), 'junction');
    }
  });

  for (const node of nodes) {
    for (const file of Object.keys(scripts)) {
      test(`one streamed chat with Node.js ${node.version}, ${file}`, async () => {
        // The newest client is for Node.js 22 and newer.
        const client = Number(/\d+/.exec(node.version)?.[0]) >= 22 ? 'openai' : 'openai-6';
        const { stdout, stderr, status } = spawnSync(node.path, [file, client], {
          cwd: app,
          env,
          encoding: 'utf8',
        });
        assert.deepEqual([stderr, status], ['', 0]);
        const { text, pid, restarts } = JSON.parse(stdout);
        assert.equal(text, `[loopback] Hello from ${node.version}`);
        assert.ok(!alive(pid));
        assert.equal(restarts, 0);
      });
    }
  }

  for (const [name, want] of [
    ['gateway', / {2}gateway \[command\]/],
    ['gatewayd', / {2}gatewayd \[flags\]/],
  ]) {
    test(`the command ${name}`, () => {
      const file = join(app, 'node_modules/.bin', String(name));
      assert.match(execFileSync(file, ['--help'], { env, encoding: 'utf8' }), /** @type {RegExp} */ (want));
    });
  }

  for (const [page, examples] of /** @type {const} */ ([
    ['docs/node.md', 3],
    ['npm/gateway/README.md', 1],
  ])) {
    test(`the examples of ${page}`, () => {
      const text = readFileSync(join(root, page), 'utf8');
      const blocks = [...text.matchAll(/```js\n(.*?)```(?:\n\nprints\n\n```text\n(.*?)```)?/gs)];
      assert.equal(blocks.length, examples);
      for (const [, code = '', prints = '[loopback] Hello\n'] of blocks) {
        writeFileSync(join(app, 'example.mjs'), code);
        const newest = nodes.at(-1)?.path ?? process.execPath; // which the official client needs
        const { stdout, stderr } = spawnSync(newest, ['example.mjs'], { cwd: app, env, encoding: 'utf8' });
        assert.deepEqual([stdout, stderr], [prints, '']);
      }
    });
  }

  test('without the program, the message says so', () => {
    const omitted = install('omitted', '--omit=optional', made.main);
    const { stderr } = spawnSync(join(omitted, 'node_modules/.bin/gateway'), ['version'], {
      env,
      encoding: 'utf8',
    });
    assert.match(stderr, /^gateway: .*optional dependencies were left out/);
  });

  test('the types fit both module systems', () => {
    const use = `
      const gw: Gateway = await start({ port: 0, config: undefined, env: { A: undefined } });
      gw.on('restarting', ({ why, pause }) => why.length + pause).once('log', (line) => line.length);
      const rows: number[] = (await gw.usage({ by: ['model'] })).map((row) => row.cost_nano_usd);
      const { state, port }: Status = status();
      // @ts-expect-error there is no such option
      new Gateway({ ports: 1 });
      // @ts-expect-error the port is not to be set
      gw.port = 1;
      try { await gw.stop({ timeout: 1 }); } catch (e) { if (e instanceof GatewayError && e.code === 'GIVEN_UP') e.logs; }
      await stop(); { await using block = await new Gateway().start(); block.pid + rows.length; }
      export { state, port };`;
    const names = 'Gateway, GatewayError, start, status, stop, type Status';
    writeFileSync(join(app, 'esm.mts'), `import { ${names} } from '@tokligence/gateway'; ${use}`);
    const common = `import { ${names} } from '@tokligence/gateway'; import whole = require('@tokligence/gateway');
      whole.start; export async function main() { ${use.replace('export { state, port };', 'return { state, port };')} }`;
    writeFileSync(join(app, 'common.cts'), common);
    const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
    for (const [module, moduleResolution, ...files] of [
      ['nodenext', 'nodenext', 'esm.mts', 'common.cts'],
      ['esnext', 'bundler', 'esm.mts'],
    ]) {
      // Neither the types of Node.js nor any library newer than the package's oldest Node.js.
      const plain = {
        noEmit: true,
        strict: true,
        exactOptionalPropertyTypes: true,
        types: [],
        target: 'es2022',
        lib: ['es2022'],
      };
      const compilerOptions = { ...plain, module, moduleResolution };
      writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
      const { stdout } = spawnSync(process.execPath, [tsc, '-p', app], { encoding: 'utf8' });
      assert.equal(stdout, '', `${module}, ${moduleResolution}`);
    }
  });
});

describe('npx', () => {
  /** @type {Awaited<ReturnType<typeof registry>>} */
  let from;
  const app = join(dir, 'npx');
  before(async () => {
    mkdirSync(app);
    from = await registry(join(dir, 'registry'));
    for (const tarball of [made.program, made.main]) {
      npm(app, ['publish', '--provenance=false', '--tag=latest', '--loglevel=error', tarball], from.config);
    }
  });
  after(() => from?.server.kill());

  const npx = ['--yes', '@tokligence/gateway'];
  test('runs the program, the first time and from the cache', () => {
    const run = () =>
      execFileSync('npx', [...npx, 'version', '--json'], {
        cwd: app,
        env: { ...env, ...from.config },
        encoding: 'utf8',
      });
    assert.equal(JSON.parse(run()).version, version);
    assert.equal(JSON.parse(run()).version, version);
  });

  const [death] = cases('deaths').filter(({ end }) => end === 'npx');
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGKILL'])) {
    test(`${death?.name}, ${signal}`, async () => {
      const args = [...npx, 'serve', '--ready-json', '--listen', '127.0.0.1:0'];
      const child = spawn('npx', args, {
        cwd: app,
        env: { ...env, ...from.config },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const [line] = await once(createInterface({ input: child.stdout }), 'line');
      const all = descendants(child.pid ?? 0);
      assert.ok(all.includes(JSON.parse(line).pid));
      child.kill(signal);
      assert.ok(await within(limit, () => !all.some(alive)));
    });
  }
});
