/**
 * The ports of a service, as the supervisor opens and closes them: each of its names (`imapd`, `imapd-ssl`) stands for
 * one set.
 *
 * It binds, and the login processes listen; where systemd has bound before, its sockets are used. It knows no connection.
 */

import type { LoginPool } from '../login/login-pool.js';
import type { ServiceDescription } from '../settings/service-configuration.js';
import { boundAddress, type RawHandle } from '../system/raw-handles.js';
import { activatedHandle, activatedSockets } from './activated-sockets.js';
import { bindAddress, describeAddress, type ListenAddress } from './listen.js';

/** At the start: how long an earlier supervisor of the same ports may take to go. */
const START_PATIENCE_MS = 5_000;

/** Later: how long our own login processes may take to let go of ports. */
const PATIENCE_MS = 1_000;

interface OpenPort {
  readonly address: ListenAddress;
  readonly handle: RawHandle;
  /** It is not ours to open somewhere else. */
  readonly isActivated: boolean;
  id: number;
}

type Services = Readonly<Record<string, ServiceDescription>>;

/** The sets of ports that are open now. */
export class ServicePorts {
  #services: Services;
  readonly #logins: LoginPool;
  readonly #open = new Map<string, readonly OpenPort[]>();
  #nextListener = 1;
  #patienceMs = START_PATIENCE_MS;

  constructor(logins: LoginPool, services: Services) {
    this.#logins = logins;
    this.#services = services;
  }

  /** The names of the sets that are open. */
  get open(): string[] {
    return [...this.#open.keys()];
  }

  /** Says what the settings have for a name. @throws when there is no such set. */
  describe(service: string): ServiceDescription {
    const description = this.#services[service];
    if (description === undefined) throw new Error(`${service} is not a service of this program`);
    return description;
  }

  /** The service has started. */
  started(): void {
    this.#patienceMs = PATIENCE_MS;
  }

  /** `imapd on 143, imapd-ssl on 993`. */
  words(): string[] {
    return [...this.#open].map(([service, ports]) => {
      const isActivated = ports.some((port) => port.isActivated);
      return `${service} on ${ports.map(({ address }) => describeAddress(address)).join(',')}${isActivated ? ' (systemd)' : ''}`;
    });
  }

  /** Opens a set; all of it, or nothing. @throws when a port cannot be had. */
  async openSet(service: string): Promise<void> {
    const { addresses } = this.describe(service);
    if (this.#open.has(service)) return;
    const ports = activatedPorts(service) ?? (await bindAll(addresses, this.#patienceMs));
    this.#open.set(service, ports);
    await this.#listen(service, ports);
  }

  /** Sessions that came through the ports go on; they end with the server. */
  closeSet(service: string): void {
    for (const { id } of this.#open.get(service) ?? []) this.#logins.stopListening(id);
    this.#open.delete(service);
  }

  /** Closes all sets. */
  closeAll(): void {
    for (const service of this.open) this.closeSet(service);
  }

  /** Takes new settings: ports that are new in open sets are opened, and others closed. @throws, and nothing changes. */
  async follow(services: Services): Promise<void> {
    const bound = new Map<string, readonly OpenPort[]>();
    try {
      for (const service of this.open) bound.set(service, await bindAll(this.#missing(service, services), 0));
    } catch (error) {
      for (const ports of bound.values()) for (const { handle } of ports) handle.close();
      throw error;
    }
    this.#services = services;
    for (const [service, ports] of bound) {
      const wanted = new Set(services[service]?.addresses.map(describeAddress));
      const before = this.#open.get(service) ?? [];
      const isKept = (port: OpenPort) => port.isActivated || wanted.has(describeAddress(port.address));
      for (const port of before) if (!isKept(port)) this.#logins.stopListening(port.id);
      const kept = before.filter(isKept);
      if (services[service] === undefined && kept.length === 0) {
        this.#open.delete(service);
        continue;
      }
      this.#open.set(service, [...kept, ...ports]);
      await this.#listen(service, ports);
    }
  }

  #missing(service: string, services: Services): ListenAddress[] {
    const ports = this.#open.get(service) ?? [];
    if (ports.some(({ isActivated }) => isActivated)) return [];
    const known = new Set(ports.map(({ address }) => describeAddress(address)));
    return (services[service]?.addresses ?? []).filter((address) => !known.has(describeAddress(address)));
  }

  async #listen(service: string, ports: readonly OpenPort[]): Promise<void> {
    const { tls } = this.describe(service);
    for (const port of ports) {
      port.id = this.#nextListener;
      this.#nextListener += 1;
      await this.#logins.listen({ id: port.id, service, tls }, port.handle);
    }
  }
}

function activatedPorts(service: string): OpenPort[] | undefined {
  return activatedSockets()
    .get(service)
    ?.map((descriptor) => {
      const handle = activatedHandle(descriptor);
      return { address: boundAddress(handle), handle, isActivated: true, id: 0 };
    });
}

async function bindAll(addresses: readonly ListenAddress[], patienceMs: number): Promise<OpenPort[]> {
  const ports: OpenPort[] = [];
  try {
    for (const address of addresses) {
      ports.push({ address, handle: await bindAddress(address, patienceMs), isActivated: false, id: 0 });
    }
  } catch (error) {
    for (const { handle } of ports) handle.close();
    throw error;
  }
  return ports;
}
