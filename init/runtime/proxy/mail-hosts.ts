/**
 * Where an account's mail is: its option `mailhost`, read.
 *
 *     b1.example.com                      at the port, and with the TLS, that the settings say
 *     b1.example.com:10143                at this port
 *     imaps://b1.example.com              with TLS from the first octet; only for IMAP
 *
 * Several are separated by blanks or commas, and an option may stand several times. It asks no name server.
 */

import { isIP } from 'node:net';
import { hostname } from 'node:os';

/** How octets to a back end are protected: not at all, after STARTTLS (STLS), or from the first one on. */
export type BackEndSecurity = 'none' | 'starttls' | 'tls';

/** A mail server that an account's sessions are passed on to. */
export interface BackEndAddress {
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly security: BackEndSecurity;
}

/** How a host is read that says nothing itself. */
export interface MailHostRules {
  readonly protocol: 'imap' | 'pop3';
  readonly security: BackEndSecurity;
  /** Undefined: the protocol's own. */
  readonly port?: number;
}

/** The hosts of an account in the order in which they are tried, and the words that are none. */
export interface MailHosts {
  readonly hosts: readonly BackEndAddress[];
  readonly wrong: readonly string[];
}

const PORTS = { imap: { plain: 143, tls: 993 }, pop3: { plain: 110, tls: 995 } } as const;

const HOST = /^(?:(imaps?|pop3s?):\/\/)?(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([1-9]\d{0,4}))?\/?$/i;

/** Reads an account's `mailhost`. Hosts of another protocol are passed over. */
export function readMailHosts(option: string, rules: MailHostRules): MailHosts {
  const hosts: BackEndAddress[] = [];
  const wrong: string[] = [];
  for (const word of option.split(/[\s,]+/).filter((each) => each !== '')) {
    const found = readHost(word, rules);
    if (found === undefined) wrong.push(word);
    else if (found !== 'of another protocol') hosts.push(found);
  }
  return { hosts, wrong };
}

function readHost(word: string, rules: MailHostRules): BackEndAddress | 'of another protocol' | undefined {
  const text = isIP(word) === 6 ? `[${word}]` : word;
  const [, scheme, name, digits] = HOST.exec(text) ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  if (name === undefined || (port ?? 1) > 65_535) return undefined;
  const host = name.replace(/^\[(.*)\]$/, '$1');
  if (name.startsWith('[') && isIP(host) !== 6) return undefined;
  if (scheme === undefined) {
    const { security } = rules;
    return { host, security, port: port ?? rules.port ?? usualPort(rules.protocol, security) };
  }
  const protocol = scheme.toLowerCase().replace(/s$/, '');
  if (protocol !== rules.protocol) return 'of another protocol';
  const security = securityOf(scheme, rules.security);
  return { host, security, port: port ?? usualPort(rules.protocol, security) };
}

/** `imap://` says where, not that a site's wish for TLS is void. */
function securityOf(scheme: string, wanted: BackEndSecurity): BackEndSecurity {
  if (/s$/i.test(scheme)) return 'tls';
  return wanted === 'none' ? 'none' : 'starttls';
}

function usualPort(protocol: 'imap' | 'pop3', security: BackEndSecurity): number {
  return security === 'tls' ? PORTS[protocol].tls : PORTS[protocol].plain;
}

/** Whether a host is this machine by its name: PROXY_HOSTNAME, or what the system calls it. */
export function isOwnName(host: string, proxyHostname: string | undefined): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return [proxyHostname, hostname()].some((own) => own?.toLowerCase() === name);
}

/** `b1.example.com` at its usual port, else `b1.example.com:10143`: for people to read. */
export function describeHost({ host, port, security }: BackEndAddress): string {
  const isUsual = Object.values(PORTS).some(({ plain, tls }) => port === (security === 'tls' ? tls : plain));
  if (isUsual) return host;
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
