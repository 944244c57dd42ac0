/** AUTHENTICATE: a SASL exchange in lines of base64, with initial response (RFC 4959). */
import { decodeBase64 } from '../../authdaemon/sasl/base64.js';
import type { SaslConversation } from '../../authdaemon/sasl/conversation.js';
import { holdExchange } from '../../authdaemon/sasl/exchange.js';
import { saslConversation } from '../../authdaemon/sasl/mechanisms.js';
import { offeredMechanisms } from '../../authdaemon/sasl/offered-mechanisms.js';
import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import { AnonymousConversation } from '../before-login/anonymous.js';
import { attemptLogin, authService, failForNow, refuseLogin, requireTls } from '../before-login/login-attempt.js';
import type { LoginSession } from '../before-login/login-session.js';
import type { Completion } from '../completion.js';
import type { ReceivedCommand } from '../wire/command-reader.js';
import type { Cursor } from '../wire/cursor.js';
import { Encoder } from '../wire/encoder.js';
import { SyntaxFailure } from '../wire/failures.js';
import { SMAP_TAG } from '../wire/smap-tag.js';

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
  const attempted = { method: mechanism };
  const conversation = conversationOf(session, mechanism);
  if (conversation === undefined) return refuseLogin(session, attempted, 'CANNOT');

  const step = await holdExchange(conversation, args.initial, {
    ask: async (challenge) => decoded(await answerTo(session, tag, challenge)),
    beginExchange: (beginning) => session.client.beginExchange(beginning, authService(session)),
  });
  if (step.kind === 'failed') return refuseLogin(session, attempted);
  if (step.kind === 'temporary failure') return failForNow(session, step.reason);
  const sayLastWord = (word: string): Promise<boolean> => isHeard(session, tag, word);
  return attemptLogin(session, { tag, attempted, claim: step, sayLastWord });
}

/** Undefined for a mechanism that is none, or not on. */
function conversationOf(session: LoginSession, mechanism: string): SaslConversation | undefined {
  const { anonymous } = session.settings;
  if (mechanism === 'ANONYMOUS' && anonymous !== undefined) return new AnonymousConversation(session.names, anonymous);
  const isOn = offeredMechanisms(session.capabilityContext).includes(mechanism);
  return isOn ? saslConversation(mechanism, session.saslContext) : undefined;
}

/** Sends a challenge and gives the line that comes back. */
async function answerTo(session: LoginSession, tag: string, challenge: string): Promise<string> {
  session.write(
    new Encoder()
      .atom(tag === SMAP_TAG ? '> ' : '+ ')
      .raw(challenge)
      .crlf(),
  );
  const line = await session.commands.line();
  if (line === undefined) throw new ClientGone();
  const text = line.toString('latin1');
  if (text === '*') throw new SyntaxFailure('AUTHENTICATE was cancelled.');
  return text;
}

/** Tells the mechanism's last word, which a client answers with an empty line, or with whatever it likes after a failure. */
async function isHeard(session: LoginSession, tag: string, word: string): Promise<boolean> {
  try {
    return (await answerTo(session, tag, word)) === '';
  } catch (error) {
    if (error instanceof SyntaxFailure || error instanceof ClientGone) return false;
    throw error;
  }
}

function decoded(base64: string): Buffer {
  const octets = decodeBase64(base64);
  if (octets === undefined) throw new SyntaxFailure('That is not base64.');
  return octets;
}
