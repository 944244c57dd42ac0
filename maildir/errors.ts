/**
 * What can go wrong in a maildir, in a few kinds, and how the errors of the operating system become them.
 *
 * It knows nothing of how a protocol words them.
 */

/** The kinds of failure that the users of a maildir tell apart. */
export type MaildirErrorKind =
  | 'no such folder'
  | 'numbered anew'
  | 'folder exists'
  | 'invalid folder name'
  | 'message gone'
  | 'over quota'
  | 'not permitted'
  | 'locked'
  | 'corrupt'
  | 'disk full'
  | 'read-only'
  | 'input/output error'
  | 'not a maildir'
  | 'too many keywords'
  | 'too many annotations';

/** A failure of the mail store. `message` is its kind; `detail` is for the log and may hold a path. */
export class MaildirError extends Error {
  readonly kind: MaildirErrorKind;
  readonly detail: string;

  constructor(kind: MaildirErrorKind, detail: string, cause?: unknown) {
    super(kind, cause === undefined ? undefined : { cause });
    this.name = 'MaildirError';
    this.kind = kind;
    this.detail = detail;
  }
}

/** The operating system's codes, and the kind each of them is. What is not listed is an input/output error. */
const kindsByCode: ReadonlyMap<string, MaildirErrorKind> = new Map([
  // What is looked for one by one is not reported so; this is a directory that somebody removed meanwhile.
  ['ENOENT', 'no such folder'],
  ['ENOSPC', 'disk full'],
  ['EDQUOT', 'over quota'],
  ['EFBIG', 'disk full'],
  ['EMLINK', 'disk full'],
  ['EACCES', 'not permitted'],
  ['EPERM', 'not permitted'],
  ['EROFS', 'read-only'],
  ['ENAMETOOLONG', 'invalid folder name'],
]);

/** The code of a system error, such as `'ENOENT'`, or undefined if it is not one. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Turns an error of the operating system into a MaildirError; bugs and MaildirErrors stay what they are. */
export function diskError(error: unknown, what: string): unknown {
  if (error instanceof MaildirError) return error;
  const code = errorCode(error);
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  return new MaildirError(kindsByCode.get(code) ?? 'input/output error', `${what}: ${String(error)}`, error);
}

/** Runs something that touches the disk; its errors become MaildirErrors. Every way into the mail store ends here. */
export function diskErrors<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw diskError(error, what);
  }
}

/** The same for what gives a promise. */
export async function diskErrorsSoon<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw diskError(error, what);
  }
}
