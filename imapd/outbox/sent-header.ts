/**
 * Leaves fields out of the header of a message that is sent: what a mail program noted there for itself.
 */

/** A longer header is sent as it is. */
const MAX_HEADER_OCTETS = 1024 * 1024;

/** The message without the fields of these names, which are in small letters. Lines end with LF. */
export function* withoutFields(message: Iterable<Buffer>, names: readonly string[]): Generator<Buffer> {
  const pieces = message[Symbol.iterator]();
  let head = Buffer.alloc(0);
  let end = -1;
  while (names.length > 0 && end < 0 && head.length < MAX_HEADER_OCTETS) {
    const { value, done } = pieces.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
    end = head.indexOf('\n\n');
  }
  if (names.length > 0) {
    const header = head.toString('latin1', 0, end < 0 ? head.length : end + 1);
    const isHeader = end >= 0 || head.length < MAX_HEADER_OCTETS;
    yield isHeader ? Buffer.from(filtered(header, names), 'latin1') : Buffer.from(header, 'latin1');
    if (end >= 0) yield head.subarray(end + 1);
  }
  for (let next = pieces.next(); next.done !== true; next = pieces.next()) yield next.value;
}

/** A line that begins with a blank goes on with the field above it. */
function filtered(header: string, names: readonly string[]): string {
  let isLeftOut = false;
  return header
    .split(/(?<=\n)/)
    .filter((line) => {
      if (!/^[ \t]/.test(line)) isLeftOut = names.includes((/^([^:\s]+)\s*:/.exec(line)?.[1] ?? '').toLowerCase());
      return !isLeftOut;
    })
    .join('');
}
