/**
 * The supervisor of a mail service: the only process that stays root. It binds ports, reads settings and keys, starts
 * login processes and mail workers, and ends them. Nothing that a stranger sent is parsed here.
 *
 *     await superviseMailService({ name: 'imapd', loginModule, workerModule, load, authenticator, open: ['imapd'] });
 *
 * SIGTERM and SIGINT end the service, SIGHUP reads settings and certificates again. It knows no mail protocol and no
 * authdaemond: `authenticator` is handed in. What it does with the service is in supervised-service.ts.
 */

import { openLog } from '../log/log-destinations.js';
import { NoLoginUser } from '../login/login-identity.js';
import { describeProblem } from '../settings/settings-file.js';
import { forbidCoreDumps } from '../system/core-dumps.js';
import { openFilesTrouble } from '../system/open-files.js';
import { keepYoungGenerationSmall } from '../system/small-heap.js';
import { followActivity } from './activity.js';
import { isProgramOpenToAll } from './children.js';
import { serveControl } from './control.js';
import type { MailServiceOptions } from './mail-service-options.js';
import { serviceManager } from './service-manager.js';
import { NoPlaceForSockets } from './socket-directory.js';
import { StartFailure, startFailure } from './start-failure.js';
import { SupervisedService } from './supervised-service.js';

/** Exit code for a bug, as in sysexits.h. */
const EXIT_BUG = 70;

/**
 * Runs a mail service until it is told to end; resolves when the last child is gone.
 *
 * @throws {StartFailure} when it cannot start.
 */
export async function superviseMailService(options: MailServiceOptions): Promise<void> {
  forbidCoreDumps();
  keepYoungGenerationSmall();
  followActivity();
  // From the beginning: the signal of who wants a reload would end this process.
  let supervisor: SupervisedService | undefined;
  let isReloadWanted = false;
  process.on('SIGHUP', () => {
    isReloadWanted = true;
    supervisor?.reloadWhenStarted();
  });
  const manager = await serviceManager();
  const loaded = options.load();
  if (loaded.problems.length > 0) throw new StartFailure(loaded.problems.map(describeProblem).join('\n'));
  const log = await openLog(loaded.configuration.log, options.daemon);
  for (const warning of loaded.warnings) log.write('warning', describeProblem(warning));
  const tooFewFiles = openFilesTrouble(loaded.configuration.limits.connections);
  if (tooFewFiles !== undefined) log.write('warning', tooFewFiles);
  process.on('uncaughtException', (error) => {
    // The children end with us; whoever started us starts us again.
    log.bug(error, 'the supervisor');
    process.exit(EXIT_BUG);
  });
  if (process.geteuid?.() === 0 && !isProgramOpenToAll()) {
    log.write('warning', 'other users cannot read this program where it stands, so it is loaded as root: move it');
  }
  // Whoever has the control socket is the only supervisor here, and may clean up behind others.
  const obey = async (command: string) => (supervisor === undefined ? 'starting' : await supervisor.obey(command));
  const control = await serveControl(loaded.configuration.controlSocket, obey).catch(startFailure);
  try {
    supervisor = new SupervisedService(options, loaded.configuration, log, manager);
    const over = supervisor.run();
    if (isReloadWanted) supervisor.reloadWhenStarted();
    await over;
  } catch (error) {
    if (error instanceof NoPlaceForSockets || error instanceof NoLoginUser) startFailure(error);
    throw error;
  } finally {
    control.close();
  }
}
