/**
 * APOP (RFC 1939 section 7): a name, and the MD5 of the challenge in the greeting and the password. It needs passwords that
 * are kept in the clear, and is off unless the administrator wants it.
 */
import { claim } from '../../authdaemon/sasl/conversation.js';
import { Secret } from '../../init/runtime/secret.js';
import { type ReceivedCommand, wordsOf } from '../wire/lines.js';
import { INVALID_COMMAND, type Reply } from '../wire/replies.js';
import { attemptLogin, refuseLogin } from './login-attempt.js';
import type { LoginSession } from './login-session.js';

/** Its type of AUTH. */
const APOP = 'apop';

/** APOP name digest */
export function apop(session: LoginSession, received: ReceivedCommand): Reply | Promise<Reply> {
  const { apopChallenge, names } = session;
  const [typed, digest, ...more] = wordsOf(received);
  if (apopChallenge === undefined || typed === undefined || more.length > 0) return INVALID_COMMAND;
  if (digest === undefined || !/^[0-9a-fA-F]{32}$/.test(digest)) return INVALID_COMMAND;
  const loginName = Buffer.from(typed, 'latin1');
  const attempted = { method: 'APOP' };
  const found = claim(names, { loginName, proof: { authType: APOP, data: new Secret('') } });
  if (found.kind !== 'credentials') return refuseLogin(session, attempted);
  // As CRAM: the challenge, and the name with the digest, a line each in base64.
  const answer = Buffer.from(`${found.loginName} ${digest}`);
  const lines = `${Buffer.from(apopChallenge).toString('base64')}\n${answer.toString('base64')}\n`;
  return attemptLogin(session, { attempted, claim: { ...found, proof: { authType: APOP, data: new Secret(lines) } } });
}
