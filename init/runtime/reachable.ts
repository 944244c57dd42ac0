/**
 * Can everybody get to a directory? Matters to root only, whose children are other users.
 */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/** May everybody enter a directory, and all above it? */
export function isOpenToAll(directory: string): boolean {
  for (let place = directory; place !== '/'; place = dirname(place)) {
    if ((statSync(place).mode & 0o001) === 0) return false;
  }
  return true;
}
