/**
 * Courier's access file: which addresses may connect.
 *
 *     127.0.0.1        allow
 *     10               allow,MAXCPERIP=200      10.0.0.0/8, with a limit of its own
 *     192.168.1        deny                     192.168.1.0/24
 *     2001:db8::/32    deny
 *     *                allow
 *
 * The most specific line counts; without one, the address may connect. It is read as it stands: there is no compiled
 * form. A directory stands for all files in it. It knows no connection.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { SettingsProblem } from './settings-file.js';

/** One line, with the addresses that it is about. */
export interface AccessRule {
  readonly family: 'ipv4' | 'ipv6' | 'any';
  readonly network: string;
  readonly prefixBits: number;
  readonly isDenied: boolean;
  /** MAXCPERIP: in place of MAXPERIP. */
  readonly perAddress?: number;
}

/** What an access file says, and what is wrong with it. */
export interface AccessFile {
  readonly rules: readonly AccessRule[];
  readonly problems: readonly SettingsProblem[];
}

/** Left behind by editors and package managers, as Courier skips them. */
const LEFT_OVER = /^\.|~$|\.(dist|dpkg-\w+|rpmsave|rpmnew)$/;

/** Reads an access file, or all files of a directory. One that does not exist says nothing. */
export function readAccessFile(path: string): AccessFile {
  const rules: AccessRule[] = [];
  const problems: SettingsProblem[] = [];
  try {
    const entry = statSync(path, { throwIfNoEntry: false });
    const names = entry?.isDirectory() === true ? readdirSync(path).filter((name) => !LEFT_OVER.test(name)) : undefined;
    const files = names?.sort().map((name) => join(path, name)) ?? (entry === undefined ? [] : [path]);
    for (const file of files) readFile(file, rules, problems);
  } catch (error) {
    const what = `cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`;
    problems.push({ file: path, what, remedy: 'let the user that starts this program read it' });
  }
  return { rules, problems };
}

/** Looks addresses up in rules. */
export class AccessRules {
  readonly #rules: readonly { readonly rule: AccessRule; readonly addresses: BlockList }[];

  constructor(rules: readonly AccessRule[]) {
    const specificFirst = [...rules].sort((one, other) => specificity(other) - specificity(one));
    this.#rules = specificFirst.map((rule) => ({ rule, addresses: addressesOf(rule) }));
  }

  /** The rule for an address (without `::ffff:`); undefined is none. */
  ruleFor(address: string): AccessRule | undefined {
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    const isMeant = ({ rule, addresses }: { rule: AccessRule; addresses: BlockList }) =>
      rule.family === 'any' || (rule.family === family && addresses.check(address, family));
    return this.#rules.find(isMeant)?.rule;
  }
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

function readFile(file: string, rules: AccessRule[], problems: SettingsProblem[]): void {
  const seen = new Set<string>();
  const lines = readFileSync(file, 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    const [, key, value = ''] = /^\s*([^#\s]\S*)\s*(.*?)\s*$/.exec(line) ?? [];
    if (key === undefined) continue;
    const place = { file, line: index + 1 };
    const network = networkOf(key);
    if (network === undefined) {
      problems.push({ ...place, what: `${key} is no address`, remedy: 'write 10, 192.168.1, 192.0.2.0/24, or *' });
    } else if (seen.has(key)) {
      problems.push({ ...place, what: `${key} stands here twice`, remedy: 'remove one of the lines' });
    } else {
      seen.add(key);
      rules.push({ ...network, ...verdictOf(value) });
    }
  }
}

function verdictOf(value: string): Pick<AccessRule, 'isDenied' | 'perAddress'> {
  const [, limit] = /(?:^|,)\s*MAXCPERIP=["']?(\d{1,9})/.exec(value) ?? [];
  const isDenied = value.startsWith('deny');
  return limit === undefined ? { isDenied } : { isDenied, perAddress: Number(limit) };
}

function networkOf(key: string): Pick<AccessRule, 'family' | 'network' | 'prefixBits'> | undefined {
  if (key === '*') return { family: 'any', network: '', prefixBits: 0 };
  const [address = '', bits] = key.split('/');
  if (isIPv6(address)) return network('ipv6', address, bits, 128);
  if (isIPv4(address)) return network('ipv4', address, bits, 32);
  // The first octets of an address, as Courier writes networks.
  const octets = key.replace(/\.$/, '').split('.');
  const whole = [...octets, '0', '0', '0'].slice(0, 4).join('.');
  if (octets.length < 4 && isIPv4(whole)) return { family: 'ipv4', network: whole, prefixBits: octets.length * 8 };
  return groupsOf(key);
}

/** The first groups of an IPv6 address, as Courier writes them: `:2001:0db8`. */
function groupsOf(key: string): Pick<AccessRule, 'family' | 'network' | 'prefixBits'> | undefined {
  const groups = key.replace(/^:/, '').replace(/:$/, '').split(':');
  const whole = `${groups.join(':')}::`;
  if (!key.startsWith(':') || groups.length > 7 || !isIPv6(whole)) return undefined;
  return { family: 'ipv6', network: whole, prefixBits: groups.length * 16 };
}

function network(family: 'ipv4' | 'ipv6', address: string, bits: string | undefined, most: number) {
  const prefixBits = bits === undefined ? most : Number(bits);
  const isWrong = bits !== undefined && (!/^\d{1,3}$/.test(bits) || prefixBits > most);
  return isWrong ? undefined : { family, network: address, prefixBits };
}

function specificity({ family, prefixBits }: AccessRule): number {
  return family === 'any' ? -1 : prefixBits;
}

function addressesOf({
  family,
  network: address,
  prefixBits,
}: Pick<AccessRule, 'family' | 'network' | 'prefixBits'>): BlockList {
  const list = new BlockList();
  if (family !== 'any') list.addSubnet(address, prefixBits, family);
  return list;
}
