/**
 * The POP3 half of proxy mode: how this server logs in at another one on behalf of a client.
 *
 * The words to the client and the order of the steps are Courier's, with CAPA in front where a proxy has something to
 * tell that only some servers understand.
 */
import { type BackEnd, BackEndFailure, BackEndRefusal } from '../../init/runtime/proxy/back-end.js';
import type { BackEndLogin, ProxyDialogue } from '../../init/runtime/proxy/proxy-dialogue.js';
import { plainAddress } from '../../init/runtime/tls/tls-helpers.js';
import { encodeReply, err, ok } from '../wire/replies.js';
import { UTF8_TAG } from './login-attempt.js';

/** A server that can do more things is none of ours. */
const MAX_CAPABILITIES = 100;

/** Refusals that are no fault of the password: another server may do. */
const NOT_NOW = /^-ERR (\[(SYS\/TEMP|IN-USE|LOGIN-DELAY)|Temporary problem)/i;

/** See the head of this file. */
export const proxyDialogue: ProxyDialogue = {
  protocol: 'pop3',
  logIn,
  lineWords: () => ({ protocol: '', tls: ', stls=1' }),
  isGoodbye: (fromClient) => /(^|\n)QUIT *\r?\n$/i.test(fromClient),
  goodbye: (text) => encodeReply(err(text, 'SYS/TEMP')),
};

async function logIn(backEnd: BackEnd, login: BackEndLogin): Promise<Buffer> {
  const greeting = await backEnd.line();
  if (!isOk(greeting)) {
    throw new BackEndFailure(`Did not receive greeting from ${backEnd.name}: ${printable(greeting)}`);
  }
  if (backEnd.needsStartTls) await startTls(backEnd);
  if (/\[XCLIENT\]/i.test(greeting) || (await capabilities(backEnd)).has('XCLIENT')) await introduce(backEnd, login);
  if (login.tag === UTF8_TAG && !isOk(await ask(backEnd, 'UTF8'))) {
    throw new BackEndFailure(`UTF8 rejected by ${backEnd.name}`);
  }
  const reply = await prove(backEnd, login);
  if (!isOk(reply)) throw refusal(backEnd, reply);
  return encodeReply(ok('Connected to proxy server.'));
}

async function startTls(backEnd: BackEnd): Promise<void> {
  const reply = await ask(backEnd, 'STLS');
  if (!isOk(reply)) throw backEnd.failure(`no STLS: ${printable(reply)}`);
  await backEnd.startTls();
}

async function capabilities(backEnd: BackEnd): Promise<ReadonlySet<string>> {
  const words = new Set<string>();
  if (!isOk(await ask(backEnd, 'CAPA'))) return words;
  while (words.size < MAX_CAPABILITIES) {
    const line = await backEnd.line();
    if (line === '.') return words;
    words.add(line.split(' ')[0]?.toUpperCase() ?? '');
  }
  throw backEnd.failure('it does not come to the point');
}

/** Tells where the client is, as Dovecot understands it, and how many more proxies may follow. */
async function introduce(backEnd: BackEnd, { manner, remote, hopsLeft }: BackEndLogin): Promise<void> {
  const where = manner.tellAddress === 'id' ? `ADDR=${plainAddress(remote.ip)} PORT=${remote.port} ` : '';
  await ask(backEnd, `XCLIENT ${where}TTL=${hopsLeft - 1}`);
}

/** USER and PASS as Courier; AUTH for another identity, which they cannot say. */
async function prove(backEnd: BackEnd, { loginName, password, authorisationName }: BackEndLogin): Promise<string> {
  if (authorisationName === undefined) {
    const reply = await ask(backEnd, `USER ${loginName}`);
    return isOk(reply) ? await ask(backEnd, `PASS ${password.reveal()}`) : reply;
  }
  const reply = await ask(backEnd, 'AUTH PLAIN');
  if (!reply.startsWith('+ ')) return reply;
  const proof = Buffer.from(`${authorisationName}\0${loginName}\0${password.reveal()}`);
  const answer = await ask(backEnd, proof.toString('base64'));
  proof.fill(0);
  return answer;
}

async function ask(backEnd: BackEnd, line: string): Promise<string> {
  backEnd.write(Buffer.from(`${line}\r\n`));
  return await backEnd.line();
}

function isOk(reply: string): boolean {
  return /^\+OK\b/i.test(reply);
}

/** The password is wrong there, or the server has other worries. */
function refusal(backEnd: BackEnd, reply: string): Error {
  const words = `${backEnd.name}: ${printable(reply)}`;
  return NOT_NOW.test(reply) ? new BackEndFailure(`Login to ${words}`) : new BackEndRefusal(words);
}

function printable(text: string): string {
  return text.slice(0, 200).replace(/[^\x20-\x7e]/g, '?');
}
