const longestLine = 64 * 1024; // characters; a longer one comes in pieces
const keptLines = 500;

/**
 * Calls back for each line of a stream.
 *
 * @param {import('node:stream').Readable} stream
 * @param {(line: string) => void} say
 */
function eachLine(stream, say) {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (/** @type {string} */ text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) say(line.endsWith('\r') ? line.slice(0, -1) : line);
    if (rest.length > longestLine) {
      say(rest);
      rest = '';
    }
  });
  stream.on('error', () => {}); // as good as its end
  stream.on('end', () => {
    if (rest) say(rest);
  });
}

/** The latest lines of a log. */
class Log {
  /** @type {string[]} */
  #lines = [];

  /** @param {string} line */
  add(line) {
    this.#lines.push(line);
    if (this.#lines.length > 2 * keptLines) this.#lines = this.lines();
  }

  get size() {
    return this.#lines.length;
  }

  lines() {
    return this.#lines.slice(-keptLines);
  }

  /** The lines, which are then forgotten. */
  take() {
    const lines = this.lines();
    this.#lines = [];
    return lines;
  }
}

module.exports = { Log, eachLine };
