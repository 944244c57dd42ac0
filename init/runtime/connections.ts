/**
 * How many connections there are, and from where: the limits MAXDAEMONS and MAXPERIP.
 *
 * Kept by the supervisor alone, so that the numbers are right however many login processes there are. A connection
 * counts from its acceptance until its session is over.
 */
import { type AccessRule, AccessRules } from './access-file.js';
import { plainAddress } from './tls-helpers.js';

/** The two limits. */
export interface ConnectionLimits {
  /** MAXDAEMONS. */
  readonly connections: number;
  /** MAXPERIP. */
  readonly perAddress: number;
  /** From IMAPACCESSFILE. */
  readonly access?: readonly AccessRule[];
}

/** Same limits are logged no more often than this, as Courier does; the client is always told. */
const LOG_AGAIN_MS = 60_000;

/** Connections that are open now. */
export class ConnectionTable {
  #limits: ConnectionLimits;
  #access: AccessRules;
  readonly #alert: (text: string) => void;
  readonly #addresses = new Map<string, string>();
  readonly #byAddress = new Map<string, number>();
  readonly #alerted = new Map<string, number>();

  constructor(limits: ConnectionLimits, alert: (text: string) => void) {
    this.#limits = limits;
    this.#access = new AccessRules(limits.access ?? []);
    this.#alert = alert;
  }

  /** New limits, for connections that begin from now on. */
  set limits(limits: ConnectionLimits) {
    this.#limits = limits;
    this.#access = new AccessRules(limits.access ?? []);
  }

  /** How many there are. */
  get count(): number {
    return this.#addresses.size;
  }

  /** Counts a connection, unless a limit is reached: then gives the text for the client, which names the limit. */
  admit(key: string, ip: string): string | undefined {
    const address = plainAddress(ip);
    const ofAddress = this.#byAddress.get(address) ?? 0;
    const rule = this.#access.ruleFor(address);
    const perAddress = rule?.perAddress ?? this.#limits.perAddress;
    if (rule?.isDenied === true) {
      this.#alertSometimes(`deny ${address}`, `Connections from ${address} are denied by the access file`);
      return 'Connections from your address are not allowed here';
    }
    if (this.count >= this.#limits.connections) {
      this.#alertSometimes('', `${this.#limits.connections} maximum active connections.`);
      return `Too many connections: the limit is ${this.#limits.connections} (MAXDAEMONS)`;
    }
    if (ofAddress >= perAddress) {
      this.#alertSometimes(address, `Maximum connection limit reached for ${address}`);
      const name = rule?.perAddress === undefined ? 'MAXPERIP' : 'MAXCPERIP';
      return `Too many connections from your address: the limit is ${perAddress} (${name})`;
    }
    this.#addresses.set(key, address);
    this.#byAddress.set(address, ofAddress + 1);
    return undefined;
  }

  /** Forgets a connection that has ended. */
  release(key: string): void {
    const address = this.#addresses.get(key);
    if (address === undefined) return;
    this.#addresses.delete(key);
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }

  #alertSometimes(subject: string, text: string): void {
    const now = Date.now();
    if (now - (this.#alerted.get(subject) ?? 0) < LOG_AGAIN_MS) return;
    for (const [other, at] of this.#alerted) if (now - at >= LOG_AGAIN_MS) this.#alerted.delete(other);
    this.#alerted.set(subject, now);
    this.#alert(text);
  }
}
