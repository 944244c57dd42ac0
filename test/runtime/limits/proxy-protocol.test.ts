/** The header of the PROXY protocol: what is one, what is none, and that no octets break its reader. */
import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { foreignProtocol } from '../../../init/runtime/limits/foreign-protocol.js';
import { parseProxyHeader } from '../../../init/runtime/limits/proxy-protocol.js';
import { binaryHeader, lineHeader } from '../../support/proxy-header.js';

const parsed = (text: string) => parseProxyHeader(Buffer.from(text, 'latin1'));

test('version 1 names both ends, in the spelling of the system, and says where the client begins', () => {
  const four = 'PROXY TCP4 192.0.2.7 198.51.100.1 56324 993\r\n';
  assert.deepEqual(parsed(`${four}a NOOP\r\n`), {
    octets: four.length,
    client: { remote: { ip: '192.0.2.7', port: 56_324 }, local: { ip: '198.51.100.1', port: 993 } },
  });
  const six = 'PROXY TCP6 2001:0DB8:0:0:0:0:0:1 ::1 1 65535\r\n';
  assert.deepEqual(parsed(six), {
    octets: six.length,
    client: { remote: { ip: '2001:db8::1', port: 1 }, local: { ip: '::1', port: 65_535 } },
  });
});

test('UNKNOWN and LOCAL, as in health checks, name nobody; what else stands there is passed over', () => {
  assert.deepEqual(parsed('PROXY UNKNOWN\r\nrest'), { octets: 15 });
  assert.deepEqual(parsed('PROXY UNKNOWN ffff:f... 1 2\r\n'), { octets: 29 });
  assert.deepEqual(parseProxyHeader(binaryHeader({ command: 0x20, addresses: Buffer.alloc(0) })), { octets: 16 });
  const withAddresses = binaryHeader({ command: 0x20 });
  assert.deepEqual(parseProxyHeader(withAddresses), { octets: withAddresses.length });
});

test('version 2 names both ends, and its TLVs are passed over, up to the largest', () => {
  const header = binaryHeader({ tlvs: Buffer.alloc(65_535 - 12, 0xee) });
  assert.deepEqual(parseProxyHeader(Buffer.concat([header, Buffer.from('x')])), {
    octets: 65_551,
    client: { remote: { ip: '192.0.2.7', port: 56_324 }, local: { ip: '198.51.100.1', port: 993 } },
  });
  const six = Buffer.alloc(36);
  six.writeUInt16BE(0x2001, 0);
  six.writeUInt16BE(0x0db8, 2);
  six[15] = 1;
  six[31] = 2;
  six.writeUInt16BE(7, 32);
  assert.deepEqual(parseProxyHeader(binaryHeader({ family: 0x21, addresses: six })), {
    octets: 52,
    client: { remote: { ip: '2001:db8::1', port: 7 }, local: { ip: '::2', port: 0 } },
  });
});

test('a TLV of version 2 says whether the client speaks TLS with the proxy; others say nothing', () => {
  const tls = (tlvs: string) => {
    const header = parseProxyHeader(binaryHeader({ tlvs: Buffer.from(tlvs, 'hex') }));
    return typeof header === 'object' && 'octets' in header && header.tls === true;
  };

  assert.ok(tls('2000050100000000'));
  assert.ok(tls('010003696d6120000d07000000002100055453312e33'));
  for (const none of [
    '',
    '20',
    '2000',
    '200000',
    '2000050000000000',
    '0100050100000000',
    '01ffff20000501',
    '20000502',
  ]) {
    assert.ok(!tls(none), none);
  }
});

test('attack 85: what is no header, or one that is cut off or says too much, is told apart from one that is coming', () => {
  const wrong = [
    'a LOGIN bob secret\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 56324 993 1\r\n',
    'PROXY TCP4 2001:db8::1 ::1 1 2\r\n',
    'PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n',
    'PROXY TCP4 192.0.2.7  198.51.100.1 1 2\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 65536 2\r\n',
    'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n',
    'PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n',
    'PROXY UNKNOWNX\r\n',
    `PROXY UNKNOWN ${'x'.repeat(120)}`,
    'proxy tcp4 192.0.2.7 198.51.100.1 1 2\r\n',
    '\r\n\r\n\0\r\nQUIX\n',
  ];
  for (const text of wrong) assert.ok(typeof parsed(text) === 'object' && 'wrong' in (parsed(text) as object), text);
  const strange = [{ command: 0x22 }, { command: 0x11 }, { family: 0x31 }, { family: 0x12 }];
  for (const each of [...strange, { addresses: Buffer.alloc(11) }, { family: 0x21 }]) {
    assert.ok('wrong' in (parseProxyHeader(binaryHeader(each)) as object), JSON.stringify(each));
  }
  for (const whole of [lineHeader('192.0.2.7', 5), binaryHeader({})]) {
    for (let length = 0; length < whole.length; length += 1) {
      assert.equal(parseProxyHeader(whole.subarray(0, length)), 'incomplete');
    }
  }
});

test('any octets are a header with addresses, or none, or too few', () => {
  const starts = fc.constantFrom('', 'PROXY ', 'PROXY TCP4 ', 'PROXY TCP6 ::', '\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c');
  fc.assert(
    fc.property(starts, fc.uint8Array({ maxLength: 200 }), (start, octets) => {
      const header = parseProxyHeader(Buffer.concat([Buffer.from(start, 'latin1'), octets]));
      if (header === 'incomplete' || 'wrong' in header) return;
      assert.ok(header.octets > 0 && header.octets <= start.length + octets.length);
      if (header.client !== undefined) assert.notEqual(isIP(header.client.remote.ip), 0);
    }),
    { numRuns: 2_000 },
  );
});

test('attack 2 of its class: programs of other protocols are known by their first words, mail programs are not', () => {
  const foreign = [
    ['GET / HTTP/1.1\r\nHost: x\r\n', 'HTTP'],
    ['post /a?b HTTP/1.0\r\n', 'HTTP'],
    ['GET /\r\n', 'HTTP'],
    ['CONNECT x:25 HTTP/1.1\r\n', 'HTTP'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n', 'HTTP'],
    ['EHLO mail.example.com\r\n', 'SMTP'],
    ['SSH-2.0-OpenSSH_9.2\r\n', 'SSH'],
    ['\x16\x03\x01\x02\0\x01', 'TLS'],
    ['PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n', 'the PROXY protocol, and is not in PROXY_PROTOCOL_FROM'],
  ] as const;
  for (const [text, protocol] of foreign) assert.equal(foreignProtocol(Buffer.from(text, 'latin1')), protocol);
  const mail = [
    'a LOGIN bob secret\r\n',
    'GET NOOP\r\n',
    'DELETE DELETE x\r\n',
    'USER bob\r\n',
    'CAPA\r\n',
    'EHLO\r\n',
  ];
  for (const text of mail) assert.equal(foreignProtocol(Buffer.from(text)), undefined, text);
});
