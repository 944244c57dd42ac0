/**
 * The secret that salts of accounts that do not exist are made of: the same at every start of the daemon, or else a
 * stranger would see by a changing salt that there is no such account.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Made when the system was installed; its manual says to use it in this way only, and not to show it. */
const MACHINE_ID_FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id'];

/** Gives the secret of this daemon's place; of this run only, where the machine has no identity. */
export function installationSeed(configDirectory: string): Buffer {
  const key = machineId() ?? randomBytes(32);
  return createHmac('sha256', key).update(`angarium authdaemond ${configDirectory}`).digest();
}

function machineId(): string | undefined {
  for (const file of MACHINE_ID_FILES) {
    // A container may have none.
    try {
      const id = readFileSync(file, 'latin1').trim();
      if (/^[0-9a-f]{32}$/.test(id)) return id;
    } catch {}
  }
  return undefined;
}
