/** Headers of the PROXY protocol as proxies write them, right ones and wrong ones. */

/** Version 1: from this address and port to 198.51.100.1. */
export function lineHeader(ip: string, port: number): Buffer {
  return ip.includes(':')
    ? Buffer.from(`PROXY TCP6 ${ip} 2001:db8::993 ${port} 993\r\n`)
    : Buffer.from(`PROXY TCP4 ${ip} 198.51.100.1 ${port} 993\r\n`);
}

export interface BinaryHeader {
  /** 0x21 is PROXY, 0x20 LOCAL. */
  readonly command?: number;
  /** 0x11 is TCP over IPv4. */
  readonly family?: number;
  readonly addresses?: Buffer;
  readonly tlvs?: Buffer;
}

/** From 192.0.2.7, port 56324, to 198.51.100.1, port 993. */
const ADDRESSES = Buffer.from('c0000207c6336401dc0403e1', 'hex');

/** Version 2. */
export function binaryHeader({ command = 0x21, family = 0x11, addresses = ADDRESSES, ...more }: BinaryHeader): Buffer {
  const rest = Buffer.concat([addresses, more.tlvs ?? Buffer.alloc(0)]);
  const head = Buffer.from('0d0a0d0a000d0a515549540a00000000', 'hex');
  head[12] = command;
  head[13] = family;
  head.writeUInt16BE(rest.length, 14);
  return Buffer.concat([head, rest]);
}
