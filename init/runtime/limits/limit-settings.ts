/**
 * Reads the settings about who may connect, how often, and through which proxy, for any mail server.
 */

import type { Settings } from '../settings/settings-file.js';
import { addressList, readAccessFile } from './access-file.js';
import type { ConnectionLimits } from './connections.js';
import type { ProxyProtocolSettings } from './proxy-connection.js';
import type { TcpdOptions } from './tcpd-options.js';

/** The access file, which is looked at again while the server runs. */
export interface AccessSource {
  readonly path: string;
  /** -accesslocal */
  readonly local: boolean;
}

/** All of it. */
export interface LimitSettings {
  readonly limits: ConnectionLimits;
  readonly access: AccessSource | undefined;
  readonly proxyProtocol: ProxyProtocolSettings | undefined;
  /** IMAP_LOGIN_DELAY_MAX, POP3_LOGIN_DELAY_MAX. */
  readonly mostDelaySeconds: number;
  /** LIMITS_REDIS: where servers tell one another what they count. */
  readonly limitsRedis: string | undefined;
}

/** What MAXPERIP is without a setting. As long as it is this, the two limits below it have numbers of their own. */
const PER_ADDRESS = 800;
const PER_ACCOUNT = 50;
const BEFORE_LOGIN = 100;

/** What Courier has shipped for twenty years: obeyed, and told. */
const OLD_NUMBERS = [
  ['MAXDAEMONS', '40', '4000'],
  ['MAXPERIP', '4', '800'],
] as const;

/** Where proxies stand when nobody says where: this machine and private networks (RFC 1918, RFC 4193). */
const PRIVATE_NETWORKS = '127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 ::1 fc00::/7 fe80::/10';

/** As couriertcpd's -haproxy without a number. */
const PROXY_SECONDS = 15;

/** Reads them; `prefix` is `IMAP` or `POP3`. */
export function readLimitSettings(settings: Settings, prefix: string, options: TcpdOptions): LimitSettings {
  const access = accessSource(settings, prefix, options);
  return {
    limits: { ...readNumbers(settings, prefix, options), ...readAccess(settings, access) },
    access,
    proxyProtocol: readProxyProtocol(settings, options),
    limitsRedis: readRedis(settings),
    mostDelaySeconds: settings.integer(`${prefix}_LOGIN_DELAY_MAX`, 15, { max: 60 }),
  };
}

function readRedis(settings: Settings): string | undefined {
  const url = settings.optionalText('LIMITS_REDIS');
  if (url === undefined || /^rediss?:\/\/./.test(url)) return url;
  settings.problem('LIMITS_REDIS', 'LIMITS_REDIS is no address of a Redis', 'write for example redis://127.0.0.1:6379');
  return undefined;
}

function readNumbers(settings: Settings, prefix: string, options: TcpdOptions): ConnectionLimits {
  if (prefix === 'IMAP') warnOfOldNumbers(settings);
  const { connections, perAddress, perNetwork, warnAt, denyMessage } = options;
  const most = connections ?? settings.integer('MAXDAEMONS', 4_000, { min: 1 });
  const ofAddress = perAddress ?? settings.integer('MAXPERIP', PER_ADDRESS, { min: 1 });
  const perMinute = settings.integer('MAXRATEPERIP', 300);
  // Whoever has decided what one address may have is not surprised by less.
  const besides = (shipped: number) => (ofAddress === PER_ADDRESS ? shipped : ofAddress);
  return {
    connections: most,
    perAddress: ofAddress,
    beforeLogin: optionalNumber(settings, 'MAXBEFORELOGIN') ?? besides(BEFORE_LOGIN),
    perAccount: optionalNumber(settings, 'MAXPERACCOUNT') ?? besides(PER_ACCOUNT),
    ...(perMinute === 0 ? {} : { perMinute }),
    ...(perNetwork === undefined ? {} : { perNetwork }),
    // Courier's own default: a tenth below the limit.
    warnAt: warnAt ?? most - (Math.floor(most / 10) + 1),
    ...(denyMessage === undefined ? {} : { denyMessage }),
    overload: {
      freeMegabytes: settings.integer('MINFREEMEMORY', 32),
      loadPerCore: settings.integer('MAXLOAD', 0),
    },
  };
}

/** A mail program with IMAP opens five connections and more, and a telephone one for each folder that it watches. */
function warnOfOldNumbers(settings: Settings): void {
  for (const [name, old, now] of OLD_NUMBERS) {
    if (settings.optionalText(name) !== old) continue;
    const what = `${name}=${old} is what Courier shipped, and few for mail programs of today`;
    settings.warning(name, what, `write for example ${now}`);
  }
}

function optionalNumber(settings: Settings, name: string): number | undefined {
  return settings.optionalText(name) === undefined ? undefined : settings.integer(name, 0, { min: 1 });
}

function accessSource(settings: Settings, prefix: string, options: TcpdOptions): AccessSource | undefined {
  const path = options.accessFile ?? settings.optionalText(`${prefix}ACCESSFILE`);
  return path === undefined ? undefined : { path, local: options.accessLocal };
}

function readAccess(settings: Settings, source: AccessSource | undefined): Pick<ConnectionLimits, 'access'> {
  if (source === undefined) return {};
  const { rules, problems, warnings } = readAccessFile(source.path, { local: source.local });
  settings.problems.push(...problems);
  settings.warnings.push(...warnings);
  return { access: rules };
}

function readProxyProtocol(settings: Settings, { haproxy }: TcpdOptions): ProxyProtocolSettings | undefined {
  const written = settings.optionalText('PROXY_PROTOCOL_FROM');
  const from = written ?? (haproxy === undefined ? undefined : PRIVATE_NETWORKS);
  if (from === undefined) return undefined;
  const list = addressList(from);
  if (typeof list !== 'function') {
    const remedy = 'write addresses and networks with blanks between, for example "192.0.2.7 10.0.0.0/8"';
    settings.problem('PROXY_PROTOCOL_FROM', `PROXY_PROTOCOL_FROM: ${list.wrong} is no address`, remedy);
  } else if ((list('198.51.100.1') && list('192.0.2.1')) || (list('2001:db8::1') && list('fd00::1'))) {
    const remedy = 'name the addresses of your proxies only';
    settings.problem('PROXY_PROTOCOL_FROM', `PROXY_PROTOCOL_FROM="${from}" believes everybody`, remedy);
  }
  if (written === undefined) {
    const what = 'TCPDOPTS: -haproxy believes every private address what it says about clients';
    settings.warning('TCPDOPTS', what, 'name the addresses of your proxies in PROXY_PROTOCOL_FROM');
  }
  const { seconds, ports } = haproxy ?? { seconds: PROXY_SECONDS, ports: [] };
  return { from, seconds, ports, isRequired: haproxy !== undefined };
}
