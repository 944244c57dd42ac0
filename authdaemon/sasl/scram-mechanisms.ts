/**
 * The login process's half of SCRAM (RFC 5802, RFC 7677): it looks after the connection and its channel binding, and
 * leaves the secrets to authdaemond, which is asked twice.
 */
import type { Proof } from '../../init/runtime/login/before-login.js';
import { Secret } from '../../init/runtime/secret.js';
import {
  claim,
  failed,
  type SaslClaim,
  type SaslContext,
  type SaslConversation,
  type SaslStep,
} from './conversation.js';
import { formatScramData } from './scram-data.js';
import { type ClientFirst, readClientFinal, readClientFirst } from './scram-messages.js';

/** Two messages each way. */
export class ScramConversation implements SaslConversation {
  readonly #authType: string;
  readonly #plus: boolean;
  readonly #context: SaslContext;
  #first: ClientFirst | undefined;
  #claim: SaslClaim | undefined;
  #token: string | undefined;

  /** `authType`: `scram-sha-1` or `scram-sha-256`. */
  constructor(authType: string, plus: boolean, context: SaslContext) {
    this.#authType = authType;
    this.#plus = plus;
    this.#context = context;
  }

  start(initial?: Buffer): SaslStep {
    return initial === undefined ? { kind: 'challenge', octets: Buffer.alloc(0) } : this.answer(initial);
  }

  answer(octets: Buffer): SaslStep {
    if (this.#claim === undefined) return this.#begin(octets);
    const token = this.#token;
    if (token === undefined) return failed('Not expected.');
    // Together with a token that a long first message has made long, a long one would be too much for the supervisor.
    if (readClientFinal(octets) === undefined) return failed('Not a SCRAM message.');
    const binding = this.#first?.binding;
    const channelBinding = typeof binding === 'object' ? this.#context.channelBinding(binding.type) : Buffer.alloc(0);
    if (channelBinding === undefined) return failed('The channel binding has gone.');
    const proof = this.#ask(formatScramData({ step: 'final', token, message: octets, channelBinding }));
    return { ...this.#claim, proof };
  }

  challenged(challenge: Buffer, token: string): SaslStep {
    this.#token = token;
    return { kind: 'challenge', octets: challenge };
  }

  #begin(octets: Buffer): SaslStep {
    const first = readClientFirst(octets);
    if (first === undefined) return failed('Not a SCRAM message.');
    const wrong = this.#wrongBinding(first.binding);
    if (wrong !== undefined) return failed(wrong);
    const step = claim(this.#context.names, {
      loginName: Buffer.from(first.loginName),
      authorisationName: Buffer.from(first.authorisationName),
      proof: this.#ask(''),
    });
    if (step.kind !== 'credentials') return step;
    this.#first = first;
    this.#claim = step;
    const { loginName } = step;
    return { kind: 'ask', beginning: this.#ask(formatScramData({ step: 'first', loginName, message: octets })) };
  }

  /** RFC 5802 section 6. */
  #wrongBinding(binding: ClientFirst['binding']): string | undefined {
    if (typeof binding === 'object') {
      if (!this.#plus) return 'Channel binding belongs to the mechanism with -PLUS.';
      const known = this.#context.channelBinding(binding.type) !== undefined;
      return known ? undefined : 'This type of channel binding is not supported.';
    }
    if (this.#plus) return 'The mechanism with -PLUS needs channel binding.';
    // Somebody on the way took the words with -PLUS out of our list.
    return binding === 'y' && this.#context.offersChannelBinding ? 'Channel binding was offered.' : undefined;
  }

  #ask(data: string): Proof {
    return { authType: this.#authType, data: new Secret(data) };
  }
}
