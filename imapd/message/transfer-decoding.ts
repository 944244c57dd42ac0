/**
 * Content-Transfer-Encodings undone, piece by piece (RFC 2045 sections 6.7 and 6.8). Tolerant: what is not of the
 * encoding is passed over or passed on.
 */

/** Undoes an encoding; what a piece ends in the middle of waits for the next. */
export interface TransferDecoder {
  decode(octets: Buffer): Buffer;
  /** Gives what waited in vain. */
  end(): Buffer;
}

/** Makes the decoder for an encoding by its lower-case name; unknown ones are taken as they are. */
export function transferDecoder(encoding: string): TransferDecoder {
  if (encoding === 'base64') return new Base64Decoder();
  if (encoding === 'quoted-printable') return new QuotedPrintableDecoder();
  return { decode: (octets) => octets, end: () => NOTHING };
}

/** Undoes an encoding of a whole text. */
export function decodeTransfer(octets: Buffer, encoding: string): Buffer {
  // The platform takes white space out of base64, but reads on neither behind `=` nor over the other alphabet's letters.
  if (encoding === 'base64' && isPlainBase64(octets)) return Buffer.from(octets.toString('latin1'), 'base64');
  const decoder = transferDecoder(encoding);
  const decoded = decoder.decode(octets);
  const rest = decoder.end();
  return rest.length === 0 ? decoded : Buffer.concat([decoded, rest]);
}

function isPlainBase64(octets: Buffer): boolean {
  if (octets.includes(DASH) || octets.includes(UNDERSCORE)) return false;
  const padding = octets.indexOf(EQUALS);
  return padding === -1 || !/[A-Za-z0-9+/]/.test(octets.toString('latin1', padding));
}

const NOTHING = Buffer.alloc(0);
const DASH = 0x2d;
const UNDERSCORE = 0x5f;

class Base64Decoder implements TransferDecoder {
  #rest = '';

  decode(octets: Buffer): Buffer {
    const text = this.#rest + octets.toString('latin1').replace(/[^A-Za-z0-9+/]+/g, '');
    const whole = text.length - (text.length % 4);
    this.#rest = text.slice(whole);
    return Buffer.from(text.slice(0, whole), 'base64');
  }

  end(): Buffer {
    return Buffer.from(this.#rest, 'base64');
  }
}

const EQUALS = 0x3d;

class QuotedPrintableDecoder implements TransferDecoder {
  #rest: Buffer = NOTHING;

  decode(octets: Buffer): Buffer {
    const all = this.#rest.length === 0 ? octets : Buffer.concat([this.#rest, octets]);
    const last = all.lastIndexOf(EQUALS);
    const isUnfinished = last !== -1 && last >= all.length - 2;
    const whole = isUnfinished ? all.subarray(0, last) : all;
    this.#rest = isUnfinished ? Buffer.from(all.subarray(last)) : NOTHING;
    if (!whole.includes(EQUALS)) return whole;
    return decodeEscapes(whole);
  }

  end(): Buffer {
    return decodeEscapes(this.#rest);
  }
}

function decodeEscapes(octets: Buffer): Buffer {
  const decoded = Buffer.allocUnsafe(octets.length);
  let to = 0;
  for (let from = 0; from < octets.length; from += 1) {
    const octet = octets[from] ?? 0;
    if (octet !== EQUALS) {
      decoded[to++] = octet;
      continue;
    }
    const next = octets[from + 1];
    const value = hexValue(next) * 16 + hexValue(octets[from + 2]);
    if (next === 0x0a) from += 1;
    else if (next === 0x0d && octets[from + 2] === 0x0a) from += 2;
    else if (Number.isNaN(value)) decoded[to++] = octet;
    else {
      decoded[to++] = value;
      from += 2;
    }
  }
  return decoded.subarray(0, to);
}

function hexValue(octet: number | undefined): number {
  if (octet === undefined) return Number.NaN;
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const letter = octet & 0xdf;
  return letter >= 0x41 && letter <= 0x46 ? letter - 0x37 : Number.NaN;
}
