/** Base64 as SASL frames it: strict in what is read. */

/**
 * Decodes base64 as RFC 4648 section 4 writes it: whole quartets, padded, nothing else in between.
 *
 * Undefined for anything else; `Buffer.from` alone would skip what it does not know.
 */
export function decodeBase64(text: string): Buffer | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const octets = Buffer.from(text, 'base64');
  return octets.toString('base64') === text ? octets : undefined;
}
