/**
 * What SASL mechanisms need to know of a client before login: this machine's name, random octets, the client's certificate,
 * and what binds to its TLS connection. The same for all protocols.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { LoginClient } from '../../init/runtime/login/before-login.js';
import { CHANNEL_BINDINGS } from '../../init/runtime/tls/channel-binding.js';
import type { LoginNames } from '../login-name.js';
import type { SaslContext } from './conversation.js';
import { type MechanismContext, type MechanismSettings, offeredMechanisms } from './offered-mechanisms.js';

type Client = Pick<LoginClient, 'tls' | 'channelBinding' | 'certificateField'>;

/** What the site says. */
export interface ClientSettings extends MechanismSettings {
  /** TLS_EXTERNAL: the field of a client's certificate that is a login name; absent where no certificate is asked for. */
  readonly certificateField?: string;
}

/** What decides which mechanisms a client may use. */
export function mechanismContext(client: Client, settings: ClientSettings): MechanismContext {
  const bindsChannel = () => CHANNEL_BINDINGS.some((type) => client.channelBinding(type) !== undefined);
  return { settings, tls: client.tls, bindsChannel, ...certificateName(client, settings) };
}

/** What a mechanism works with; `offered` are the mechanisms that the client was told, if not all that it may use. */
export function clientContext(
  client: Client,
  settings: ClientSettings,
  { names, offered }: { readonly names: LoginNames; readonly offered?: readonly string[] },
): SaslContext {
  const told = offered ?? offeredMechanisms(mechanismContext(client, settings));
  return {
    names,
    hostname: hostname(),
    randomOctets: randomBytes,
    ...certificateName(client, settings),
    channelBinding: (type) => client.channelBinding(type),
    offersChannelBinding: told.some((name) => /^SCRAM-.*-PLUS$/i.test(name)),
  };
}

function certificateName(client: Client, { certificateField }: ClientSettings): { certificateName?: string } {
  const name = certificateField === undefined ? undefined : client.certificateField(certificateField);
  return name === undefined ? {} : { certificateName: name };
}
