/**
 * The program of the toy service: a supervisor whose whole configuration is one JSON file, named as argument. SIGHUP
 * reads it again.
 *
 * Names log in with the password `secret`; `name:uid:gid` chooses an identity, `down` is a temporary failure.
 */
import { readFileSync } from 'node:fs';
import type { Authenticator } from '../../init/runtime/service/session-broker.js';
import { superviseMailService } from '../../init/runtime/service/supervisor.js';

const [file = ''] = process.argv.slice(2);
const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

const authenticate: Authenticator['authenticate'] = async ({ loginName, proof }) => {
  if (loginName === 'down') return { kind: 'temporary failure', reason: 'down' };
  if (proof.data.reveal() !== 'secret') return { kind: 'rejected' };
  const [address = '', uid = own.uid, gid = own.gid] = loginName.split(':');
  const account = { address, uid: Number(uid), gid: Number(gid), home: `/home/${address}`, options: {} };
  return { kind: 'account', account };
};

function load() {
  const { problems = [], warnings = [], ...configuration } = JSON.parse(readFileSync(file, 'utf8'));
  return { configuration, problems, warnings };
}

superviseMailService({
  name: 'toy',
  loginModule: new URL('./toy-login.js', import.meta.url).href,
  workerModule: new URL('./toy-worker.js', import.meta.url).href,
  load,
  authenticator: () => ({ authenticate, beginExchange: async () => ({ kind: 'rejected' }) }),
  open: JSON.parse(readFileSync(file, 'utf8')).open,
  daemon: false,
}).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  },
);
