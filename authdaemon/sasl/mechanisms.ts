/** The mechanisms by name. */
import { BearerConversation } from './bearer-mechanisms.js';
import type { SaslContext, SaslConversation } from './conversation.js';
import { CramConversation } from './cram-mechanisms.js';
import { ExternalConversation } from './external-mechanism.js';
import { LoginConversation, PlainConversation } from './password-mechanisms.js';
import { ScramConversation } from './scram-mechanisms.js';

/** How each begins, in the order in which a capability lists them: the strongest first. */
const conversations: Readonly<Record<string, (context: SaslContext) => SaslConversation>> = {
  EXTERNAL: (context) => new ExternalConversation(context),
  'SCRAM-SHA-256-PLUS': (context) => new ScramConversation('scram-sha-256', true, context),
  'SCRAM-SHA-256': (context) => new ScramConversation('scram-sha-256', false, context),
  'SCRAM-SHA-1-PLUS': (context) => new ScramConversation('scram-sha-1', true, context),
  'SCRAM-SHA-1': (context) => new ScramConversation('scram-sha-1', false, context),
  'CRAM-SHA256': (context) => new CramConversation('cram-sha256', context),
  'CRAM-SHA1': (context) => new CramConversation('cram-sha1', context),
  'CRAM-MD5': (context) => new CramConversation('cram-md5', context),
  OAUTHBEARER: (context) => new BearerConversation('oauthbearer', context),
  XOAUTH2: (context) => new BearerConversation('xoauth2', context),
  PLAIN: (context) => new PlainConversation(context),
  LOGIN: (context) => new LoginConversation(context),
};

/** Names of all mechanisms, in the order in which a capability lists them. */
export const SASL_MECHANISMS: readonly string[] = Object.keys(conversations);

/** Starts nothing yet; gives the exchange of a mechanism by its name in upper case, or undefined. */
export function saslConversation(mechanism: string, context: SaslContext): SaslConversation | undefined {
  const begin = Object.hasOwn(conversations, mechanism) ? conversations[mechanism] : undefined;
  return begin?.(context);
}
