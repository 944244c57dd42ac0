/** AUTHENTICATE: a SASL exchange in lines of base64, with initial response (RFC 4959). */
import { decodeBase64, type SaslConversation, type SaslStep, saslConversation } from '../../authdaemon/sasl.js';
import { attemptLogin, refuseLogin, requireTls } from '../before-login/login-attempt.js';
import type { LoginSession } from '../before-login/login-session.js';
import { ClientGone, type Completion } from '../completion.js';
import type { ReceivedCommand } from '../wire/command-reader.js';
import type { Cursor } from '../wire/cursor.js';
import { Encoder } from '../wire/encoder.js';
import { SyntaxFailure } from '../wire/failures.js';

interface AuthenticateArguments {
  readonly tag: string;
  readonly mechanism: string;
  /** Absent if the client sent no initial response; an empty one is not the same. */
  readonly initial?: Buffer;
}

/** `authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp]`; `=` is an empty initial response. */
export function parseAuthenticate(cursor: Cursor, { tag }: ReceivedCommand): AuthenticateArguments {
  cursor.sp();
  const mechanism = cursor.atom().toUpperCase();
  if (!cursor.spaceBeforeMore()) {
    cursor.end();
    return { tag, mechanism };
  }
  cursor.sp();
  const initial = cursor.astring().toString('latin1');
  cursor.end();
  return { tag, mechanism, initial: initial === '=' ? Buffer.alloc(0) : decoded(initial) };
}

/** RFC 9051 section 6.2.2. The mail worker answers it when all is well. */
export async function authenticate(session: LoginSession, args: AuthenticateArguments): Promise<Completion> {
  requireTls(session);
  const { tag, mechanism } = args;
  const conversation = saslConversation(mechanism);
  if (conversation === undefined) return refuseLogin(session, { tag, mechanism }, 'CANNOT');

  const step = await exchange(session, conversation, args.initial);
  if (step.kind !== 'credentials') return refuseLogin(session, { tag, mechanism });
  // Nobody may act as somebody else here.
  if (step.authorisationName !== undefined) return refuseLogin(session, { tag, mechanism }, 'AUTHORIZATIONFAILED');
  return attemptLogin(session, { tag, mechanism, loginName: step.loginName, password: step.password });
}

async function exchange(session: LoginSession, conversation: SaslConversation, initial?: Buffer): Promise<SaslStep> {
  let step = initial === undefined ? conversation.start() : conversation.start(initial);
  while (step.kind === 'challenge') {
    session.write(new Encoder().atom('+ ').raw(step.octets.toString('base64')).crlf());
    const line = await session.commands.line();
    if (line === undefined) throw new ClientGone();
    const text = line.toString('latin1');
    if (text === '*') throw new SyntaxFailure('AUTHENTICATE was cancelled.');
    step = conversation.answer(decoded(text));
  }
  return step;
}

function decoded(base64: string): Buffer {
  const octets = decodeBase64(base64);
  if (octets === undefined) throw new SyntaxFailure('That is not base64.');
  return octets;
}
