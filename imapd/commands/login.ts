/** LOGIN: a name and a password in clear text. */
import { passwordClaim } from '../../authdaemon/sasl/conversation.js';
import { attemptLogin, requireTls } from '../before-login/login-attempt.js';
import type { LoginSession } from '../before-login/login-session.js';
import { bad, type Completion } from '../completion.js';
import type { ReceivedCommand } from '../wire/command-reader.js';
import type { Cursor } from '../wire/cursor.js';

interface LoginArguments {
  readonly tag: string;
  readonly loginName: Buffer;
  readonly password: Buffer;
}

/** Two words without quotes, in which parentheses and brackets are like any other character. */
const PLAIN_WORDS = /^ ([!#-[\]-z|}~]+) ([!#-[\]-z|}~]+) *$/;

/**
 * `login = "LOGIN" SP userid SP password`
 *
 * Old clients send passwords with parentheses as they are. As Debian's Courier, LOGIN takes them; nothing else could be
 * meant.
 */
export function parseLogin(cursor: Cursor, { tag, rest }: ReceivedCommand): LoginArguments {
  const [, plainName, plainPassword] = PLAIN_WORDS.exec(rest.toString('latin1')) ?? [];
  if (plainName !== undefined && plainPassword !== undefined)
    return { tag, loginName: Buffer.from(plainName), password: Buffer.from(plainPassword) };
  cursor.sp();
  const loginName = cursor.astring();
  cursor.sp();
  const password = cursor.astring();
  cursor.end();
  return { tag, loginName, password };
}

/** RFC 9051 section 6.2.3. The mail worker answers it when all is well. */
export async function login(session: LoginSession, { tag, ...typed }: LoginArguments): Promise<Completion> {
  requireTls(session);
  const claim = passwordClaim(session.names, typed);
  if (claim.kind !== 'credentials') return bad(claim.kind === 'failed' ? claim.text : 'LOGIN is not possible.');
  const user = typed.loginName.toString('utf8');
  return attemptLogin(session, { tag, attempted: { user }, claim });
}
