/**
 * Token introspection (RFC 7662): asks the provider whether a token is good. Whatever is not a clear answer is a temporary
 * failure: nobody's token is bad because a provider is down.
 */
import type { TemporaryFailure } from '../modules/module.js';
import type { Claims } from './jwt.js';
import type { IntrospectionSettings } from './oauth-settings.js';
import { limitedText, reasonOf } from './provider.js';

/** What a provider says about a token fits into this many times. */
const MAX_ANSWER_OCTETS = 65_536;
/** A provider that is slow must not hold more logins than this. */
const MAX_AT_ONCE = 100;

/** What the provider said: the token's claims, or that it is not active. */
export type Introspection =
  | { readonly kind: 'active'; readonly claims: Claims }
  | { readonly kind: 'not active' }
  | TemporaryFailure;

let underWay = 0;

/** Asks. Never throws. */
export async function introspect(token: string, settings: IntrospectionSettings): Promise<Introspection> {
  if (underWay >= MAX_AT_ONCE) return failure('too many tokens are being looked up at the provider');
  underWay += 1;
  // Networks and other people's servers.
  try {
    return await ask(token, settings);
  } catch (error) {
    return failure(`${settings.url}: ${reasonOf(error)}`);
  } finally {
    underWay -= 1;
  }
}

async function ask(
  token: string,
  { url, clientId, clientSecret, timeoutMs }: IntrospectionSettings,
): Promise<Introspection> {
  const credentials = [clientId ?? '', clientSecret ?? ''].map(encodeURIComponent).join(':');
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      accept: 'application/json',
      ...(clientId === undefined ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
    },
    body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (!response.ok) {
    await response.body?.cancel();
    return failure(`${url} answers with status ${response.status}`);
  }
  const answer: unknown = JSON.parse(await limitedText(response, MAX_ANSWER_OCTETS));
  if (typeof answer !== 'object' || answer === null || !('active' in answer))
    return failure(`${url} does not say active`);
  return answer.active === true ? { kind: 'active', claims: answer as unknown as Claims } : { kind: 'not active' };
}

function failure(reason: string): TemporaryFailure {
  return { kind: 'temporary failure', reason };
}
