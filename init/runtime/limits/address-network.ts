/**
 * Which addresses are one client: what connections and failed logins are counted by.
 *
 *     clientNetwork('192.0.2.7')          // '192.0.2.7'
 *     clientNetwork('2001:db8::1:2')      // '2001:db8:0:0::/64'
 *     wideNetwork('192.0.2.7')            // '192.0.2.0/24'
 *
 * A host with IPv6 has the 2^64 addresses of its link, and may use another one for each connection: it counts as one.
 */
import { isIPv6 } from 'node:net';
import { plainAddress } from '../tls/tls-helpers.js';

/** How many leading groups of 16 bits name a client of IPv6, and a site: a site is given a /48. */
const CLIENT_GROUPS = 4;
const SITE_GROUPS = 3;

/** The address of an IPv4 client, the /64 of an IPv6 one. */
export function clientNetwork(ip: string): string {
  const address = plainAddress(ip);
  return isIPv6(address) ? leadingGroups(address, CLIENT_GROUPS) : address;
}

/** The /24 of an IPv4 client, as Courier's -maxperc has it; the /48 of an IPv6 one. */
export function wideNetwork(ip: string): string {
  const address = plainAddress(ip);
  return isIPv6(address) ? leadingGroups(address, SITE_GROUPS) : address.replace(/\.\d+$/, '.0/24');
}

function leadingGroups(address: string, count: number): string {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  // An IPv4 address at the end stands for two groups; what it is does not matter here.
  const known = before.length + after.length + (address.includes('.') ? 1 : 0);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - known);
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after].slice(0, count);
  const shortest = groups.map((group) => Number.parseInt(group, 16).toString(16));
  return `${shortest.join(':')}::/${count * 16}`;
}
