/** The types of AUTH that authdaemond answers itself, by looking accounts up: which there are. */
import { join } from 'node:path';
import type { DaemonParts } from './daemon.js';
import type { Mechanism } from './mechanisms.js';
import { OauthMechanism } from './oauth/oauth-mechanism.js';
import { OAUTH_FILE } from './oauth/oauth-settings.js';
import { ScramMechanism } from './scram/scram-mechanism.js';
import { installationSeed } from './scram/seed.js';
import type { AuthdaemonSettings } from './settings.js';

/** Gives the mechanism of a type; undefined for types that modules are asked about. */
export function ownMechanisms(
  parts: Omit<DaemonParts, 'after'>,
  { scramSecret }: Pick<AuthdaemonSettings, 'scramSecret'> = {},
): (authType: string) => Mechanism | undefined {
  const scram = { seed: scramSecret ?? installationSeed(parts.configDirectory), now: parts.now };
  const oauth = new OauthMechanism({ ...parts, path: join(parts.configDirectory, OAUTH_FILE) });
  const mechanisms = new Map<string, Mechanism>([
    ['scram-sha-1', new ScramMechanism('sha1', scram)],
    ['scram-sha-256', new ScramMechanism('sha256', scram)],
    ['oauthbearer', oauth],
    ['xoauth2', oauth],
  ]);
  return (authType) => mechanisms.get(authType);
}
