/**
 * Users and groups of the system by name, as far as starting processes needs them. It knows /etc/passwd and
 * the programs `id` and `getent`.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A user of the system. */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Finds a user by name. Undefined: there is none. */
export function findSystemUser(name: string): SystemUser | undefined {
  return inPasswd(name) ?? fromDirectory(name);
}

/** Finds the gid of a group by name. Undefined: there is none. */
export function findSystemGroup(name: string): number | undefined {
  try {
    // `getent` knows groups of LDAP and NIS; a number would be looked up as one.
    if (/^[0-9]*$/.test(name)) return undefined;
    const line = execFileSync('getent', ['group', '--', name], { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
    return Number(line.split(':')[2]);
  } catch {
    return undefined;
  }
}

function inPasswd(name: string): SystemUser | undefined {
  let lines: string[];
  try {
    lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  } catch {
    return undefined;
  }
  const fields = lines.map((line) => line.split(':')).find(([first]) => first === name);
  return fields === undefined ? undefined : { name, uid: Number(fields[2]), gid: Number(fields[3]) };
}

/** Users that only LDAP or NIS knows. */
function fromDirectory(name: string): SystemUser | undefined {
  try {
    const ask = (option: string) =>
      Number(execFileSync('id', [option, '--', name], { stdio: ['ignore', 'pipe', 'ignore'] }));
    return { name, uid: ask('-u'), gid: ask('-g') };
  } catch {
    return undefined;
  }
}
