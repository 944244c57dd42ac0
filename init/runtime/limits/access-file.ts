/**
 * Courier's access file: which addresses may connect.
 *
 *     127.0.0.1        allow
 *     10               allow,MAXCPERIP=200      10.0.0.0/8, with a limit of its own
 *     192.168.1        deny                     192.168.1.0/24
 *     192.0.2.9-192.0.2.30    deny
 *     2001:db8::/32    deny
 *     :2001:0db8       deny                     as Courier writes 2001:db8::/32
 *     *.1143           deny                     our port 1143, with -accesslocal
 *     *                allow
 *
 * The most specific line counts; without one, the address may connect. It is read as it stands: there is no compiled
 * form. A directory stands for all files in it. It knows no connection.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { SettingsProblem } from '../settings/settings-file.js';
import { plainAddress } from '../tls/tls-helpers.js';
import type { Endpoint } from '../worker/mail-worker.js';

/** The addresses that a line is about: a network, or those up to `last`. */
interface Addresses {
  readonly family: 'ipv4' | 'ipv6' | 'any';
  readonly network: string;
  readonly prefixBits: number;
  readonly last?: string;
  /** The line is about our own address, and this port of it. */
  readonly localPort?: number;
}

/** One line, with the addresses that it is about. */
export interface AccessRule extends Addresses {
  readonly isDenied: boolean;
  /** MAXCPERIP: in place of MAXPERIP. */
  readonly perAddress?: number;
}

/** What an access file says, and what is wrong with it. */
export interface AccessFile {
  readonly rules: readonly AccessRule[];
  readonly problems: readonly SettingsProblem[];
  readonly warnings: readonly SettingsProblem[];
}

/** How an access file is to be read. */
export interface AccessOptions {
  /** -accesslocal: lines about our own addresses and ports count. */
  readonly local?: boolean;
}

/** Left behind by editors and package managers. */
const LEFT_OVER = /^\.|~$|\.(dist|dpkg-\w+|rpmsave|rpmnew)$/;

/** Of those, the ones that somebody should look at, as Courier says since 5.3.2. */
const NOT_MERGED = /\.(dpkg-\w+|rpmsave|rpmnew)$/;

/** Reads an access file, or all files of a directory. One that does not exist says nothing. */
export function readAccessFile(path: string, options: AccessOptions = {}): AccessFile {
  const found: Found = { rules: [], problems: [], warnings: [], local: options.local === true };
  try {
    for (const file of accessFilesOf(path, found)) readFile(file, found);
  } catch (error) {
    const what = `cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`;
    found.problems.push({ file: path, what, remedy: 'let the user that starts this program read it' });
  }
  return found;
}

interface Found {
  readonly rules: AccessRule[];
  readonly problems: SettingsProblem[];
  readonly warnings: SettingsProblem[];
  readonly local: boolean;
}

function accessFilesOf(path: string, { problems, warnings }: Found): string[] {
  const entry = statSync(path, { throwIfNoEntry: false });
  if (entry === undefined) {
    // Only Courier can read it, so whom it keeps out would be let in.
    const what = `there is only Courier's compiled form of it, ${path}.dat`;
    const remedy = 'write its lines here again (gdbmtool shows them), or remove it';
    if (existsSync(`${path}.dat`)) problems.push({ file: path, what, remedy });
    return [];
  }
  if (!entry.isDirectory()) return [path];
  const names = readdirSync(path).sort();
  for (const name of names.filter((each) => NOT_MERGED.test(each))) {
    const what = 'is a left-over of an upgrade, and not read';
    warnings.push({ file: join(path, name), what, remedy: 'take from it what is needed, and remove it' });
  }
  const files = names.filter((name) => !LEFT_OVER.test(name)).map((name) => join(path, name));
  return files.filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);
}

/** Looks addresses up in rules. */
export class AccessRules {
  readonly #remote: readonly RuleFor[];
  readonly #local: readonly RuleFor[];

  constructor(rules: readonly AccessRule[]) {
    const specificFirst = [...rules].sort((one, other) => specificity(other) - specificity(one));
    const all = specificFirst.map((rule) => ({ rule, addresses: addressesOf(rule) }));
    this.#remote = all.filter(({ rule }) => rule.localPort === undefined);
    this.#local = all.filter(({ rule }) => rule.localPort !== undefined);
  }

  /** The rule for an address (without `::ffff:`); undefined is none. */
  ruleFor(address: string): AccessRule | undefined {
    if (this.#remote.length === 0) return undefined;
    return this.#remote.find((each) => isAbout(each, address))?.rule;
  }

  /** Whether nobody may connect to this address and port of ours. */
  deniesLocal({ ip, port }: Endpoint): boolean {
    if (this.#local.length === 0) return false;
    const address = plainAddress(ip);
    return this.#local.find((each) => each.rule.localPort === port && isAbout(each, address))?.rule.isDenied === true;
  }
}

interface RuleFor {
  readonly rule: AccessRule;
  readonly addresses: BlockList;
}

function isAbout({ rule, addresses }: RuleFor, address: string): boolean {
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  return rule.family === 'any' || (rule.family === family && addresses.check(address, family));
}

/**
 * Reads networks apart by blanks, written as in an access file: `127.0.0.1 10 2001:db8::/32`.
 *
 * @returns whether an address (without `::ffff:`) is in one of them, or the first word that is no address
 */
export function addressList(text: string): ((address: string) => boolean) | { readonly wrong: string } {
  const lists: { readonly family: AccessRule['family']; readonly addresses: BlockList }[] = [];
  for (const word of text.split(/\s+/).filter((each) => each !== '')) {
    const network = networkOf(word);
    if (network === undefined) return { wrong: word };
    lists.push({ family: network.family, addresses: addressesOf(network) });
  }
  return (address) => {
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    return lists.some(
      (each) => each.family === 'any' || (each.family === family && each.addresses.check(address, family)),
    );
  };
}

function readFile(file: string, found: Found): void {
  const seen = new Set<string>();
  const lines = readFileSync(file, 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    const [, key, value = ''] = /^\s*([^#\s]\S*)\s*(.*?)\s*$/.exec(line) ?? [];
    if (key === undefined) continue;
    const place = { file, line: index + 1 };
    const addresses = networkOf(key);
    if (addresses === undefined) {
      const remedy = 'write 10, 192.168.1, 192.0.2.0/24, 192.0.2.7-192.0.2.9, or *';
      found.problems.push({ ...place, what: `${key} is no address`, remedy });
    } else if (seen.has(key)) {
      found.problems.push({ ...place, what: `${key} stands here twice`, remedy: 'remove one of the lines' });
    } else if (addresses.localPort !== undefined && !found.local) {
      const remedy = 'add -accesslocal to TCPDOPTS, or remove the line';
      found.warnings.push({ ...place, what: `${key} is about an address of ours, which is not asked for`, remedy });
    } else {
      seen.add(key);
      found.rules.push({ ...addresses, ...verdictOf(value) });
      warnOfVariables(value, place, found);
    }
  }
}

function verdictOf(value: string): Pick<AccessRule, 'isDenied' | 'perAddress'> {
  const [, limit] = /(?:^|,)\s*MAXCPERIP=["']?(\d{1,9})/.exec(value) ?? [];
  const isDenied = value.startsWith('deny');
  return limit === undefined ? { isDenied } : { isDenied, perAddress: Number(limit) };
}

/** Courier gives the variables of a line to the server's process. Here there is none for each connection. */
function warnOfVariables(value: string, place: Pick<SettingsProblem, 'file' | 'line'>, { warnings }: Found): void {
  for (const [, name = ''] of value.matchAll(/(?:^|,)\s*([A-Za-z_]\w*)\s*=/g)) {
    if (name === 'MAXCPERIP') continue;
    warnings.push({ ...place, what: `${name} has no effect here`, remedy: 'only allow, deny and MAXCPERIP= count' });
  }
}

function networkOf(key: string): Addresses | undefined {
  if (key === '*') return { family: 'any', network: '', prefixBits: 0 };
  const [address = '', bits] = key.split('/');
  if (isIPv6(address)) return network('ipv6', address, bits, 128);
  if (isIPv4(address)) return network('ipv4', address, bits, 32);
  // The first octets of an address, as Courier writes networks.
  const octets = key.replace(/\.$/, '').split('.');
  const whole = [...octets, '0', '0', '0'].slice(0, 4).join('.');
  if (octets.length < 4 && isIPv4(whole)) return { family: 'ipv4', network: whole, prefixBits: octets.length * 8 };
  return groupsOf(key) ?? rangeOf(key) ?? localOf(key);
}

/** The first groups of an IPv6 address, as Courier writes them: `:2001:0db8`. */
function groupsOf(key: string): Addresses | undefined {
  const groups = key.replace(/^:/, '').replace(/:$/, '').split(':');
  const whole = groups.length === 8 ? groups.join(':') : `${groups.join(':')}::`;
  if (!key.startsWith(':') || groups.length > 8 || !isIPv6(whole)) return undefined;
  return { family: 'ipv6', network: whole, prefixBits: groups.length * 16 };
}

/** `192.0.2.9-192.0.2.30`, as makedat takes it. It is as specific as one address. */
function rangeOf(key: string): Addresses | undefined {
  const [first = '', last = '', ...more] = key.split('-');
  if (more.length > 0) return undefined;
  if (isIPv4(first) && isIPv4(last)) return inOrder({ family: 'ipv4', network: first, prefixBits: 31, last });
  if (isIPv6(first) && isIPv6(last)) return inOrder({ family: 'ipv6', network: first, prefixBits: 127, last });
  return undefined;
}

function inOrder(range: Addresses): Addresses | undefined {
  try {
    addressesOf(range);
    return range;
  } catch {
    return undefined;
  }
}

/** An address of ours with a port: `192.0.2.7.1143`, `*.1143`. */
function localOf(key: string): Addresses | undefined {
  const dot = key.lastIndexOf('.');
  const port = key.slice(dot + 1);
  const address = key.slice(0, dot);
  if (dot < 1 || !/^\d{1,5}$/.test(port) || !(address === '*' || isIP(address) !== 0)) return undefined;
  const addresses = networkOf(address);
  return addresses && { ...addresses, localPort: Number(port) };
}

function network(family: 'ipv4' | 'ipv6', address: string, bits: string | undefined, most: number) {
  const prefixBits = bits === undefined ? most : Number(bits);
  const isWrong = bits !== undefined && (!/^\d{1,3}$/.test(bits) || prefixBits > most);
  return isWrong ? undefined : { family, network: address, prefixBits };
}

function specificity({ family, prefixBits }: AccessRule): number {
  return family === 'any' ? -1 : prefixBits;
}

function addressesOf({ family, network: address, prefixBits, last }: Addresses): BlockList {
  const list = new BlockList();
  if (family === 'any') return list;
  if (last === undefined) list.addSubnet(address, prefixBits, family);
  else list.addRange(address, last, family);
  return list;
}
