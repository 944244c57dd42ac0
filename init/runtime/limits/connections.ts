/**
 * How many connections there are, and from where: MAXDAEMONS, MAXPERIP and the limits beside them.
 *
 * Kept by the supervisor alone, so that the numbers are right however many login processes there are. A connection
 * counts from its acceptance until its session is over; from its login on it counts for its account, too. Clients of
 * IPv6 count by their /64.
 */

import { type LogLevel, logValue } from '../log/log.js';
import type { Clock } from '../system/clock.js';
import { realClock } from '../system/real-clock.js';
import { plainAddress } from '../tls/tls-helpers.js';
import type { Endpoint } from '../worker/mail-worker.js';
import { type AccessRule, AccessRules } from './access-file.js';
import { clientNetwork, wideNetwork } from './address-network.js';
import { ConnectionRate } from './connection-rate.js';
import { Counts, type OtherCounts } from './counts.js';
import { Overload, type OverloadSettings, thisMachine } from './overload.js';

/** The limits. One that is absent is none. */
export interface ConnectionLimits {
  /** MAXDAEMONS. */
  readonly connections: number;
  /** MAXPERIP. */
  readonly perAddress: number;
  /** MAXBEFORELOGIN: connections of one address that have not logged in. */
  readonly beforeLogin?: number;
  /** MAXPERACCOUNT: sessions of one account from one address. */
  readonly perAccount?: number;
  /** MAXRATEPERIP: connections of one address in a minute that do not log in. */
  readonly perMinute?: number;
  /** -maxperc: connections of one network. */
  readonly perNetwork?: number;
  /** -warn: from so many connections on, the log says how many there are. */
  readonly warnAt?: number;
  /** From IMAPACCESSFILE. */
  readonly access?: readonly AccessRule[];
  /** -denymsg: in place of our words for those whom the access file does not let in. */
  readonly denyMessage?: string;
  readonly overload?: OverloadSettings;
}

/** Writes a line for the administrator. */
type Tell = (level: LogLevel, text: string) => void;

/** Same limits are logged no more often than this, as Courier does; the client is always told. */
const LOG_AGAIN_MS = 60_000;

/** So many are remembered as logged: whoever has a network of IPv6 has more addresses than there is memory. */
const MOST_TOLD = 20_000;

/** Where all places are taken, whoever has not logged in for so long has to give his to the next. */
const PATIENCE_MS = 10_000;

/** Why a connection is refused: for the client, which is told the limit; and for the log, with a subject to tell once. */
interface Refusal {
  readonly text: string;
  readonly subject: string;
  readonly forLog: string;
}

interface Connection {
  readonly key: string;
  /** When it began to be one without a login. */
  openedAt: number;
  /** Ends it, to make room; absent: it cannot be ended. */
  readonly drop: (() => void) | undefined;
  readonly address: string;
  readonly client: string;
  readonly network: string;
  account: string | undefined;
  /** It has ended in a login once, and is not among those that come to nothing. */
  wasLoggedIn: boolean;
}

/** Connections that are open now. */
export class ConnectionTable {
  #limits: ConnectionLimits;
  #access: AccessRules;
  readonly #tell: Tell;
  readonly #clock: Pick<Clock, 'ticks'>;
  readonly #rate: ConnectionRate;
  readonly #overload: Overload;
  readonly #connections = new Map<string, Connection>();
  readonly #byClient = new Counts('client');
  readonly #byNetwork = new Counts('network');
  readonly #beforeLogin = new Counts('before login');
  /** By account and client. */
  readonly #byAccount = new Counts('account');
  /** Connections without a login, the oldest first. */
  readonly #strangers = new Map<string, Connection>();
  /** When each subject was logged, the last at the end: looking through all would cost as much as there are. */
  readonly #told = new Map<string, number>();

  constructor(limits: ConnectionLimits, tell: Tell, clock: Pick<Clock, 'ticks'> = realClock, machine = thisMachine) {
    this.#limits = limits;
    this.#access = new AccessRules(limits.access ?? []);
    this.#tell = tell;
    this.#clock = clock;
    this.#rate = new ConnectionRate(clock);
    this.#overload = new Overload(machine, clock);
  }

  /** New limits, for connections that begin from now on. */
  set limits(limits: ConnectionLimits) {
    this.#limits = limits;
    this.access = limits.access ?? [];
  }

  /** A new access file. */
  set access(rules: readonly AccessRule[]) {
    this.#access = new AccessRules(rules);
  }

  /** Servers with which the limits of addresses and accounts are shared, or none; MAXDAEMONS is for each of them. */
  set others(others: OtherCounts | undefined) {
    for (const counts of [this.#byClient, this.#byNetwork, this.#beforeLogin, this.#byAccount]) counts.others = others;
  }

  /** How many there are. */
  get count(): number {
    return this.#connections.size;
  }

  /**
   * Counts a connection, unless a limit is reached: then gives the text for the client, which names the limit. `drop` ends
   * the connection, when others need its place.
   */
  admit(key: string, ip: string, local?: Endpoint, drop?: () => void): string | undefined {
    const address = plainAddress(ip);
    const client = { address, client: clientNetwork(ip), network: wideNetwork(ip) };
    const connection = { key, openedAt: this.#clock.ticks(), drop, ...client, account: undefined, wasLoggedIn: false };
    const refusal = this.#refusal(connection, local);
    if (refusal !== undefined) {
      this.#tellSometimes('alert', refusal.subject, refusal.forLog);
      return refusal.text;
    }
    this.#connections.set(key, connection);
    this.#byClient.add(connection.client);
    this.#byNetwork.add(connection.network);
    this.#beforeLogin.add(connection.client);
    this.#strangers.set(key, connection);
    const { warnAt } = this.#limits;
    if (warnAt !== undefined && this.count >= warnAt) {
      this.#tellSometimes('warning', 'warn', `${this.count} active connections.`);
    }
    return undefined;
  }

  /** Counts a connection for an account, unless it has too many: then gives the text for the client. */
  logIn(key: string, account: string): string | undefined {
    const connection = this.#connections.get(key);
    if (connection === undefined) return undefined;
    const { client, address } = connection;
    const { perAccount } = this.#limits;
    this.#logOut(connection);
    if (perAccount !== undefined && this.#byAccount.of(`${client} ${account}`) >= perAccount) {
      this.#beforeLogin.add(client);
      this.#strangers.set(key, connection);
      const forLog = `Maximum session limit reached for user=${logValue(account)} from ${address}`;
      this.#tellSometimes('alert', `account ${client} ${account}`, forLog);
      return `Too many sessions of this account from your address: the limit is ${perAccount} (MAXPERACCOUNT)`;
    }
    connection.account = account;
    this.#byAccount.add(`${client} ${account}`);
    if (!connection.wasLoggedIn) this.#rate.giveBack(client);
    connection.wasLoggedIn = true;
    return undefined;
  }

  /** Counts a connection without its account, as one that has not logged in. */
  logOut(key: string): void {
    const connection = this.#connections.get(key);
    if (connection?.account === undefined) return;
    this.#logOut(connection);
    connection.openedAt = this.#clock.ticks();
    this.#beforeLogin.add(connection.client);
    this.#strangers.set(key, connection);
  }

  /** Forgets a connection that has ended. */
  release(key: string): void {
    const connection = this.#connections.get(key);
    if (connection === undefined) return;
    this.#connections.delete(key);
    this.#byClient.remove(connection.client);
    this.#byNetwork.remove(connection.network);
    this.#logOut(connection);
  }

  /** An address of which it is known that many users are behind it: this machine, and one with a MAXCPERIP. */
  isCrowd(ip: string): boolean {
    const address = plainAddress(ip);
    return isThisMachine(address) || this.#access.ruleFor(address)?.perAddress !== undefined;
  }

  #logOut(connection: Connection): void {
    this.#strangers.delete(connection.key);
    if (connection.account === undefined) this.#beforeLogin.remove(connection.client);
    else this.#byAccount.remove(`${connection.client} ${connection.account}`);
    connection.account = undefined;
  }

  #refusal({ address, client, network }: Connection, local: Endpoint | undefined): Refusal | undefined {
    const rule = this.#access.ruleFor(address);
    const isDenied = rule?.isDenied === true || (local !== undefined && this.#access.deniesLocal(local));
    if (isDenied) {
      const text = this.#limits.denyMessage ?? 'Connections from your address are not allowed here';
      const forLog = `Connections from ${address} are denied by the access file`;
      return { text, subject: `deny ${address}`, forLog };
    }
    // Only whoever keeps to his own limits may take somebody else's place.
    return (
      this.#refusalOfClient(client, address, rule?.perAddress) ??
      this.#refusalOfNetwork(network, rule?.perAddress) ??
      this.#refusalOfAll()
    );
  }

  #refusalOfAll(): Refusal | undefined {
    const { connections, overload } = this.#limits;
    if (this.count >= connections && !this.#makeRoom()) {
      const text = `Too many connections: the limit is ${connections} (MAXDAEMONS)`;
      return { text, subject: '', forLog: `${connections} maximum active connections.` };
    }
    const trouble = overload === undefined ? undefined : this.#overload.trouble(overload);
    if (trouble === undefined) return undefined;
    return { text: trouble, subject: 'overload', forLog: `connections are refused: ${trouble}` };
  }

  /** Many strangers from many addresses must not keep everybody else out. */
  #makeRoom(): boolean {
    const [oldest] = this.#strangers.values();
    if (oldest?.drop === undefined || this.#clock.ticks() - oldest.openedAt < PATIENCE_MS) return false;
    this.release(oldest.key);
    oldest.drop();
    const forLog = 'All connections are taken: the oldest ones without a login are ended for new ones';
    this.#tellSometimes('alert', 'room', forLog);
    return true;
  }

  #refusalOfClient(client: string, address: string, ofRule: number | undefined): Refusal | undefined {
    const { perAddress, beforeLogin, perMinute } = this.#limits;
    const most = ofRule ?? perAddress;
    if (this.#byClient.of(client) >= most) {
      const name = ofRule === undefined ? 'MAXPERIP' : 'MAXCPERIP';
      const text = `Too many connections from your address: the limit is ${most} (${name})`;
      return { text, subject: client, forLog: `Maximum connection limit reached for ${address}` };
    }
    if (ofRule !== undefined) return undefined;
    if (beforeLogin !== undefined && this.#beforeLogin.of(client) >= beforeLogin) {
      const text = `Too many connections from your address without a login: the limit is ${beforeLogin} (MAXBEFORELOGIN)`;
      const forLog = `Maximum limit of connections without a login reached for ${address}`;
      return { text, subject: `before ${client}`, forLog };
    }
    if (perMinute === undefined || isThisMachine(address) || this.#rate.take(client, perMinute)) return undefined;
    const text = `Too many connections from your address in a minute: the limit is ${perMinute} (MAXRATEPERIP)`;
    return { text, subject: `rate ${client}`, forLog: `Maximum connection rate reached for ${address}` };
  }

  #refusalOfNetwork(network: string, ofRule: number | undefined): Refusal | undefined {
    const { perNetwork } = this.#limits;
    if (perNetwork === undefined || ofRule !== undefined || this.#byNetwork.of(network) < perNetwork) return undefined;
    const text = `Too many connections from your network: the limit is ${perNetwork} (MAXPERC)`;
    return { text, subject: network, forLog: `Maximum connection limit reached for ${network}` };
  }

  #tellSometimes(level: LogLevel, subject: string, text: string): void {
    const now = this.#clock.ticks();
    if (now - (this.#told.get(subject) ?? Number.NEGATIVE_INFINITY) < LOG_AGAIN_MS) return;
    this.#told.delete(subject);
    this.#told.set(subject, now);
    for (const [other, at] of this.#told) {
      if (now - at < LOG_AGAIN_MS && this.#told.size <= MOST_TOLD) break;
      this.#told.delete(other);
    }
    this.#tell(level, text);
  }
}

/** Programs on this machine are webmail, proxies and checks: they open as many connections as their users want. */
function isThisMachine(address: string): boolean {
  return address === '127.0.0.1' || address === '::1';
}
