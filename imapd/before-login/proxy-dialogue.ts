/**
 * The IMAP half of proxy mode: how this server logs in at another one on behalf of a client, in IMAP or SMAP.
 *
 * The words to the client and the order of the steps are Courier's. Everything a back end says is read as lines of
 * octets; it is the administrator's server, but not trusted with more than its own mail.
 */
import { type BackEnd, BackEndFailure, BackEndRefusal } from '../../init/runtime/proxy/back-end.js';
import type { BackEndLogin, ProxyDialogue } from '../../init/runtime/proxy/proxy-dialogue.js';
import { plainAddress } from '../../init/runtime/tls/tls-helpers.js';
import { Encoder } from '../wire/encoder.js';
import { encodeCompletion, encodeUntagged } from '../wire/responses.js';
import { SMAP_TAG } from '../wire/smap-tag.js';

/** A server that says more lines than this before it answers is none of ours. */
const MAX_UNTAGGED_LINES = 200;

const WELCOME = 'connected to proxy server.';

/** Refusals that are no fault of the password: another server may do (RFC 5530). */
const NOT_NOW = /^(UNAVAILABLE|INUSE|SERVERBUG|LIMIT|OVERQUOTA|ALREADYEXISTS)\b/i;

/** See the head of this file. */
export const proxyDialogue: ProxyDialogue = {
  protocol: 'imap',
  logIn,
  lineWords: (tag) => ({ protocol: `, protocol=${tag === SMAP_TAG ? 'SMAP1' : 'IMAP'}`, tls: ', starttls=1' }),
  isGoodbye: (fromClient, fromBackEnd) =>
    /(^|\n)\* BYE/i.test(fromBackEnd) || /(^|\n)\S+ LOGOUT\r?\n$/i.test(fromClient),
  goodbye: (text, because) =>
    encodeUntagged({ status: 'BYE', code: because === 'trouble' ? 'UNAVAILABLE' : undefined, text }),
};

async function logIn(backEnd: BackEnd, login: BackEndLogin): Promise<Buffer> {
  const greeting = await readGreeting(backEnd);
  if (backEnd.needsStartTls) await startTls(backEnd, login.tag);
  if (/\[CAPABILITY [^\]]*\bID\b/i.test(greeting)) await introduce(backEnd, login);
  const answer = await prove(backEnd, login);
  if (answer.status !== 'OK') throw refusal(backEnd, answer);
  if (login.tag === SMAP_TAG) return encodeCompletion(SMAP_TAG, { status: 'OK', text: WELCOME });
  const alerts = answer.untagged.filter((line) => /^\* (OK|NO|BAD) \[ALERT\]/i.test(line));
  const welcome = login.manner.foreign ? await askCapability(backEnd, login.tag) : welcomeOf(login.tag, answer.text);
  return Buffer.concat([Buffer.from(alerts.map((line) => `${line}\r\n`).join(''), 'latin1'), welcome]);
}

async function readGreeting(backEnd: BackEnd): Promise<string> {
  const greeting = await backEnd.line();
  if (/^\* OK\b/i.test(greeting)) return greeting;
  throw new BackEndFailure(`Did not receive greeting from ${backEnd.name}: ${printable(greeting)}`);
}

async function startTls(backEnd: BackEnd, tag: string): Promise<void> {
  const tagInUse = tag === SMAP_TAG ? 'a' : tag;
  backEnd.write(Buffer.from(`${tagInUse} STARTTLS\r\n`));
  const { status, text } = await readAnswer(backEnd, tagInUse);
  if (status !== 'OK') throw backEnd.failure(`no STARTTLS: ${printable(text)}`);
  await backEnd.startTls();
}

/** Tells where the client is, in the fields that Dovecot and Cyrus know, and how many more proxies may follow. */
async function introduce(backEnd: BackEnd, { tag, manner, remote, local, hopsLeft }: BackEndLogin): Promise<void> {
  const fields = ['name', 'Angarium', 'x-proxy-ttl', String(hopsLeft - 1)];
  if (manner.tellAddress === 'id') {
    fields.push('x-originating-ip', plainAddress(remote.ip), 'x-originating-port', String(remote.port));
    fields.push('x-connected-ip', plainAddress(local.ip), 'x-connected-port', String(local.port));
  }
  const tagInUse = tag === SMAP_TAG ? 'a' : tag;
  const command = new Encoder().atom(`${tagInUse} ID `);
  command.list(fields, (text) => command.quoted(text));
  backEnd.write(command.crlf());
  await readAnswer(backEnd, tagInUse);
}

/** LOGIN as Courier sends it; AUTHENTICATE for what LOGIN cannot say: another identity, and letters outside ASCII. */
async function prove(backEnd: BackEnd, login: BackEndLogin): Promise<Answer> {
  const { tag, loginName, authorisationName = '' } = login;
  const password = login.password.reveal();
  if (authorisationName === '' && /^[\x20-\x7e]*$/.test(loginName + password)) {
    backEnd.write(Buffer.from(`${tag} LOGIN ${quoted(loginName)} ${quoted(password)}\r\n`));
    return await readAnswer(backEnd, tag);
  }
  backEnd.write(Buffer.from(`${tag} AUTHENTICATE PLAIN\r\n`));
  const first = await readAnswer(backEnd, tag);
  if (first.status !== 'CONTINUE') return first;
  const proof = Buffer.from(`${authorisationName}\0${loginName}\0${password}`);
  backEnd.write(Buffer.from(`${proof.toString('base64')}\r\n`));
  proof.fill(0);
  return await readAnswer(backEnd, tag);
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** What is said of a login that went well. The back end's capabilities are told where it told them. */
function welcomeOf(tag: string, text: string): Buffer {
  const [, code] = /^\[(CAPABILITY [^\]]+)\]/i.exec(text) ?? [];
  return encodeCompletion(tag, { status: 'OK', code, text: WELCOME });
}

/** As Courier for servers of another kind: the client gets the whole answer to a CAPABILITY that it did not send. */
async function askCapability(backEnd: BackEnd, tag: string): Promise<Buffer> {
  backEnd.write(Buffer.from(`${tag} CAPABILITY\r\n`));
  const { status, text, untagged } = await readAnswer(backEnd, tag);
  if (status !== 'OK') throw backEnd.failure(`no CAPABILITY: ${printable(text)}`);
  return Buffer.from([...untagged, `${tag} OK ${text}`, ''].join('\r\n'), 'latin1');
}

interface Answer {
  readonly status: 'OK' | 'NO' | 'BAD' | 'CONTINUE';
  /** Behind the status. */
  readonly text: string;
  readonly untagged: readonly string[];
}

/** Reads up to the tagged line, or the one that wants more of us. */
async function readAnswer(backEnd: BackEnd, tag: string): Promise<Answer> {
  const untagged: string[] = [];
  while (untagged.length <= MAX_UNTAGGED_LINES) {
    const line = await backEnd.line();
    if (/^[+>] ?/.test(line) && !/^\+OK/i.test(line)) return { status: 'CONTINUE', text: line.slice(2), untagged };
    const ending = tag === SMAP_TAG ? smapEnding(line) : imapEnding(line, tag);
    if (ending !== undefined) return { ...ending, untagged };
    if (/^\* BYE\b/i.test(line)) throw backEnd.failure(printable(line.slice(2)));
    untagged.push(line);
  }
  throw backEnd.failure('it does not come to the point');
}

function imapEnding(line: string, tag: string): Pick<Answer, 'status' | 'text'> | undefined {
  const [, status, text = ''] = /^(OK|NO|BAD)\b ?(.*)$/i.exec(line.slice(tag.length + 1)) ?? [];
  if (status === undefined || !line.startsWith(`${tag} `)) return undefined;
  return { status: status.toUpperCase() as 'OK' | 'NO' | 'BAD', text };
}

function smapEnding(line: string): Pick<Answer, 'status' | 'text'> | undefined {
  const [, status, text = ''] = /^(\+OK|-ERR)\b ?(.*)$/i.exec(line) ?? [];
  if (status === undefined) return undefined;
  return { status: status === '+OK' ? 'OK' : 'NO', text };
}

/** The password is wrong there, or the server has other worries. */
function refusal(backEnd: BackEnd, { status, text }: Answer): Error {
  const [, code = ''] = /^\[([^\]]*)\]/.exec(text) ?? [];
  const words = `${backEnd.name}: ${status} ${printable(text)}`;
  const isTheirs = status === 'NO' && !NOT_NOW.test(code);
  return isTheirs ? new BackEndRefusal(words) : new BackEndFailure(`Login to ${words}`);
}

function printable(text: string): string {
  return text.slice(0, 200).replace(/[^\x20-\x7e]/g, '?');
}
