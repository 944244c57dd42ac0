/**
 * Reading DER, as certificates and what belongs to them are written: tag, length, value.
 */

/** One element: its tag, and where it and its value begin and end. */
export interface DerElement {
  readonly tag: number;
  readonly at: number;
  readonly start: number;
  readonly end: number;
}

/** Finds the element at `position`. @throws {RangeError} when the octets end before it does. */
export function derElement(octets: Buffer, position: number): DerElement {
  const tag = octets.readUInt8(position);
  const first = octets.readUInt8(position + 1);
  const lengthOctets = first < 0x80 ? 0 : first & 0x7f;
  if (lengthOctets > 4) throw new RangeError('an element of DER is longer than can be');
  const start = position + 2 + lengthOctets;
  const length = lengthOctets === 0 ? first & 0x7f : octets.readUIntBE(position + 2, lengthOctets);
  if (start + length > octets.length) throw new RangeError('DER ends in the middle of an element');
  return { tag, at: position, start, end: start + length };
}

/** The elements that the value of one consists of. @throws {RangeError} when it does not consist of elements. */
export function derElements(octets: Buffer, within: Pick<DerElement, 'start' | 'end'>): DerElement[] {
  const found: DerElement[] = [];
  for (let position = within.start; position < within.end; ) {
    const element = derElement(octets, position);
    if (element.end > within.end) throw new RangeError('an element of DER is longer than what it is in');
    found.push(element);
    position = element.end;
  }
  return found;
}
