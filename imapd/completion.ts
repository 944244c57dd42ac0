/**
 * How a command ends: OK, NO or BAD with a response code and a text, and which of them each kind of failure becomes.
 *
 * The texts are for strangers: they name what the client named and nothing else.
 */
import { MaildirError, type MaildirErrorKind } from '../maildir/errors.js';
import { SyntaxFailure } from './wire/failures.js';

/** The tagged end of a command. */
export interface Completion {
  readonly status: 'OK' | 'NO' | 'BAD';
  /** RFC 9051 section 7.1, without brackets: `COPYUID 7 1 3`. */
  readonly code?: string;
  readonly text: string;
}

/** The command did what it was asked to. */
export function ok(text: string, code?: string): Completion {
  return completion('OK', text, code);
}

/** The command was understood and could not be done. */
export function no(text: string, code?: string): Completion {
  return completion('NO', text, code);
}

/** The command was not understood, or is not allowed now. */
export function bad(text: string, code?: string): Completion {
  return completion('BAD', text, code);
}

function completion(status: Completion['status'], text: string, code: string | undefined): Completion {
  return code === undefined ? { status, text } : { status, code, text };
}

/** Thrown by a command that cannot do what it was asked to: `NO [code] text`. */
export class CommandFailure extends Error {
  readonly code: string | undefined;

  constructor(text: string, code?: string) {
    super(text);
    this.name = 'CommandFailure';
    this.code = code;
  }
}

interface Failure {
  /** RFC 5530 names most of them. */
  readonly code: string;
  readonly text: string;
  /** Whether the administrator must hear of it, too. */
  readonly logged: boolean;
}

const failures: Readonly<Record<MaildirErrorKind, Failure>> = {
  'no such folder': {
    code: 'NONEXISTENT',
    text: 'Mailbox does not exist, or must be subscribed to.',
    logged: false,
  },
  'numbered anew': {
    code: 'UNAVAILABLE',
    text: 'The messages have got other UIDs, please try again.',
    logged: false,
  },
  'folder exists': { code: 'ALREADYEXISTS', text: 'Mailbox exists already.', logged: false },
  'invalid folder name': { code: 'CANNOT', text: 'Invalid mailbox name.', logged: false },
  'message gone': { code: 'EXPUNGEISSUED', text: 'Some of the messages no longer exist.', logged: false },
  'over quota': { code: 'OVERQUOTA', text: 'You exceeded your mail quota.', logged: false },
  'not permitted': { code: 'NOPERM', text: 'No permission to do that.', logged: true },
  locked: { code: 'INUSE', text: 'Mailbox is in use, please try again.', logged: true },
  corrupt: { code: 'CORRUPTION', text: 'Mailbox is damaged. The server log has more.', logged: true },
  // As Dovecot has it: clients show this to the user, and do not try again all the time.
  'disk full': { code: 'OVERQUOTA', text: 'No room on the server, please try again later.', logged: true },
  'read-only': { code: 'NOPERM', text: 'Mailbox is read-only.', logged: false },
  'input/output error': { code: 'UNAVAILABLE', text: 'Mailbox cannot be read at this time.', logged: true },
  'too many keywords': { code: 'LIMIT', text: 'Too many different keywords in this mailbox.', logged: false },
  'too many annotations': { code: 'LIMIT', text: 'Too many annotations.', logged: false },
  'not a maildir': { code: 'UNAVAILABLE', text: 'Mailbox is not available at this time.', logged: true },
};

/** The completion that a failure becomes, or undefined for one that nobody foresaw: a bug. */
export function completionForError(error: unknown): Completion | undefined {
  if (error instanceof SyntaxFailure) return bad(error.message, error.code);
  if (error instanceof CommandFailure) return no(error.message, error.code);
  if (error instanceof MaildirError) return no(failures[error.kind].text, failures[error.kind].code);
  return undefined;
}

/** What the administrator should read about a failure; undefined when it is nothing out of the ordinary. */
export function logTextForError(error: unknown): string | undefined {
  if (!(error instanceof MaildirError) || !failures[error.kind].logged) return undefined;
  return `${error.kind}: ${error.detail}`;
}
