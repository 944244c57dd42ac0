/** A whole SCRAM login at one module, for the tests of stores. */
import type { AuthModule } from '../../authdaemon/modules/module.js';
import { formatScramData } from '../../authdaemon/sasl/scram-data.js';
import { ScramMechanism } from '../../authdaemon/scram/scram-mechanism.js';
import { ScramClient } from '../support/scram-client.js';

/** `account`, or what else came of it. */
export async function scramOutcome(module: AuthModule, user: string, password: string): Promise<string> {
  const mechanism = new ScramMechanism('sha256', { seed: Buffer.alloc(32), now: () => 0 });
  const client = new ScramClient({ hash: 'sha256', user, password });
  const ask = async (data: string) => {
    const request = { service: 'imap', authType: 'scram-sha-256', authData: Buffer.from(data) };
    const { answer } = await mechanism.answer(request, {
      names: [module.name],
      lookup: async (_, who) => ({ answer: await module.lookup(who), steps: [] }),
    });
    return answer;
  };
  const begun = await ask(formatScramData({ step: 'first', loginName: user, message: client.first }));
  if (begun.kind !== 'challenge') return begun.kind;
  const message = client.final(Buffer.from(begun.challenge, 'base64'));
  const { token } = begun;
  const answer = await ask(formatScramData({ step: 'final', token, message, channelBinding: Buffer.alloc(0) }));
  return answer.kind === 'rejected' ? answer.reason : answer.kind;
}
