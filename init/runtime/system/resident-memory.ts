/** What another process has in memory, from /proc. It knows nothing of what the process does. */
import { readFileSync } from 'node:fs';

/** Its resident set, in octets; 0 where there is no /proc, and for a process that is gone. */
export function residentOctets(pid: number): number {
  try {
    // Not from statm, which counts pages: they are four times as large on some machines.
    const [, kibibytes = 0] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return Number(kibibytes) * 1024;
  } catch {
    return 0;
  }
}
