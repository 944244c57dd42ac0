/** ID: who the client says it is goes to the log, who we are goes to the client (RFC 2971). */
import { release, type } from 'node:os';
import type { Log } from '../../init/runtime/log/log.js';
import { logValue } from '../../init/runtime/log/log.js';
import { type Completion, ok } from '../completion.js';
import type { SessionSettings } from '../settings/session-settings.js';
import { VERSION } from '../version.js';
import type { Cursor } from '../wire/cursor.js';
import { Encoder } from '../wire/encoder.js';
import { SyntaxFailure } from '../wire/failures.js';

/** RFC 2971 section 3.3. */
const MAX_ID_PAIRS = 30;
const MAX_ID_FIELD_OCTETS = 30;
const MAX_ID_VALUE_OCTETS = 1024;

/** Proxies of ours and of Dovecot count with it, so that two that point at each other find out. */
const HOPS_FIELD = 'x-proxy-ttl';

/** Bits of IMAP_ID_FIELDS. */
const TELL_VERSION = 1;
const TELL_SYSTEM = 2;
const TELL_SYSTEM_VERSION = 4;

/** What ID needs of a session of either kind. */
interface IntroducedSession {
  readonly settings: Pick<SessionSettings, 'idFields'>;
  readonly log: Log;
  /** `user=bob, ip=[::1], port=[143]`; before login without user. */
  readonly whoForLog: string;
  readonly sessionId?: number | undefined;
  write(octets: Buffer): void;
  /** Before login: the client is a proxy that counts. */
  heardHopsLeft?(hops: number): void;
}

interface IdPair {
  readonly field: string;
  readonly value: string | null;
}

/** `id = "ID" SP id-params-list; id-params-list = "(" *(string SP nstring) ")" / nil` */
export function parseId(cursor: Cursor): readonly IdPair[] {
  cursor.sp();
  if (cursor.take('NIL')) {
    cursor.end();
    return [];
  }
  const pairs = cursor.parenthesised(() => parsePair(cursor), { most: MAX_ID_PAIRS });
  cursor.end();
  return pairs;
}

function parsePair(cursor: Cursor): IdPair {
  const field = cursor.string();
  cursor.sp();
  const value = cursor.nstring();
  if (field.length > MAX_ID_FIELD_OCTETS) throw new SyntaxFailure('A field name of ID is longer than 30 octets.');
  if ((value?.length ?? 0) > MAX_ID_VALUE_OCTETS) throw new SyntaxFailure('A value of ID is longer than 1024 octets.');
  return { field: field.toString('utf8'), value: value === null ? null : value.toString('utf8') };
}

/** Logs what the client told, in Courier's form, and tells what the administrator allows. */
export async function id(session: IntroducedSession, pairs: readonly IdPair[]): Promise<Completion> {
  const hops = pairs.find(({ field }) => field.toLowerCase() === HOPS_FIELD)?.value ?? '';
  if (/^\d{1,3}$/.test(hops)) session.heardHopsLeft?.(Number(hops));
  if (pairs.length > 0) {
    session.log.write('info', ['ID', session.whoForLog, ...pairs.map(pairText)].join(', '), session.sessionId);
  }

  const response = new Encoder().atom('* ID ');
  response.list(ourFields(session.settings.idFields ?? 0), (text) => response.quoted(text));
  session.write(response.crlf());
  return ok('ID completed');
}

function pairText({ field, value }: IdPair): string {
  return `${logValue(field)}=${value === null ? '(nil)' : logValue(value)}`;
}

function ourFields(bits: number): string[] {
  const fields = ['name', 'Angarium'];
  if ((bits & TELL_VERSION) !== 0) fields.push('version', VERSION);
  if ((bits & TELL_SYSTEM) !== 0) fields.push('os', type());
  if ((bits & TELL_SYSTEM_VERSION) !== 0) fields.push('os-version', release());
  return fields;
}
