/** OAUTHBEARER (RFC 7628) and Google's XOAUTH2: the client shows a token that somebody else gave it. */
import { Secret } from '../../init/runtime/secret.js';
import { hasControls, textFromOctets } from '../octet-text.js';
import { formatBearerData, isToken } from './bearer-data.js';
import { failed, type SaslContext, type SaslConversation, type SaslStep } from './conversation.js';

/** One message. What a refused client is told is the caller's last word. */
export class BearerConversation implements SaslConversation {
  readonly #authType: 'oauthbearer' | 'xoauth2';
  readonly #context: SaslContext;

  constructor(authType: 'oauthbearer' | 'xoauth2', context: SaslContext) {
    this.#authType = authType;
    this.#context = context;
  }

  start(initial?: Buffer): SaslStep {
    return initial === undefined ? { kind: 'challenge', octets: Buffer.alloc(0) } : this.answer(initial);
  }

  answer(octets: Buffer): SaslStep {
    const text = textFromOctets(octets);
    const message = this.#authType === 'xoauth2' ? readXoauth2(text) : readOauthbearer(text);
    if (message === undefined || hasControls(message.typed)) return failed('Not a message with a token.');
    const { typed, token } = message;
    const wanted = typed === '' ? '' : this.#context.names.complete(typed);
    const data = new Secret(formatBearerData({ typed, wanted, token }));
    // The token says who it is; what the client says is whom it wants to be.
    const claim = { kind: 'credentials', loginName: '', proof: { authType: this.#authType, data } } as const;
    return wanted === '' ? claim : { ...claim, authorisationName: wanted };
  }
}

interface BearerMessage {
  readonly typed: string;
  readonly token: string;
}

/** gs2-header kvsep *kvpair kvsep (RFC 7628 section 3.1); there is no channel binding. */
function readOauthbearer(text: string): BearerMessage | undefined {
  const [, name = '', pairs = ''] = /^[ny],(?:a=([^,\0]*))?,\x01((?:[A-Za-z]+=[^\x01]*\x01)*)\x01$/.exec(text) ?? [];
  const token = tokenIn(pairs);
  if (token === undefined || /=(?!2C|3D)/.test(name)) return undefined;
  return { typed: name.replaceAll('=2C', ',').replaceAll('=3D', '='), token };
}

/** `user=` name ^A `auth=Bearer ` token ^A ^A */
function readXoauth2(text: string): BearerMessage | undefined {
  const [, typed = '', pairs = ''] = /^user=([^\x01]*)\x01((?:[A-Za-z]+=[^\x01]*\x01)*)\x01$/.exec(text) ?? [];
  const token = tokenIn(pairs);
  return token === undefined ? undefined : { typed, token };
}

function tokenIn(pairs: string): string | undefined {
  const [, token = ''] = /(?:^|\x01)auth=bearer +([^\x01]*)\x01/i.exec(pairs) ?? [];
  return isToken(token) ? token : undefined;
}
