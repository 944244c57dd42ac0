/** The types of AUTH that authdaemond answers itself, by looking accounts up: which there are. */
import type { DaemonParts } from './daemon.js';
import type { Mechanism } from './mechanisms.js';
import { ScramMechanism } from './scram/scram-mechanism.js';
import { installationSeed } from './scram/seed.js';

/** Gives the mechanism of a type; undefined for types that modules are asked about. */
export function ownMechanisms(
  parts: Pick<DaemonParts, 'configDirectory' | 'now'>,
): (authType: string) => Mechanism | undefined {
  const scram = { seed: installationSeed(parts.configDirectory), now: parts.now };
  const mechanisms = new Map<string, Mechanism>([
    ['scram-sha-1', new ScramMechanism('sha1', scram)],
    ['scram-sha-256', new ScramMechanism('sha256', scram)],
  ]);
  return (authType) => mechanisms.get(authType);
}
