/**
 * Writes the programs of dist/bin/: one small executable for each name an administrator types.
 *
 * It knows which module each program is, and nothing of what they do. Run by init/build.sh after the compiler.
 */
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = dirname(dirname(fileURLToPath(import.meta.url)));

/** Program name to its module below dist/, without `.js`. */
const programs: Readonly<Record<string, string>> = {
  angarium: 'init/admin/angarium',
  authaccounts: 'authdaemon/bin/authaccounts',
  authapppasswd: 'authdaemon/bin/authapppasswd',
  authdaemond: 'authdaemon/bin/authdaemond',
  authenumerate: 'authdaemon/bin/authenumerate',
  authpasswd: 'authdaemon/bin/authpasswd',
  authtest: 'authdaemon/bin/authtest',
  deliverquota: 'maildir/bin/deliverquota',
  imapd: 'imapd/bin/imapd',
  maildiracl: 'maildir/bin/maildiracl',
  maildirfromdovecot: 'maildir/bin/maildirfromdovecot',
  maildirkw: 'maildir/bin/maildirkw',
  maildirmake: 'maildir/bin/maildirmake',
  maildirquota: 'maildir/bin/maildirquota',
  maildirreaders: 'maildir/bin/maildirreaders',
  makeimapaccess: 'imapd/bin/makeimapaccess',
  makeuserdb: 'authdaemon/bin/makeuserdb',
  mkdhparams: 'imapd/bin/mkdhparams',
  mkimapdcert: 'imapd/bin/mkimapdcert',
  mkpop3dcert: 'pop3d/bin/mkpop3dcert',
  pop3d: 'pop3d/bin/pop3d',
  pw2userdb: 'authdaemon/bin/pw2userdb',
  sharedindexinstall: 'imapd/bin/sharedindexinstall',
  sharedindexsplit: 'imapd/bin/sharedindexsplit',
  sysconftool: 'init/install/sysconftool',
  userdb: 'authdaemon/bin/userdb',
  userdbpw: 'authdaemon/bin/userdbpw',
};

const bin = join(dist, 'bin');
rmSync(bin, { recursive: true, force: true });
mkdirSync(bin, { recursive: true });
writeFileSync(join(bin, 'package.json'), '{ "type": "module" }\n');
for (const [name, module] of Object.entries(programs)) {
  if (!existsSync(join(dist, `${module}.js`))) throw new Error(`${name}: ${module}.js was not built`);
  const file = join(bin, name);
  writeFileSync(file, `#!/usr/bin/env node\nimport '../${module}.js';\n`);
  chmodSync(file, 0o755);
}
