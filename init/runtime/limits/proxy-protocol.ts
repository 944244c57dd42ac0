/**
 * The header of the PROXY protocol, versions 1 and 2, with which a proxy says whom a connection comes from.
 *
 *     PROXY TCP4 192.0.2.7 198.51.100.1 56324 993\r\n
 *     PROXY UNKNOWN …\r\n                              no client: the proxy itself, as its health checks do
 *
 *     0d0a0d0a000d0a515549540a 21 11 000c              version 2: signature, PROXY (20: LOCAL), TCP over IPv4, length,
 *     c0000207 c6336401 dc04 03e1                      then both addresses and ports, and TLVs
 *
 * Of the TLVs one counts (0x20): that the client speaks TLS with the proxy. The others are skipped.
 *
 * Whether the sender may be believed is decided elsewhere, before a single octet is read. It knows no socket.
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { Endpoint } from '../worker/mail-worker.js';

/** What a header says; without `client` it is the proxy itself that speaks. */
export interface ProxyHeader {
  /** How long it is: what follows is the client's. */
  readonly octets: number;
  readonly client?: { readonly remote: Endpoint; readonly local: Endpoint };
  /** The client speaks TLS with the proxy. */
  readonly tls?: true;
}

/** A header, or too little of it yet, or none. */
export type ParsedHeader = ProxyHeader | 'incomplete' | { readonly wrong: string };

/** The longest line of version 1, its end included. */
const MAX_LINE_OCTETS = 107;

const PREFIX = Buffer.from('PROXY ');
const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const FIXED_OCTETS = 16;

const LOCAL = 0x20;
const PROXY = 0x21;
const UNSPECIFIED = 0x00;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
const IPV4_ADDRESSES_OCTETS = 12;
const IPV6_ADDRESSES_OCTETS = 36;
const TYPE_SSL = 0x20;
const CLIENT_SSL = 0x01;

/** Whether these are the first octets of a connection that begins with a header, as far as they go. */
export function beginsLikeHeader(octets: Buffer): boolean {
  return [PREFIX, SIGNATURE].some((start) => {
    const length = Math.min(start.length, octets.length);
    return octets.subarray(0, length).equals(start.subarray(0, length));
  });
}

/** Parses what has come so far. */
export function parseProxyHeader(octets: Buffer): ParsedHeader {
  if (octets.length === 0) return 'incomplete';
  if (!beginsLikeHeader(octets)) return { wrong: 'it does not begin with one' };
  return octets[0] === SIGNATURE[0] ? parseBinary(octets) : parseLine(octets);
}

function parseLine(octets: Buffer): ParsedHeader {
  const end = octets.subarray(0, MAX_LINE_OCTETS).indexOf('\r\n');
  if (end === -1) return octets.length < MAX_LINE_OCTETS ? 'incomplete' : { wrong: 'its line has no end' };
  const line = octets.toString('latin1', 0, end);
  if (line === 'PROXY UNKNOWN' || line.startsWith('PROXY UNKNOWN ')) return { octets: end + 2 };
  const words = line.split(' ');
  const [, family = '', from = '', to = '', fromPort = '', toPort = ''] = words;
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : undefined;
  if (words.length !== 6 || isAddress === undefined) return { wrong: 'its line has other words' };
  if (!isAddress(from) || !isAddress(to)) return { wrong: `there are no ${family} addresses in it` };
  if (!isPort(fromPort) || !isPort(toPort)) return { wrong: 'there are no ports in it' };
  return headerWith(end + 2, { ip: from, port: Number(fromPort) }, { ip: to, port: Number(toPort) });
}

function parseBinary(octets: Buffer): ParsedHeader {
  if (octets.length < FIXED_OCTETS) return 'incomplete';
  const command = octets.readUInt8(12);
  const family = octets.readUInt8(13);
  const length = FIXED_OCTETS + octets.readUInt16BE(14);
  if (command !== LOCAL && command !== PROXY) return { wrong: 'its version or command is not known' };
  if (octets.length < length) return 'incomplete';
  if (command === LOCAL || family === UNSPECIFIED) return { octets: length };
  const addresses = octets.subarray(FIXED_OCTETS, length);
  if (family === TCP_OVER_IPV4 && addresses.length >= IPV4_ADDRESSES_OCTETS) {
    return { ...headerOf(length, addresses, 4), ...tlsOf(addresses.subarray(IPV4_ADDRESSES_OCTETS)) };
  }
  if (family === TCP_OVER_IPV6 && addresses.length >= IPV6_ADDRESSES_OCTETS) {
    return { ...headerOf(length, addresses, 16), ...tlsOf(addresses.subarray(IPV6_ADDRESSES_OCTETS)) };
  }
  return { wrong: 'it is not about TCP over IPv4 or IPv6, or its addresses are cut off' };
}

/** Looks for the TLV about TLS: type, length, and a first octet whose lowest bit says that there is TLS. */
function tlsOf(tlvs: Buffer): { readonly tls?: true } {
  for (let at = 0; at + 3 < tlvs.length; at += 3 + tlvs.readUInt16BE(at + 1)) {
    const isTls = tlvs[at] === TYPE_SSL && tlvs.readUInt16BE(at + 1) > 0;
    if (isTls) return (tlvs.readUInt8(at + 3) & CLIENT_SSL) === 0 ? {} : { tls: true };
  }
  return {};
}

/** Source and destination addresses, source and destination ports. */
function headerOf(length: number, addresses: Buffer, size: 4 | 16): ProxyHeader | { readonly wrong: string } {
  const words = size === 4 ? ipv4Words : ipv6Words;
  const port = (at: number): number => addresses.readUInt16BE(2 * size + at);
  const remote = { ip: words(addresses.subarray(0, size)), port: port(0) };
  return headerWith(length, remote, { ip: words(addresses.subarray(size, 2 * size)), port: port(2) });
}

/** Addresses are written as the system writes them: logs and limits see one spelling of each. */
function headerWith(octets: number, remote: Endpoint, local: Endpoint): ProxyHeader | { readonly wrong: string } {
  const from = spelling(remote.ip);
  const to = spelling(local.ip);
  if (from === undefined || to === undefined) return { wrong: 'there is no address in it' };
  return { octets, client: { remote: { ip: from, port: remote.port }, local: { ip: to, port: local.port } } };
}

function ipv4Words(octets: Buffer): string {
  return octets.join('.');
}

function ipv6Words(octets: Buffer): string {
  return Array.from({ length: 8 }, (_, group) => octets.readUInt16BE(group * 2).toString(16)).join(':');
}

function spelling(address: string): string | undefined {
  // An address of a link (fe80::1%eth0) means something on that machine only.
  if (address.includes('%')) return undefined;
  try {
    return new SocketAddress({ address, family: isIPv4(address) ? 'ipv4' : 'ipv6' }).address;
  } catch {
    return undefined;
  }
}

function isPort(word: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(word) && Number(word) <= 65_535;
}
