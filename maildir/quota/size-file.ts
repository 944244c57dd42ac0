/**
 * `maildirsize`: the limits of a maildir, and what was added and removed, one line for each change.
 *
 *     10000000S,1000C                 the limits
 *             1234            1       octets and messages, each in twelve columns
 *            -1234           -1
 *
 * The sum of the lines is what is used. Delivery agents add lines of their own, so a line is written in one go at the
 * end of the file. A file of 5120 octets, or one that has anything else in it, is counted anew; it is never repaired.
 */
import { errorCode } from '../errors.js';
import type { FileSystem, OpenFile } from '../file-system.js';
import { type MailAmount, NOTHING, parseLimits, type QuotaLimits, sum } from './quota-limits.js';

/** A file of this size is counted anew and becomes short again. All programs agree on it. */
const MAX_OCTETS = 5_120;
const COLUMNS = 12;

/** What a file says. */
export interface SizeFile {
  /** Undefined when the first line says nothing that can be understood. */
  readonly limits: QuotaLimits | undefined;
  readonly used: MailAmount;
  /** Changes that were written since the whole was counted, that count included. */
  readonly lines: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
  /** False when the sum cannot be believed. */
  readonly sound: boolean;
}

/** What is found where the file should be; a file that may not be read, or that is none, is `damaged`. */
export type FoundSizeFile = SizeFile | 'missing' | 'damaged';

/** Reads the file. */
export function readSizeFile(disk: FileSystem, path: string): FoundSizeFile {
  let file: OpenFile;
  try {
    file = disk.open(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    return code === 'ENOENT' ? 'missing' : 'damaged';
  }
  try {
    const { modifiedAt } = file.status();
    const octets = Buffer.alloc(MAX_OCTETS);
    let length = 0;
    for (let read = -1; read !== 0 && length < MAX_OCTETS; length += read)
      read = file.read(octets.subarray(length), length);
    return { ...parse(octets.toString('latin1', 0, length)), modifiedAt };
  } finally {
    file.close();
  }
}

function parse(text: string): Omit<SizeFile, 'modifiedAt'> {
  const [first = '', ...lines] = text.split('\n');
  const limits = parseLimits(first);
  // What stands behind the last line end is nothing, or a line that was cut.
  const whole = lines.pop() === '' && text.length < MAX_OCTETS;
  let used = NOTHING;
  for (const line of lines) {
    const [, octets, messages] = /^ *(-?\d+) +(-?\d+) *$/.exec(line) ?? [];
    used = sum(used, { octets: Number(octets), messages: Number(messages) });
  }
  const counted = Number.isSafeInteger(used.octets) && Number.isSafeInteger(used.messages);
  const sound = whole && counted && lines.length > 0 && used.octets >= 0 && used.messages >= 0;
  return { limits, used, lines: lines.length, sound };
}

/** One change as it is written. */
export function formatChange({ octets, messages }: MailAmount): string {
  return `${String(octets).padStart(COLUMNS)} ${String(messages).padStart(COLUMNS)}\n`;
}

/** Adds a change to the end of the file, in one write. Gives false if there is no such file. */
export function appendChange(disk: FileSystem, path: string, change: MailAmount): boolean {
  let file: OpenFile;
  try {
    file = disk.openToAppend(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
  try {
    file.write(Buffer.from(formatChange(change)));
    return true;
  } finally {
    file.close();
  }
}
