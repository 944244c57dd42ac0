/** Lists of sizes as plain objects, for tests. */
import { octetsFromText, textFromOctets } from '../../maildir/file-system.js';
import { Pace } from '../../maildir/pace.js';
import { parseSizeList, type SizeListEntry, type SizeListHead, SizeListWriter } from '../../maildir/pop3-size-list.js';

/** A line, with the name as text. */
export interface ListedSize extends SizeListEntry {
  readonly name: string;
}

/** Reads a list. */
export async function readSizeList(octets: Buffer): Promise<SizeListHead & { readonly entries: ListedSize[] }> {
  const entries: ListedSize[] = [];
  const head = await parseSizeList(octets, new Pace(() => 0), ({ name, sizeOctets, uid, validity, utf8 }) => {
    entries.push({ name: textFromOctets(name.octets.subarray(name.start, name.end)), sizeOctets, uid, validity, utf8 });
  });
  return { ...head, entries };
}

/** Writes a list. */
export function writeSizeList(list: {
  readonly nextUid: number;
  readonly validity: number;
  readonly entries: readonly ListedSize[];
}): Buffer {
  const writer = new SizeListWriter(list);
  for (const entry of list.entries) {
    const octets = octetsFromText(entry.name);
    const colon = octets.indexOf(':');
    const end = colon < 0 ? octets.length : colon;
    writer.add({ octets, start: 0, end }, textFromOctets(octets.subarray(end)), entry);
  }
  return writer.octets;
}
