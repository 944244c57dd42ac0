/**
 * Holds a SASL exchange over a line protocol: challenges go out in base64, answers come back as lines.
 *
 * How a challenge is framed, and what a cancelled exchange is, the protocol says. It asks authdaemond where a mechanism
 * leaves the challenge to it, and nobody whether the claim at the end is true.
 */
import type { ExchangeAnswer, Proof } from '../../init/runtime/login/before-login.js';
import type { SaslConversation, SaslStep } from './conversation.js';

/** What the protocol does for an exchange. */
export interface ExchangeParts {
  /** Sends a challenge, in base64, and gives the decoded answer. */
  readonly ask: (challenge: string) => Promise<Buffer>;
  /** Asks authdaemond for the challenge of a mechanism. */
  readonly beginExchange: (beginning: Proof) => Promise<ExchangeAnswer>;
}

/** How an exchange ended: somebody says who he is, or not, or nobody can tell now. */
export type ExchangeEnd =
  | Extract<SaslStep, { kind: 'credentials' | 'failed' }>
  | { readonly kind: 'temporary failure'; readonly reason: string };

/** Holds the exchange to its end; an empty initial response is not the same as none. */
export async function holdExchange(
  conversation: SaslConversation,
  initial: Buffer | undefined,
  { ask, beginExchange }: ExchangeParts,
): Promise<ExchangeEnd> {
  let step = initial === undefined ? conversation.start() : conversation.start(initial);
  for (;;) {
    if (step.kind === 'challenge') {
      step = conversation.answer(await ask(step.octets.toString('base64')));
    } else if (step.kind === 'ask') {
      const answer = await beginExchange(step.beginning);
      if (answer.kind === 'temporary failure') return answer;
      if (answer.kind === 'rejected') return { kind: 'failed', text: 'The mechanism is not possible.' };
      const challenge = Buffer.from(answer.challenge, 'base64');
      step = conversation.challenged?.(challenge, answer.token) ?? {
        kind: 'failed',
        text: 'No challenge was asked for.',
      };
    } else return step;
  }
}
