const shownLogLines = 20;

/** A gateway cannot be had; the message says why and ends with the last lines it logged. */
class GatewayError extends Error {
  /**
   * @param {import('../index.js').GatewayErrorCode} code
   * @param {string} message
   * @param {readonly string[]} [logs]
   */
  constructor(code, message, logs = []) {
    super([message, ...logs.slice(-shownLogLines)].join('\n'));
    this.code = code;
    this.logs = logs;
  }

  get name() {
    return 'GatewayError';
  }
}

/** @param {unknown} error */
function told(error) {
  return error instanceof Error ? error.message : String(error);
}

module.exports = { GatewayError, told };
