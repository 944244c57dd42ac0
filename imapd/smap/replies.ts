/**
 * How a command of SMAP ends: `+OK text` or `-ERR text`, and which text each kind of failure becomes.
 *
 * Courier shows what the C library says of an error number, and clients show it to people, so these are the words.
 */
import { hasRight, type Right } from '../../maildir/acl/rights.js';
import { MaildirError, type MaildirErrorKind } from '../../maildir/errors.js';
import { CommandFailure } from '../completion.js';
import type { MailboxPlace } from '../sharing/mailbox-place.js';
import { SyntaxFailure } from '../wire/failures.js';

/** The last line of an answer. */
export interface SmapReply {
  readonly ok: boolean;
  readonly text: string;
}

/** `+OK text` */
export function done(text: string): SmapReply {
  return { ok: true, text };
}

/** `-ERR text` */
export function failed(text: string): SmapReply {
  return { ok: false, text };
}

/** Thrown where a command cannot be done, with all of the text behind `-ERR`. */
export class SmapFailure extends Error {}

/** What no folder is called, and no argument can be. */
export const INVALID = 'Invalid argument';
export const NO_SUCH_FOLDER = 'No such file or directory';

/** @throws {SmapFailure} in Courier's words, unless the account has the right */
export function requireRight(place: MailboxPlace, right: Right): void {
  if (!hasRight(place.rights, right)) throw denied(right);
}

/** The refusal for want of a right. */
export function denied(right: Right): SmapFailure {
  return new SmapFailure(`Access denied: ACL "${right}" is required`);
}

const reasons: Readonly<Record<MaildirErrorKind, string>> = {
  'no such folder': NO_SUCH_FOLDER,
  'numbered anew': 'Resource temporarily unavailable',
  'folder exists': 'File exists',
  'invalid folder name': INVALID,
  'message gone': NO_SUCH_FOLDER,
  'over quota': 'Disk quota exceeded',
  'not permitted': 'Permission denied',
  locked: 'Resource temporarily unavailable',
  corrupt: 'Input/output error',
  'disk full': 'No space left on device',
  'read-only': 'Read-only file system',
  'input/output error': 'Input/output error',
  'too many keywords': 'No space left on device',
  'too many annotations': 'No space left on device',
  'not a maildir': NO_SUCH_FOLDER,
};

/** Why something could not be done, in the words of the C library; undefined for a bug. */
export function reasonOf(error: unknown): string | undefined {
  if (error instanceof MaildirError) return reasons[error.kind];
  if (error instanceof SyntaxFailure) return INVALID;
  if (error instanceof CommandFailure) return error.code === 'NONEXISTENT' ? NO_SUCH_FOLDER : error.message;
  return undefined;
}
