/**
 * Whose work a package holds: this repository, the packages it loads, and Node.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runtimePackages } from './runtime-packages.js';

/** The text of /usr/share/doc/angarium/copyright; the licences of the packages stand beside them. */
export function copyrightText(root: string): string {
  const packages = runtimePackages(root).map((path) => {
    const card = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')) as Record<string, unknown>;
    return `  ${card['name']} ${card['version']}: ${card['license']}`;
  });
  return `Angarium

${readFileSync(join(root, 'LICENSE'), 'utf8').trim()}

It comes with these packages; each has its licence in its directory below /usr/lib/angarium/node_modules:

${packages.join('\n')}

Node.js, where /usr/lib/angarium/bin/node is a copy of it, has the licence that stands at
https://github.com/nodejs/node/blob/main/LICENSE
`;
}
