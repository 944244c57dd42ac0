/** Files of /proc, for those who look at other processes. It knows no format of any of them. */
import { readFileSync } from 'node:fs';

/** What stands in a file; empty where there is none: no /proc, a process that has ended, one that is closed to us. */
export function procText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
