/**
 * Programs that speak another protocol to a mail port: browsers that a page makes send mail commands, tunnels, SMTP
 * clients on the wrong port, proxies that nobody trusts. They are not answered, so that nothing of theirs is echoed.
 */
import { beginsLikeHeader } from './proxy-protocol.js';

/** No first words are longer than this. */
const LOOKED_AT_OCTETS = 256;

const HTTP_METHOD = /^(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|PRI)$/i;
const HTTP_LINE = /^(\S+) (\/|\S+ HTTP\/)/i;
const SMTP = /^(EHLO|HELO|LHLO) \S/i;
const SSH = /^SSH-\d/;

/** What begins like this, in words for the log; undefined is a mail client, as far as one can see. */
export function foreignProtocol(octets: Buffer): string | undefined {
  const [line = ''] = octets.toString('latin1', 0, LOOKED_AT_OCTETS).split('\r\n', 1);
  const [, method] = HTTP_LINE.exec(line) ?? [];
  if (method !== undefined && isHttpMethod(method)) return 'HTTP';
  if (SMTP.test(line)) return 'SMTP';
  if (SSH.test(line)) return 'SSH';
  // A handshake where none is expected: a mail program that is set to TLS, on a port without.
  if (octets[0] === 0x16 && octets[1] === 0x03) return 'TLS';
  if (octets.length >= 6 && beginsLikeHeader(octets)) return 'the PROXY protocol, and is not in PROXY_PROTOCOL_FROM';
  return undefined;
}

/** Whether a word is what a browser or a tunnel says first: a protocol that is called by it later must not answer either. */
export function isHttpMethod(word: string): boolean {
  return HTTP_METHOD.test(word);
}
