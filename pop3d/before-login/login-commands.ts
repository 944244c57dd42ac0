/**
 * The commands before login: CAPA, QUIT, USER, PASS, AUTH, APOP, STLS, UTF8, LANG.
 */
import { decodeBase64 } from '../../authdaemon/sasl/base64.js';
import { passwordClaim } from '../../authdaemon/sasl/conversation.js';
import { holdExchange } from '../../authdaemon/sasl/exchange.js';
import { saslConversation } from '../../authdaemon/sasl/mechanisms.js';
import { offeredMechanisms } from '../../authdaemon/sasl/offered-mechanisms.js';
import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import { capaReply, langReply, mayLogin } from '../capabilities.js';
import { type ReceivedCommand, wordsOf } from '../wire/lines.js';
import { err, INVALID_COMMAND, ok, type Reply } from '../wire/replies.js';
import { apop } from './apop.js';
import { attemptLogin, authService, failForNow, refuseLogin } from './login-attempt.js';
import type { LoginSession } from './login-session.js';

/** Runs a command; its reply is sent by the caller. */
export type LoginCommand = (session: LoginSession, received: ReceivedCommand) => Reply | Promise<Reply>;

const TLS_REQUIRED = err('TLS required to log in.');

const commands: ReadonlyMap<string, LoginCommand> = new Map<string, LoginCommand>([
  ['APOP', forSecrets(apop)],
  ['AUTH', auth],
  ['CAPA', (session) => capaReply(session.capabilityContext)],
  ['LANG', (_session, { rest }) => langReply(rest)],
  ['PASS', forSecrets(pass)],
  ['QUIT', quit],
  ['STLS', stls],
  ['USER', forSecrets(user)],
  ['UTF8', utf8],
  ['XCLIENT', xclient],
]);

/** Runs the command that was received. @throws {ClientGone} */
export function loginCommands(session: LoginSession, received: ReceivedCommand): Reply | Promise<Reply> {
  const run = commands.get(received.name);
  return run === undefined ? INVALID_COMMAND : run(session, received);
}

/** Refuses to hear a password that anybody on the way could read, if the administrator wants that. */
function forSecrets(run: LoginCommand): LoginCommand {
  return (session, received) => {
    const allowed = mayLogin({ settings: session.settings, tls: session.client.tls });
    return allowed ? run(session, received) : TLS_REQUIRED;
  };
}

function quit(session: LoginSession): Reply {
  session.end('logout');
  return ok('Better luck next time.');
}

/** RFC 2595 section 4 */
function stls(session: LoginSession): Reply {
  if (!session.client.tlsAvailable) return err('TLS support not available.');
  session.startTlsAfterAnswer();
  return ok('Begin SSL/TLS negotiation now.');
}

/** RFC 6856 section 2 */
function utf8(session: LoginSession): Reply {
  session.utf8 = true;
  return ok('UTF8 enabled');
}

/** Proxies of ours and of Dovecot count with it, so that those that point at each other find out. Nothing else is believed. */
function xclient(session: LoginSession, { rest }: ReceivedCommand): Reply {
  const [, hops] = /(?:^| )TTL=(\d{1,3})(?: |$)/i.exec(rest) ?? [];
  if (!session.settings.proxies || hops === undefined) return INVALID_COMMAND;
  session.hopsLeft = Math.min(Number(hops), session.hopsLeft ?? Number(hops));
  return ok('Counted.');
}

/** RFC 1939 section 7 */
function user(session: LoginSession, { rest }: ReceivedCommand): Reply {
  if (rest === '') return INVALID_COMMAND;
  session.user = rest.trimEnd();
  return ok('Password required.');
}

/** The rest of the line is the password, blanks and all. */
function pass(session: LoginSession, { octets }: ReceivedCommand): Reply | Promise<Reply> {
  const { user: typed, names } = session;
  session.user = undefined;
  if (typed === undefined || octets === '') return err('USER/PASS required.');
  const loginName = Buffer.from(typed, 'latin1');
  const claim = passwordClaim(names, { loginName, password: Buffer.from(octets, 'latin1') });
  const attempted = { user: loginName.toString('utf8') };
  if (claim.kind !== 'credentials') return refuseLogin(session, attempted);
  return attemptLogin(session, { attempted, claim });
}

/** RFC 5034. Without a mechanism it lists them, as other servers do: some clients ask so. */
async function auth(session: LoginSession, received: ReceivedCommand): Promise<Reply> {
  if (!mayLogin({ settings: session.settings, tls: session.client.tls })) return TLS_REQUIRED;
  const offered = offeredMechanisms(session.capabilityContext);
  const [word, initial, ...more] = wordsOf(received);
  if (word === undefined) return ok('Mechanisms follow.', offered);
  if (more.length > 0) return INVALID_COMMAND;
  const mechanism = word.toUpperCase();
  const attempted = { method: mechanism };
  const conversation = offered.includes(mechanism) ? saslConversation(mechanism, session.saslContext) : undefined;
  if (conversation === undefined) return refuseLogin(session, attempted);
  try {
    const first = initial === undefined ? undefined : decoded(initial === '=' ? '' : initial);
    const end = await holdExchange(conversation, first, {
      ask: async (challenge) => decoded(await answerFrom(session, challenge)),
      beginExchange: (beginning) => session.client.beginExchange(beginning, authService(session)),
    });
    if (end.kind === 'failed') return refuseLogin(session, attempted);
    if (end.kind === 'temporary failure') return failForNow(session, end.reason);
    return attemptLogin(session, { attempted, claim: end, sayLastWord: (last) => isHeard(session, last) });
  } catch (error) {
    if (error instanceof BrokenExchange) return { ...err(error.message), isMistake: true };
    throw error;
  }
}

/** The client does not go on with an exchange. */
class BrokenExchange extends Error {}

/** Sends a challenge and gives the line that comes back. */
async function answerFrom(session: LoginSession, challenge: string): Promise<string> {
  session.client.write(`+ ${challenge}\r\n`);
  const line = await session.lines.next();
  if (line === undefined) throw new ClientGone();
  if (line.kind === 'too long') throw new BrokenExchange('The line is too long.');
  if (line.text === '*') throw new BrokenExchange('Authentication aborted.');
  return line.text;
}

/** Tells the mechanism's last word, which a client answers with an empty line, or with whatever it likes after a failure. */
async function isHeard(session: LoginSession, word: string): Promise<boolean> {
  try {
    return (await answerFrom(session, word)) === '';
  } catch (error) {
    if (error instanceof BrokenExchange || error instanceof ClientGone) return false;
    throw error;
  }
}

function decoded(base64: string): Buffer {
  const octets = decodeBase64(base64);
  if (octets === undefined) throw new BrokenExchange('That is not base64.');
  return octets;
}
