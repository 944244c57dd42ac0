/**
 * Who is served here, who is passed on to another server, and who is told to go there himself: what the supervisor
 * decides once a client has proved who it is.
 *
 * It connects to nothing. A password leaves the supervisor only where the login process does not have it anyway.
 */

import { type Log, logValue } from '../log/log.js';
import type { AuthenticationOutcome, AuthenticationRequest } from '../service/handover.js';
import type { AccountProved } from '../service/session-broker.js';
import { type BackEndAddress, describeHost, isOwnName, readMailHosts } from './mail-hosts.js';
import type { ProxySettings } from './proxy-settings.js';

/** As whom a login process logs in at a back end. */
export interface BackEndIdentity {
  readonly loginName: string;
  /** Absent: the one that the client typed. */
  readonly password?: string;
  /** Whom to act as; absent: as oneself. */
  readonly authorisationName?: string;
}

/** A login process is to pass a session on. */
export interface PassOn {
  readonly kind: 'pass on';
  /** For the log. */
  readonly address: string;
  readonly administrator?: string;
  /** Number of the session since the service was started. */
  readonly sessionId?: number;
  /** In the order in which they are tried. */
  readonly hosts: readonly BackEndAddress[];
  /** The next one after them is this server itself. */
  readonly thenHere: boolean;
  readonly as: BackEndIdentity;
  /** What the mechanism tells the client before it is let in, in base64. */
  readonly lastWord?: string;
}

/** The account's option that names its servers; Courier's. */
const MAIL_HOST = 'mailhost';

/** What matters of how a client proved who it is. */
type RouteRequest = Pick<AuthenticationRequest, 'tls' | 'authType'>;

/** Decides for one service, by its settings. */
export class ProxyRoutes {
  readonly #settings: ProxySettings;
  readonly #log: Log;

  constructor(settings: ProxySettings, log: Log) {
    this.#settings = settings;
    this.#log = log;
  }

  /** What becomes of a login; undefined: the account is served here. */
  routeOf(proved: AccountProved, request: RouteRequest): AuthenticationOutcome | undefined {
    const { isOn, refers } = this.#settings;
    if (!isOn && !refers) return undefined;
    const { address } = proved.account;
    const { hosts, thenHere } = this.#hostsOf(proved);
    const [first] = hosts;
    if (first === undefined) {
      if (isOn && !thenHere) this.#warn(`proxy enabled, but no proxy host defined for ${logValue(address)}`);
      return undefined;
    }
    const closed = this.#closedTo(proved, request);
    if (closed !== undefined) return closed;
    if (!isOn) return refer(address, first);
    const as = this.#identityFor(proved, request);
    if (as === undefined) {
      this.#warn(`proxy enabled, but no password for ${logValue(address)}`);
      return { kind: 'rejected' };
    }
    const { lastWord, administrator } = proved;
    return {
      ...{ kind: 'pass on', address, hosts, thenHere, as },
      ...(administrator === undefined ? {} : { administrator }),
      ...(lastWord === undefined ? {} : { lastWord }),
    };
  }

  #hostsOf({ account }: AccountProved): { readonly hosts: readonly BackEndAddress[]; readonly thenHere: boolean } {
    const { protocol, hostname, security, port } = this.#settings;
    const rules = { protocol, security, ...(port === undefined ? {} : { port }) };
    const { hosts, wrong } = readMailHosts(account.options[MAIL_HOST] ?? '', rules);
    const who = logValue(account.address);
    for (const word of wrong) this.#warn(`${MAIL_HOST} of ${who}: ${logValue(word)} is no host`);
    const own = hosts.findIndex(({ host }) => isOwnName(host, hostname));
    return own === -1 ? { hosts, thenHere: false } : { hosts: hosts.slice(0, own), thenHere: true };
  }

  /** The account's own options hold at the door, whatever the server behind it knows of them. */
  #closedTo({ account }: AccountProved, { tls }: RouteRequest): AuthenticationOutcome | undefined {
    const { protocol } = this.#settings;
    const name = protocol.toUpperCase();
    if (isSet(account.options[`disable${protocol}`])) {
      return { kind: 'refused', text: `${name} access disabled for this account.`, code: 'AUTHORIZATIONFAILED' };
    }
    if (tls || !isSet(account.options[`disableinsecure${protocol}`])) return undefined;
    return { kind: 'refused', text: `${name} access disabled via insecure connection.`, code: 'PRIVACYREQUIRED' };
  }

  #identityFor(proved: AccountProved, { authType }: RouteRequest): BackEndIdentity | undefined {
    const { account, administrator, clearPassword } = proved;
    const { master } = this.#settings;
    const other = administrator === undefined ? {} : { authorisationName: account.address };
    const loginName = administrator ?? account.address;
    if (authType === 'login') return { loginName, ...other };
    if (clearPassword !== undefined) return { loginName, password: clearPassword.reveal(), ...other };
    if (master === undefined) return undefined;
    return { loginName: master.name, password: master.password.reveal(), authorisationName: account.address };
  }

  #warn(text: string): void {
    this.#log.write('warning', text);
  }
}

function refer(loginName: string, host: BackEndAddress): AuthenticationOutcome {
  const text = `Your mailbox is on ${describeHost(host)}.`;
  return { kind: 'refused', text, referral: { loginName, host: host.host, port: host.port } };
}

/** Account options are numbers; Courier takes any number but 0 for yes. */
function isSet(option: string | undefined): boolean {
  const number = Number.parseInt(option ?? '', 10);
  return !Number.isNaN(number) && number !== 0;
}
