/**
 * Log lines as JSON (LOGFORMAT=json): the same events as in Courier's wording, one object a line, with fields by name.
 *
 *     LOGIN, user=bob, ip=[::1], port=[143], protocol=IMAP, starttls=1
 *     {"time":"2026-11-21T17:31:16.123Z","level":"info","service":"imapd","event":"login","user":"bob","ip":"::1",
 *      "port":143,"protocol":"IMAP","tls":true,"session":"4711.17"}
 *
 * It is made of the line itself, whose values are escaped so that nothing in them looks like a field. What is not an
 * event with fields is an event `message`. It knows no destination.
 */
import type { LogLevel } from './log.js';

/** What a line needs besides itself. */
export interface JsonLineParts {
  readonly level: LogLevel;
  /** As log.ts makes it: one line, its values escaped. */
  readonly line: string;
  /** The name of LOGGEROPTS. */
  readonly service: string;
  readonly time: Date;
  /** Number of the session that it is about. */
  readonly session?: number | undefined;
}

type Value = string | number | boolean | null;

/** Courier's names for what has a unit, and ours. */
const FIELDS: Readonly<Record<string, string>> = {
  time: 'seconds',
  rcvd: 'received_octets',
  sent: 'sent_octets',
  headers: 'header_octets',
  body: 'body_octets',
  top: 'top_octets',
  retr: 'retr_octets',
  starttls: 'tls',
  stls: 'tls',
  admin: 'administrator',
  // authdaemond's words.
  account: 'user',
  from: 'ip',
};

/** What is already there is not given again by a line. */
const OWN_FIELDS = new Set(['time', 'level', 'service', 'event', 'session', 'message', 'reason', 'detail']);

const OF_SESSIONS = new Set(['LOGIN', 'LOGOUT', 'DISCONNECTED', 'TIMEOUT', 'Disconnected during shutdown by signal']);

const EVENT = /^([A-Za-z][A-Za-z ]*)(?=[,:] [a-z_]+=)/;
const FIELD = /, ([a-zA-Z][\w-]*)=(\[[^\]]*\]|(?:[^,\s:[\]]|:(?! ))*)/y;
const NUMBER = /^\d{1,15}$/;
/** Valid in JSON, and yet the end of a line, or a change of direction, to some who read it. */
const UNSAFE = /[\u007f-\u009f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Makes the object, as text without line end. */
export function jsonLine({ level, line, service, time, session }: JsonLineParts): string {
  const head = { time: time.toISOString(), level, service };
  const of = session === undefined ? {} : { session: `${process.pid}.${session}` };
  const what = handshakeOf(line) ?? eventOf(line) ?? { event: 'message', message: line };
  return JSON.stringify({ ...head, ...what, ...of }).replace(
    UNSAFE,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

/** Courier's words for a handshake that failed. */
function handshakeOf(line: string): Record<string, Value> | undefined {
  const [, ip, reason] = /^ip=\[([^\]]*)\], couriertls: accept: (.*)$/.exec(line) ?? [];
  return ip === undefined || reason === undefined ? undefined : { event: 'tls_failed', ip, reason };
}

function eventOf(line: string): Record<string, Value> | undefined {
  const [, words] = EVENT.exec(line) ?? [];
  if (words === undefined) return undefined;
  const rest = `,${line.slice(words.length + 1)}`;
  const event: Record<string, Value> = { event: words.toLowerCase().replaceAll(' ', '_') };
  let end = 0;
  FIELD.lastIndex = 0;
  for (let field = FIELD.exec(rest); field !== null; field = FIELD.exec(rest)) {
    end = FIELD.lastIndex;
    const [, name = '', value = ''] = field;
    const known = Object.hasOwn(FIELDS, name) ? (FIELDS[name] ?? name) : name;
    // What a client says of itself (ID) comes last, and replaces nothing.
    const own = OWN_FIELDS.has(known) ? `${known}_` : known;
    if (!Object.hasOwn(event, own)) event[own] = typedValue(known, value);
  }
  // Courier says it only where there is TLS.
  if (OF_SESSIONS.has(words) && 'user' in event) event['tls'] ??= false;
  const more = rest.slice(end);
  if (more.startsWith(': ')) event['reason'] = more.slice(2);
  else if (more !== '') event['detail'] = more.replace(/^, /, '');
  return event;
}

function typedValue(name: string, value: string): Value {
  if (name === 'tls') return value === '1';
  if (value === '(nil)') return null;
  const inside = value.startsWith('[') ? value.slice(1, -1) : value;
  if (name !== 'user' && NUMBER.test(inside)) return Number(inside);
  return unescaped(inside);
}

/** Undoes what logValue() did. */
function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9A-F]{2})|u([0-9A-F]{4}))/g, (_, short?: string, long?: string) =>
    String.fromCodePoint(Number.parseInt(short ?? long ?? '', 16)),
  );
}
