/**
 * The authdaemon socket's grammar, both directions, as pure functions: requests and answers to octets and back.
 *
 *     TCPREMOTEIP=192.0.2.7\n          any number of metadata lines, then one of
 *     AUTH 22\nimap\nlogin\njoe\nsecret\n
 *     PRE . imap joe\n
 *     PASSWD imap\tjoe\told\tnew\n
 *     ENUMERATE\n
 *     STATS\n                          our own: the daemon's figures, a line of JSON
 *
 * The answer is the account's lines and a dot, `FAIL`, `OK`, or the list. A temporary failure is told by closing without
 * an answer, as Courier does: callers know that, though some take silence for success. A caller that sends the metadata
 * line `ANGARIUM_ERRORS=1` (our own client does; Courier ignores it) gets the line `TEMPFAIL reason` instead.
 *
 * A connection is closed after its answer. Only where the caller sends `ANGARIUM_KEEP=1` and the answer begins with
 * `ANGARIUM_KEPT=1`, which Courier's never does, another request may follow.
 */
import { STATS_REQUEST } from '../init/runtime/metrics/auth-figures.js';
import { Secret } from '../init/runtime/secret.js';
import type { Account, EnumeratedAccount } from './account.js';
import { formatOptions, parseOptions } from './account.js';
import { LAST_WORD, readExchangeLines } from './exchange-lines.js';
import { hasControls, octetsFromText, textFromOctets } from './octet-text.js';

/** One request line, or the body of AUTH: Courier's buffer has 8192 octets, one of them for the end. */
export const MAX_REQUEST_OCTETS = 8191;
/** Metadata lines one request may have; one is in use, the rest is for what others may send. */
export const MAX_METADATA_LINES = 16;
/** An answer about one account; the longest field an account has is bounded by what a table row may hold. */
export const MAX_ANSWER_OCTETS = 65_536;

/** What a caller asks. */
export type Request =
  | { readonly kind: 'lookup'; readonly module: string; readonly service: string; readonly loginName: string }
  | { readonly kind: 'authenticate'; readonly service: string; readonly authType: string; readonly authData: Buffer }
  | {
      readonly kind: 'change password';
      readonly service: string;
      readonly loginName: string;
      readonly oldPassword: Secret;
      readonly newPassword: Secret;
    }
  | { readonly kind: 'enumerate' }
  /** Ours: the figures of the daemon. */
  | { readonly kind: 'statistics' };

/** A request with the metadata lines that came before it. */
export interface ReceivedRequest {
  readonly metadata: ReadonlyMap<string, string>;
  readonly request: Request;
}

/** What is known of a request from the octets so far. */
export type RequestReading =
  /** `neededOctets`: fewer than these, from the start, are not worth looking at again. */
  | { readonly kind: 'incomplete'; readonly neededOctets?: number }
  | { readonly kind: 'malformed'; readonly reason: string }
  | ({ readonly kind: 'request' } & ReceivedRequest);

/** The login name and password inside the data of `AUTH … login`. */
export interface LoginData {
  readonly loginName: string;
  readonly password: Secret;
}

/** An answer as a caller understands it. Last words and challenges (exchange-lines.ts) are in base64. */
export type AnswerReading =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'account'; readonly account: Account; readonly lastWord?: string }
  | { readonly kind: 'challenge'; readonly challenge: string; readonly token: string }
  | { readonly kind: 'ok' }
  | { readonly kind: 'rejected'; readonly lastWord?: string; readonly expired?: boolean }
  | { readonly kind: 'temporary failure'; readonly reason: string };

/** Finds the uid of a user of the system. */
export type FindUid = (name: string) => number | undefined;

/** Metadata name that asks for `TEMPFAIL reason` in place of silence. */
export const EXPLICIT_ERRORS = 'ANGARIUM_ERRORS';

/** Metadata name that asks to keep the connection for another request. */
export const KEEP = 'ANGARIUM_KEEP';

/** The first line of an answer after which the connection is kept. */
export const KEPT_LINE = 'ANGARIUM_KEPT=1\n';

/**
 * Reads a request from everything received so far. Octets after its end are ignored, as Courier ignores them.
 */
export function readRequest(octets: Buffer): RequestReading {
  const metadata = new Map<string, string>();
  let position = 0;
  for (let lines = 0; ; lines += 1) {
    const end = octets.indexOf(0x0a, position);
    if ((end < 0 ? octets.length : end) - position > MAX_REQUEST_OCTETS) return malformed('line too long');
    if (end < 0) return { kind: 'incomplete' };
    const line = textFromOctets(octets.subarray(position, end));
    position = end + 1;
    const field = /^([^ \t=]*)=(.*)$/s.exec(line);
    if (field === null) return readRequestLine(line, { octets, position }, metadata);
    if (lines >= MAX_METADATA_LINES) return malformed('too many metadata lines');
    metadata.set(field[1] ?? '', field[2] ?? '');
  }
}

/** Octets, and where the body of AUTH begins in them. */
interface Received {
  readonly octets: Buffer;
  readonly position: number;
}

function readRequestLine(line: string, received: Received, metadata: ReadonlyMap<string, string>): RequestReading {
  const [word = '', ...rest] = line.split(' ');
  switch (word) {
    case 'PRE':
      return readLookup(line, metadata);
    case 'AUTH':
      return readAuthenticate(rest.join(' '), received, metadata);
    case 'PASSWD':
      return readChangePassword(rest.join(' '), metadata);
    case 'ENUMERATE':
      return { kind: 'request', metadata, request: { kind: 'enumerate' } };
    case STATS_REQUEST:
      return { kind: 'request', metadata, request: { kind: 'statistics' } };
    default:
      return malformed('unknown request');
  }
}

/** PRE module service user; blanks may repeat, the user is the rest of the line and may hold some. */
function readLookup(line: string, metadata: ReadonlyMap<string, string>): RequestReading {
  const parts = /^PRE +([^ ]+) +([^ ]+) +(.*)$/s.exec(line);
  if (parts === null) return malformed('PRE without module, service and user');
  const [, module = '', service = '', loginName = ''] = parts;
  return { kind: 'request', metadata, request: { kind: 'lookup', module, service, loginName } };
}

function readAuthenticate(
  length: string,
  { octets, position }: Received,
  metadata: ReadonlyMap<string, string>,
): RequestReading {
  if (!/^[0-9]{1,8}$/.test(length)) return malformed('AUTH without a length');
  const end = position + Number(length);
  if (end - position > MAX_REQUEST_OCTETS) return malformed('AUTH body too long');
  if (octets.length < end) return { kind: 'incomplete', neededOctets: end };
  const body = octets.subarray(position, end);
  const serviceEnd = body.indexOf(0x0a);
  const typeEnd = serviceEnd < 0 ? -1 : body.indexOf(0x0a, serviceEnd + 1);
  if (typeEnd < 0) return malformed('AUTH body without service and type');
  const service = textFromOctets(body.subarray(0, serviceEnd));
  const authType = textFromOctets(body.subarray(serviceEnd + 1, typeEnd));
  const authData = Buffer.from(body.subarray(typeEnd + 1));
  return { kind: 'request', metadata, request: { kind: 'authenticate', service, authType, authData } };
}

function readChangePassword(text: string, metadata: ReadonlyMap<string, string>): RequestReading {
  const [service, loginName, oldPassword, newPassword] = text.split('\t');
  if (service === undefined || loginName === undefined || oldPassword === undefined || newPassword === undefined) {
    return malformed('PASSWD without four fields');
  }
  const request: Request = {
    kind: 'change password',
    service,
    loginName,
    oldPassword: new Secret(oldPassword),
    newPassword: new Secret(newPassword),
  };
  return { kind: 'request', metadata, request };
}

/**
 * Writes a request as readRequest reads it.
 *
 * Undefined when the protocol cannot say it: a control character in a field, a blank in a service, or too long. Nobody
 * has such an account, so callers answer "rejected" without asking.
 */
export function formatRequest({ metadata, request }: ReceivedRequest): Buffer | undefined {
  const lines = [...metadata].map(([name, value]) => `${name}=${value}`);
  if (lines.some((line) => hasControls(line) || line.length > MAX_REQUEST_OCTETS)) return undefined;
  const asked = formatRequestBody(request);
  if (asked === undefined) return undefined;
  return Buffer.concat([octetsFromText(lines.map((line) => `${line}\n`).join('')), asked]);
}

function formatRequestBody(request: Request): Buffer | undefined {
  switch (request.kind) {
    case 'lookup': {
      const fields = [request.module, request.service];
      // A blank at its start would be taken for a second one between the fields.
      if (request.loginName.startsWith(' ') || fields.some((field) => !isWord(field))) return undefined;
      return requestLine(`PRE ${request.module} ${request.service} ${request.loginName}`);
    }
    case 'authenticate': {
      if (hasControls(request.service) || hasControls(request.authType)) return undefined;
      const body = Buffer.concat([octetsFromText(`${request.service}\n${request.authType}\n`), request.authData]);
      return body.length > MAX_REQUEST_OCTETS ? undefined : Buffer.concat([Buffer.from(`AUTH ${body.length}\n`), body]);
    }
    case 'change password': {
      const fields = [request.service, request.loginName, request.oldPassword.reveal(), request.newPassword.reveal()];
      return fields.some(hasControls) ? undefined : requestLine(`PASSWD ${fields.join('\t')}`, '\t');
    }
    case 'enumerate':
      return Buffer.from('ENUMERATE\n');
    case 'statistics':
      return Buffer.from(`${STATS_REQUEST}\n`);
  }
}

/** Ends a request line; undefined when it is too long, holds controls, or would be taken for metadata. */
function requestLine(text: string, allowed = ''): Buffer | undefined {
  if (hasControls(allowed === '' ? text : text.replaceAll(allowed, ''))) return undefined;
  const octets = octetsFromText(`${text}\n`);
  return octets.length > MAX_REQUEST_OCTETS + 1 ? undefined : octets;
}

function isWord(text: string): boolean {
  return text !== '' && !text.includes(' ') && !hasControls(text);
}

/** Reads the data of `AUTH … login`: user and password lines. What follows them is ignored, as Courier does. */
export function readLoginData(authData: Buffer): LoginData | undefined {
  const [loginName, password] = textFromOctets(authData).split('\n');
  if (loginName === undefined || password === undefined) return undefined;
  return { loginName, password: new Secret(password) };
}

/** Writes the data of `AUTH … login`; undefined when a field holds a control character. */
export function formatLoginData({ loginName, password }: LoginData): Buffer | undefined {
  if (hasControls(loginName) || hasControls(password.reveal())) return undefined;
  return octetsFromText(`${loginName}\n${password.reveal()}\n`);
}

/**
 * Writes an account as the answer to PRE or AUTH.
 *
 * Undefined when a field holds a line end, which would forge further fields: the account is damaged.
 */
export function formatAccount(account: Account): Buffer | undefined {
  const fields: readonly (readonly [string, string | undefined])[] = [
    ['USERNAME', account.systemUser],
    ['UID', String(account.uid)],
    ['GID', String(account.gid)],
    ['HOME', account.home],
    ['ADDRESS', account.address],
    ['NAME', account.fullName],
    ['MAILDIR', account.maildir],
    ['QUOTA', account.quota],
    ['PASSWD', account.encryptedPassword],
    ['PASSWD2', account.clearPassword?.reveal()],
    ['OPTIONS', account.options.length === 0 ? undefined : formatOptions(account.options)],
  ];
  const given = fields.filter(([, value]) => value !== undefined);
  if (given.some(([, value]) => hasControls(value ?? ''))) return undefined;
  return octetsFromText(`${given.map(([name, value]) => `${name}=${value}\n`).join('')}.\n`);
}

/** Writes the answer to somebody who asked for explicit errors. */
export function formatTemporaryFailure(reason: string): Buffer {
  return octetsFromText(`TEMPFAIL ${reason.replace(/[\x00-\x1f\x7f]/g, ' ')}\n`);
}

/**
 * Reads the answer to PRE, AUTH or PASSWD from everything received so far.
 *
 * `ended` tells that nothing more will come: an answer without its end is then a temporary failure. Courier's authpam
 * names a user of the system and leaves it to the caller to look his uid up: `uidOf`.
 */
export function readAnswer(octets: Buffer, ended: boolean, uidOf: FindUid = () => undefined): AnswerReading {
  if (octets.length > MAX_ANSWER_OCTETS) return temporary('the answer is too long');
  const text = textFromOctets(octets);
  if (text.startsWith('FAIL\n')) return { kind: 'rejected' };
  if (text.startsWith('OK\n')) return { kind: 'ok' };
  if (text.startsWith('TEMPFAIL ') && text.includes('\n')) return temporary(text.slice(9, text.indexOf('\n')));
  const end = text.startsWith('.\n') ? 0 : text.indexOf('\n.\n') + 1;
  if (end > 0) return readAccount(text.slice(0, end - 1).split('\n'), uidOf);
  if (!ended && !text.startsWith('.\n')) return { kind: 'incomplete' };
  return temporary(
    octets.length === 0 ? 'authdaemond closed the connection without an answer' : 'the answer was cut off',
  );
}

function readAccount(lines: readonly string[], uidOf: FindUid): AnswerReading {
  const fields = new Map(
    lines.map((line): [string, string] => {
      const equals = line.indexOf('=');
      return equals < 0 ? [line, ''] : [line.slice(0, equals), line.slice(equals + 1)];
    }),
  );
  const exchange = readExchangeLines(fields);
  if (exchange !== undefined) return exchange;
  const systemUser = fields.get('USERNAME');
  const uid = unixId(fields.get('UID')) ?? (systemUser === undefined ? undefined : uidOf(systemUser));
  const gid = unixId(fields.get('GID'));
  const home = fields.get('HOME');
  const address = fields.get('ADDRESS');
  if (uid === undefined || gid === undefined) return temporary('the answer has no usable UID and GID');
  if (home === undefined || address === undefined) return temporary('the answer has no HOME or no ADDRESS');
  const clear = fields.get('PASSWD2');
  const account: Account = {
    address,
    uid,
    gid,
    home,
    options: parseOptions(fields.get('OPTIONS') ?? ''),
    ...given('systemUser', systemUser),
    ...given('fullName', fields.get('NAME')),
    ...given('maildir', fields.get('MAILDIR')),
    ...given('quota', fields.get('QUOTA')),
    ...given('encryptedPassword', fields.get('PASSWD')),
    ...(clear === undefined ? {} : { clearPassword: new Secret(clear) }),
  };
  return { kind: 'account', account, ...given('lastWord', fields.get(LAST_WORD)) };
}

/** Writes one line of an ENUMERATE answer; undefined when a field holds a TAB or a line end. */
export function formatEnumerated(account: EnumeratedAccount): Buffer | undefined {
  const options = formatOptions(account.options);
  const fields = [account.name, String(account.uid), String(account.gid), account.home, account.maildir, options];
  return fields.some(hasControls) ? undefined : octetsFromText(`${fields.join('\t')}\n`);
}

/** Reads one line of an ENUMERATE answer without its end; undefined for comments, empty and unknown lines. */
export function readEnumerated(line: Buffer): EnumeratedAccount | undefined {
  const text = textFromOctets(line);
  if (text === '' || text.startsWith('#')) return undefined;
  const [name, uidText, gidText, home, maildir = '', options = ''] = text.split('\t');
  const uid = unixId(uidText);
  const gid = unixId(gidText);
  if (name === undefined || home === undefined || uid === undefined || gid === undefined) return undefined;
  return { name, uid, gid, home, maildir, options: parseOptions(options) };
}

/** Reads a decimal uid or gid: 32 bit without the highest, which means "none" to the system. */
export function unixId(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9]{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id < 0xffff_ffff ? id : undefined;
}

function given<Name extends string>(name: Name, value: string | undefined): { [key in Name]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { [key in Name]: string });
}

function malformed(reason: string): RequestReading {
  return { kind: 'malformed', reason };
}

function temporary(reason: string): { readonly kind: 'temporary failure'; readonly reason: string } {
  return { kind: 'temporary failure', reason };
}
