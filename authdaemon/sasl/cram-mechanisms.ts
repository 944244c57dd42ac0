/**
 * CRAM-MD5 (RFC 2195), and Courier's CRAM-SHA1 and CRAM-SHA256: the client answers a challenge with its digest.
 *
 * What goes to authdaemond is the base64 of challenge and answer, a line each, as Courier's own clients send it.
 */
import { Secret } from '../../init/runtime/secret.js';
import { octetsFromText } from '../octet-text.js';
import { claim, failed, type SaslContext, type SaslConversation, type SaslStep } from './conversation.js';

/** Octets of the challenge that nobody can guess. */
const NONCE_OCTETS = 16;

/** One challenge, one answer. */
export class CramConversation implements SaslConversation {
  readonly #context: SaslContext;
  readonly #authType: string;
  readonly #challenge: Buffer;

  /** `authType`: `cram-md5`, `cram-sha1` or `cram-sha256`. */
  constructor(authType: string, context: SaslContext) {
    this.#authType = authType;
    this.#context = context;
    this.#challenge = Buffer.from(`<${context.randomOctets(NONCE_OCTETS).toString('hex')}@${context.hostname}>`);
  }

  start(initial?: Buffer): SaslStep {
    // The server speaks first.
    if (initial !== undefined && initial.length > 0) return failed('CRAM has no initial response.');
    return { kind: 'challenge', octets: this.#challenge };
  }

  /** `name SP hexdigest`; the name may hold blanks. */
  answer(octets: Buffer): SaslStep {
    const blank = octets.lastIndexOf(0x20);
    const digest = octets.toString('latin1', blank + 1);
    if (blank < 1 || !/^[0-9a-fA-F]{32,64}$/.test(digest)) return failed('Not an answer to CRAM.');
    const step = claim(this.#context.names, {
      loginName: octets.subarray(0, blank),
      proof: { authType: this.#authType, data: new Secret('') },
    });
    if (step.kind !== 'credentials') return step;
    // The digest is of the challenge alone: the name may be completed.
    const answer = Buffer.concat([octetsFromText(step.loginName), Buffer.from(` ${digest}`)]);
    const lines = `${this.#challenge.toString('base64')}\n${answer.toString('base64')}\n`;
    return { ...step, proof: { authType: this.#authType, data: new Secret(lines) } };
  }
}
