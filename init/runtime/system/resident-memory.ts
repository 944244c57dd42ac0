/** What another process has in memory, from /proc. It knows nothing of what the process does. */
import { procText } from './proc-text.js';

/** Its resident set, in octets; 0 where there is no /proc, and for a process that is gone. */
export function residentOctets(pid: number): number {
  // Not from statm, which counts pages: they are four times as large on some machines.
  const [, kibibytes = 0] = /^VmRSS:\s*(\d+) kB$/m.exec(procText(`/proc/${pid}/status`)) ?? [];
  return Number(kibibytes) * 1024;
}
