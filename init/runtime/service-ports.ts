/**
 * The ports of a service, as the supervisor opens and closes them: each of its names (`imapd`, `imapd-ssl`) stands for
 * one set.
 *
 * It binds, and the login processes listen. It knows no connection.
 */
import { bindAddress, describeAddress } from './listen.js';
import type { LoginPool } from './login-pool.js';
import type { RawHandle } from './raw-handles.js';
import type { ServiceDescription } from './service-configuration.js';

/** How long an earlier supervisor of the same ports may take to go. */
const BIND_PATIENCE_MS = 5_000;

/** The sets of ports that are open now. */
export class ServicePorts {
  /** What the settings say; a change is for sets that are opened later. */
  services: Readonly<Record<string, ServiceDescription>>;
  readonly #logins: LoginPool;
  /** Ids of the listeners of each open set. */
  readonly #open = new Map<string, number[]>();
  #nextListener = 1;

  constructor(logins: LoginPool, services: Readonly<Record<string, ServiceDescription>>) {
    this.#logins = logins;
    this.services = services;
  }

  /** The names of the sets that are open. */
  get open(): string[] {
    return [...this.#open.keys()];
  }

  /** Says what the settings have for a name. @throws when there is no such set. */
  describe(service: string): ServiceDescription {
    const description = this.services[service];
    if (description === undefined) throw new Error(`${service} is not a service of this program`);
    return description;
  }

  /** `imapd on 143, imapd-ssl on 993`. */
  words(): string[] {
    return this.open.map((service) => {
      const addresses = this.services[service]?.addresses ?? [];
      return `${service} on ${addresses.map(describeAddress).join(',')}`;
    });
  }

  /** Opens a set; all of it, or nothing. @throws when a port cannot be had. */
  async openSet(service: string): Promise<void> {
    const { addresses, tls } = this.describe(service);
    if (this.#open.has(service)) return;
    const bound: RawHandle[] = [];
    try {
      for (const address of addresses) bound.push(await bindAddress(address, BIND_PATIENCE_MS));
    } catch (error) {
      for (const handle of bound) handle.close();
      throw error;
    }
    const ids: number[] = [];
    this.#open.set(service, ids);
    for (const handle of bound) {
      ids.push(this.#nextListener);
      const description = { id: this.#nextListener, service, tls };
      this.#nextListener += 1;
      await this.#logins.listen(description, handle);
    }
  }

  /** Sessions that came through the ports go on; they end with the server. */
  closeSet(service: string): void {
    for (const id of this.#open.get(service) ?? []) this.#logins.stopListening(id);
    this.#open.delete(service);
  }

  /** Closes all sets. */
  closeAll(): void {
    for (const service of this.open) this.closeSet(service);
  }
}
