/** Headers of the PROXY protocol for the fuzzer: octets are one, none, or too few, however they are cut. */
import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { foreignProtocol } from '../../init/runtime/limits/foreign-protocol.js';
import { parseProxyHeader } from '../../init/runtime/limits/proxy-protocol.js';
import { binaryHeader, lineHeader } from '../support/proxy-header.js';

/** What proxies send. */
export const proxyHeaders: readonly Buffer[] = [
  lineHeader('192.0.2.7', 5001),
  lineHeader('2001:db8::7', 65_535),
  Buffer.from('PROXY UNKNOWN\r\n'),
  binaryHeader({}),
  binaryHeader({ command: 0x20, addresses: Buffer.alloc(0) }),
  binaryHeader({ family: 0x21, addresses: Buffer.alloc(36, 7), tlvs: Buffer.from('0400020001', 'hex') }),
];

/** What came first decides, and more of it changes nothing once it is decided. */
export function checkProxyHeader(octets: Buffer): void {
  foreignProtocol(octets);
  const whole = parseProxyHeader(octets);
  if (whole === 'incomplete') return;
  if ('octets' in whole) {
    assert.ok(whole.octets > 0 && whole.octets <= octets.length);
    assert.deepEqual(parseProxyHeader(octets.subarray(0, whole.octets)), whole);
    assert.equal(parseProxyHeader(octets.subarray(0, whole.octets - 1)), 'incomplete');
    const { client } = whole;
    if (client !== undefined) for (const { ip } of [client.remote, client.local]) assert.notEqual(isIP(ip), 0);
  }
  assert.deepEqual(parseProxyHeader(Buffer.concat([octets, Buffer.from('a NOOP\r\n')])), whole);
}
