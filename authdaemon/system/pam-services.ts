/**
 * PAM's service files, as far as a refusal needs them: is there one for this service, and does a script decide in it?
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where Linux-PAM looks, in its order. */
const DIRECTORIES = ['/etc/pam.d', '/usr/lib/pam.d'];
/** Files that include each other may do so in a circle. */
const MAX_DEPTH = 8;

/** Tells whether PAM may be asked about a service of this name: it is the name of a file, and no path. */
export function isServiceName(service: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(service);
}

/** Tells whether PAM has a file for this service; without one it asks the service `other`. */
export function hasServiceFile(service: string): boolean {
  return serviceText(service) !== undefined;
}

/** Tells whether a script of pam_exec takes part in authentication. */
export function hasScript(service: string, depth = 0): boolean {
  if (depth > MAX_DEPTH || !isServiceName(service)) return false;
  const text = serviceText(service) ?? (depth === 0 ? serviceText('other') : undefined) ?? '';
  return text.split('\n').some((line) => {
    const included = /^\s*(?:@include|-?auth\s+(?:include|substack))\s+(\S+)/.exec(line)?.[1];
    if (included !== undefined) return hasScript(included, depth + 1);
    return /^\s*-?auth\s.*\bpam_exec\.so\b/.test(line);
  });
}

function serviceText(service: string): string | undefined {
  for (const directory of DIRECTORIES) {
    // Most services stand in one of the two.
    try {
      return readFileSync(join(directory, service.toLowerCase()), 'utf8');
    } catch {}
  }
  return undefined;
}
