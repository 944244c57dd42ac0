/**
 * The program `pop3d`: the POP3 server itself, its settings' check, and the hand of the control scripts.
 */
import { runMailServiceProgram } from '../../init/runtime/service/mail-service-program.js';
import { readPop3dSettings } from '../settings/settings-reader.js';

await runMailServiceProgram({
  name: 'pop3d',
  read: readPop3dSettings,
  // Control scripts ask for many small things, which need no server.
  serve: async (start) => (await import('../main.js')).runPop3d(start),
});
