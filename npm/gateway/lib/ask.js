const { execFile } = require('node:child_process');
const http = require('node:http');
const { GatewayError, told } = require('./error.js');

const healthTimeout = 5_000; // milliseconds
const usageTimeout = 60_000; // milliseconds
const longestAnswer = 64 * 1024 * 1024; // bytes

/**
 * What the gateway says of itself, a status of "down" if it does not answer.
 *
 * @param {number} port
 * @returns {Promise<import('../index.js').Health>}
 */
async function askHealth(port) {
  try {
    return JSON.parse(await get(port, '/readyz'));
  } catch (error) {
    return { status: 'down', error: `the gateway does not answer: ${told(error)}` };
  }
}

/**
 * @param {number} port
 * @param {string} path
 * @returns {Promise<string>}
 */
function get(port, path) {
  return new Promise((resolve, reject) => {
    const agent = new http.Agent(); // the global one may know of a proxy
    const request = http.get({ host: '127.0.0.1', port, path, agent, timeout: healthTimeout }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text) => {
        body += text;
      });
      response.on('end', () => resolve(body));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error(`nothing within ${healthTimeout} ms`)));
    request.on('error', reject);
  });
}

/**
 * What the ledger holds, the calls of a moment ago included.
 *
 * @param {import('./program.js').Program} program
 * @param {import('../index.js').UsageOptions} options
 * @returns {Promise<import('../index.js').Usage[]>}
 */
function askUsage({ binary, folder, env, args }, { since, by }) {
  const line = ['usage', '--json', ...args];
  if (since !== undefined) line.push(`--since=${since instanceof Date ? since.toISOString() : since}`);
  if (by !== undefined) line.push(`--by=${by.join(',')}`);
  const options = {
    argv0: 'gateway',
    cwd: folder,
    env,
    timeout: usageTimeout,
    maxBuffer: longestAnswer,
    windowsHide: true,
  };
  return new Promise((resolve, reject) => {
    const child = execFile(binary, line, options, (error, stdout, stderr) => {
      if (error) {
        const lines = stderr.split('\n').filter(Boolean);
        reject(
          new GatewayError(
            'NO_USAGE',
            'the usage cannot be read',
            lines.length > 0 ? lines : [error.message],
          ),
        );
      } else {
        resolve(JSON.parse(stdout));
      }
    });
    child.stdin?.end();
  });
}

module.exports = { askHealth, askUsage };
