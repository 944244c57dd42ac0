/**
 * Who can get to a directory? Matters to root only, whose children are other users. Access control lists are not known
 * here.
 */
import { type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Identity } from './drop-privileges.js';

/** May everybody enter a directory, and all above it? */
export function isOpenToAll(directory: string): boolean {
  return topmost(directory, ({ mode }) => (mode & 0o001) === 0) === undefined;
}

/** The directory on the way to this one that somebody may not enter, the topmost; undefined when there is none. */
export function closedPlace(directory: string, { uid, gid }: Identity): string | undefined {
  return topmost(directory, (place) => {
    const bit = place.uid === uid ? 0o100 : place.gid === gid ? 0o010 : 0o001;
    return (place.mode & bit) === 0;
  });
}

function topmost(directory: string, isClosed: (place: Stats) => boolean): string | undefined {
  let found: string | undefined;
  for (let place = directory; place !== '/'; place = dirname(place)) {
    if (isClosed(statSync(place))) found = place;
  }
  return found;
}
