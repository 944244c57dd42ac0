/**
 * What was seen of `courierpop3dsizelist`, and whether it tells the same still.
 *
 * Courier and we write it anew and rename it, so another list is another file; two of them within one tick of the clock
 * may look alike (see observation.ts). So a young one is read again, and compared by its digest.
 */
import { createHash } from 'node:crypto';
import type { FileStatus } from './file-system.js';
import { isYoung } from './observation.js';

/** A look at the list. */
export interface SeenList {
  /** Undefined where there was none. */
  readonly file: Pick<FileStatus, 'inode' | 'sizeOctets' | 'modifiedAt' | 'changedAt'> | undefined;
  readonly at: number;
  readonly fine: boolean;
  readonly digest: Buffer | undefined;
}

/** What is to be remembered of a look. @param fine whether the file system keeps fine times */
export function seenList(
  found: { readonly status: FileStatus | undefined; readonly octets: Buffer } | undefined,
  { at, fine }: Pick<SeenList, 'at' | 'fine'>,
): SeenList {
  if (found?.status === undefined) return { file: undefined, at, fine, digest: undefined };
  const { inode, sizeOctets, modifiedAt, changedAt } = found.status;
  const seen = { file: { inode, sizeOctets, modifiedAt, changedAt }, at, fine, digest: undefined };
  return isYoungList(seen) ? { ...seen, digest: digestOf(found.octets) } : seen;
}

/** By what octets of a young list are known again. */
export function digestOf(octets: Buffer): Buffer {
  return createHash('sha1').update(octets).digest();
}

/** Whether a second list could have been put into the place of the first without a trace. */
export function isYoungList({ file, at, fine }: Pick<SeenList, 'file' | 'at' | 'fine'>): boolean {
  // Renaming a file into its place is a change of it, too.
  const newestChange = Math.max(file?.modifiedAt ?? 0, file?.changedAt ?? 0);
  return isYoung({ newestChange, at, fine });
}

/** Whether a look found the list that is there now, as far as its times tell. */
export function looksSame({ file }: SeenList, now: FileStatus | undefined): boolean {
  if (file === undefined || now === undefined) return file === now;
  return (
    file.inode === now.inode &&
    file.sizeOctets === now.sizeOctets &&
    file.modifiedAt === now.modifiedAt &&
    file.changedAt === now.changedAt
  );
}
