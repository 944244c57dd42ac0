/**
 * What all SASL mechanisms have in common before login: a conversation that ends with a claim (who, and the proof) or a
 * failure.
 *
 * Conversations know decoded octets only; how a protocol frames challenges and answers (base64, `+ `, `*` to cancel) is
 * the caller's. Nobody is asked here whether a claim is true.
 */
import type { Proof } from '../../init/runtime/login/before-login.js';
import { Secret } from '../../init/runtime/secret.js';
import type { LoginNames } from '../login-name.js';
import { hasControls, textFromOctets } from '../octet-text.js';

/** A user name or password longer than this is refused; authdaemon's request has 8191 octets for both. */
const MAX_FIELD_OCTETS = 2048;

/** Somebody says who he is. */
export interface SaslClaim {
  readonly kind: 'credentials';
  /** Complete with its domain; empty where the proof itself says who it is (a token). */
  readonly loginName: string;
  readonly proof: Proof;
  /** Whom the client wants to act as; absent when it named nobody or itself. */
  readonly authorisationName?: string;
}

/** What the server does next. */
export type SaslStep =
  | { readonly kind: 'challenge'; readonly octets: Buffer }
  /** authdaemond makes the next challenge; give its answer to `challenged`. */
  | { readonly kind: 'ask'; readonly beginning: Proof }
  | SaslClaim
  | { readonly kind: 'failed'; readonly text: string };

/** One authentication exchange. It ends with a claim or a failure; then it is thrown away. */
export interface SaslConversation {
  /** Begins; `initial` is the initial response (an empty one is not the same as none). */
  start(initial?: Buffer): SaslStep;
  /** Takes the client's answer to the last challenge. */
  answer(octets: Buffer): SaslStep;
  /** Takes the challenge that authdaemond made, and what it wants back with the client's answer. */
  challenged?(challenge: Buffer, token: string): SaslStep;
}

/** What mechanisms need to know of the server and the connection. */
export interface SaslContext {
  readonly names: LoginNames;
  /** This machine, as CRAM's challenge names it. */
  readonly hostname: string;
  readonly randomOctets: (count: number) => Buffer;
  /** Octets of this TLS connection (RFC 9266, RFC 5929); undefined for a type that it does not have. */
  readonly channelBinding: (type: string) => Buffer | undefined;
  /** The name in the client's certificate, where one was verified and the site wants to know it. */
  readonly certificateName?: string;
  /** Mechanisms with -PLUS were offered. */
  readonly offersChannelBinding: boolean;
}

/** Reads names and a password as they came; a claim, or what is wrong with them. */
export function passwordClaim(
  names: LoginNames,
  typed: { readonly loginName: Buffer; readonly password: Buffer; readonly authorisationName?: Buffer },
): SaslStep {
  const password = readField(typed.password);
  if (typeof password !== 'string') return password;
  const proof = { authType: 'login', data: new Secret(password) };
  return claim(names, { loginName: typed.loginName, proof, authorisationName: typed.authorisationName });
}

/** Makes a claim of names as they came: completed with the default domain, and `user*admin` taken apart. */
export function claim(
  names: LoginNames,
  given: { readonly loginName: Buffer; readonly proof: Proof; readonly authorisationName?: Buffer | undefined },
): SaslStep {
  const typed = readField(given.loginName);
  if (typeof typed !== 'string') return typed;
  const wanted = readField(given.authorisationName ?? Buffer.alloc(0));
  if (typeof wanted !== 'string') return wanted;
  if (typed === '') return failed('The user name is empty.');
  const { loginName, authorisationName } = names.read(typed);
  const other = wanted === '' || wanted === typed ? authorisationName : names.complete(wanted);
  if (authorisationName !== undefined && other !== authorisationName) return failed('Two authorisation identities.');
  const found = { kind: 'credentials', loginName, proof: given.proof } as const;
  return other === undefined || other === loginName ? found : { ...found, authorisationName: other };
}

/** The end of a conversation that leads nowhere; `text` is for the client. */
export function failed(text: string): { readonly kind: 'failed'; readonly text: string } {
  return { kind: 'failed', text };
}

function readField(octets: Buffer): string | { readonly kind: 'failed'; readonly text: string } {
  if (octets.length > MAX_FIELD_OCTETS) return failed('User name or password is too long.');
  const text = textFromOctets(octets);
  return hasControls(text) ? failed('User name or password holds a control character.') : text;
}
