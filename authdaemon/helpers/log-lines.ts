/**
 * What a child process writes to stderr, as lines of the log: often the only trace of what went wrong in it.
 */
import type { Readable } from 'node:stream';
import type { Log } from '../../init/runtime/log/log.js';

/** A line that does not end is cut there. */
const MAX_LINE_CHARACTERS = 2000;

/** Writes each line as a warning of `name`. */
export function logLinesOf(stream: Readable, name: string, log: Log): void {
  let rest = '';
  const write = (line: string): void => {
    if (line.trim() !== '') log.write('warning', `${name}: ${line.trimEnd()}`);
  };
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) write(line);
    if (rest.length <= MAX_LINE_CHARACTERS) return;
    write(rest);
    rest = '';
  });
  stream.on('error', () => undefined);
  stream.on('end', () => write(rest));
}
