/** EXTERNAL (RFC 4422 appendix A): TLS has said who the client is, by a certificate that was verified. */
import { Secret } from '../../init/runtime/secret.js';
import { hasControls, textFromOctets } from '../octet-text.js';
import { failed, type SaslContext, type SaslConversation, type SaslStep } from './conversation.js';

/** One message: whom the client wants to act as, or nothing. */
export class ExternalConversation implements SaslConversation {
  readonly #context: SaslContext;

  constructor(context: SaslContext) {
    this.#context = context;
  }

  start(initial?: Buffer): SaslStep {
    return initial === undefined ? { kind: 'challenge', octets: Buffer.alloc(0) } : this.answer(initial);
  }

  answer(octets: Buffer): SaslStep {
    const { certificateName, names } = this.#context;
    if (certificateName === undefined || hasControls(certificateName)) return failed('No certificate was verified.');
    const wanted = textFromOctets(octets);
    if (hasControls(wanted)) return failed('The authorisation identity holds a control character.');
    const proof = { authType: 'external', data: new Secret('') };
    const claim = { kind: 'credentials', loginName: certificateName, proof } as const;
    if (wanted === '' || wanted === certificateName) return claim;
    return { ...claim, authorisationName: names.complete(wanted) };
  }
}
