/**
 * TCPDOPTS: the options of Courier's couriertcpd, each understood, or told by name with what to do instead.
 *
 *     -nodnslookup -maxperc=200 -warn=900 -haproxy=10/143,993
 *
 * As on couriertcpd's command line, they win over the settings that say the same. It knows no other setting.
 */
import { parsePortList } from '../service/listen.js';
import type { Settings } from '../settings/settings-file.js';

/** What the options say; absent: nothing. */
export interface TcpdOptions {
  readonly address?: string;
  readonly accessFile?: string;
  readonly accessLocal: boolean;
  readonly connections?: number;
  readonly perAddress?: number;
  readonly perNetwork?: number;
  readonly warnAt?: number;
  readonly denyMessage?: string;
  readonly haproxy?: HaproxyOption;
}

/** `-haproxy[=timeout][/[ip.]port,…]`; no ports are all. */
export interface HaproxyOption {
  readonly seconds: number;
  readonly ports: readonly { readonly host?: string; readonly port: number }[];
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** couriertcpd's own. */
const HAPROXY_SECONDS = 15;

const OTHER_PROGRAM = 'the control scripts and systemd do that';
const NO_LISTS =
  'no client waits here for a name server; let a firewall, or fail2ban, keep such addresses out, or deny them in IMAPACCESSFILE';

/** Options that mean something there, and nothing here: why. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  allow: NO_LISTS,
  block: NO_LISTS,
  drop: NO_LISTS,
  listen: 'as many wait as the system lets (net.core.somaxconn)',
  group: 'LOGINUSER says who takes connections; sessions run as the account',
  user: 'LOGINUSER says who takes connections; sessions run as the account',
  pid: OTHER_PROGRAM,
  stop: OTHER_PROGRAM,
  restart: OTHER_PROGRAM,
  proxy: 'it is for debugging couriertcpd',
  stderr: 'LOGTO says where the log goes',
  stderrlogger: 'LOGTO says where the log goes',
  stderrloggername: 'LOGGEROPTS names the log lines',
};

/** What is the case anyway. */
const HARMLESS = ['nodnslookup', 'noidentlookup'];

/** Reads the setting; what is wrong or has no effect goes into problems and warnings. */
export function readTcpdOptions(settings: Settings): TcpdOptions {
  const options: Mutable<TcpdOptions> = { accessLocal: false };
  const words = settings.text('TCPDOPTS', '-nodnslookup').split(/\s+/);
  for (const word of words.filter((each) => each !== '')) {
    const [, name = '', value] = /^--?([a-z]+)(?:=(.*))?$/.exec(word) ?? [];
    const [, haproxy] = /^--?haproxy(.*)$/.exec(word) ?? [];
    if (haproxy !== undefined) readHaproxy(settings, word, haproxy, options);
    else if (HARMLESS.includes(name)) continue;
    else if (name === 'accesslocal') options.accessLocal = true;
    else if (Object.hasOwn(WITHOUT_EFFECT, name)) {
      settings.warning('TCPDOPTS', `TCPDOPTS: ${word} has no effect`, WITHOUT_EFFECT[name] ?? '');
    } else if (!readNumber(settings, word, options) && !readText(name, value, options)) {
      const remedy = 'see the manual of couriertcpd; every option is -name or -name=value';
      settings.warning('TCPDOPTS', `TCPDOPTS: ${word} is not understood`, remedy);
    }
  }
  return options;
}

const NUMBERS = {
  maxperc: 'perNetwork',
  maxperip: 'perAddress',
  maxprocs: 'connections',
  warn: 'warnAt',
} as const satisfies Readonly<Record<string, keyof TcpdOptions>>;

function readNumber(settings: Settings, word: string, options: Mutable<TcpdOptions>): boolean {
  const [, name = '', value = ''] = /^--?([a-z]+)=(.*)$/.exec(word) ?? [];
  if (!Object.hasOwn(NUMBERS, name)) return false;
  const target = NUMBERS[name as keyof typeof NUMBERS];
  if (/^[1-9]\d{0,8}$/.test(value)) options[target] = Number(value);
  else settings.problem('TCPDOPTS', `TCPDOPTS: ${word} has no number`, `write for example -${name}=100`);
  return true;
}

function readText(name: string, value: string | undefined, options: Mutable<TcpdOptions>): boolean {
  if (value === undefined || value === '') return false;
  if (name === 'address') options.address = value;
  else if (name === 'denymsg') options.denyMessage = value;
  // The compiled form stands beside the source, which is what is read here.
  else if (name === 'access') options.accessFile = value.replace(/\.dat$/, '');
  else return false;
  return true;
}

function readHaproxy(settings: Settings, word: string, text: string, options: Mutable<TcpdOptions>): void {
  const [matched, seconds = String(HAPROXY_SECONDS), ports] = /^(?:=([1-9]\d{0,3}))?(?:\/(\S+))?$/.exec(text) ?? [];
  const parsed = ports === undefined ? [] : parsePortList(ports, '0');
  if (matched === undefined || typeof parsed === 'string') {
    const remedy = 'write -haproxy, -haproxy=15, -haproxy/143,993 or -haproxy=15/192.0.2.1.143';
    settings.problem('TCPDOPTS', `TCPDOPTS: ${word} is not understood`, remedy);
    return;
  }
  const onEveryAddress = (host: string) => host === '::';
  const list = parsed.map(({ host, port }) => (onEveryAddress(host) ? { port } : { host, port }));
  options.haproxy = { seconds: Number(seconds), ports: list };
}
