/**
 * The program `imapd`: the IMAP server itself, its settings' check, the hand of the control scripts, and, with a maildir
 * as argument, one session on standard input.
 */
import { runMailServiceProgram } from '../../init/runtime/service/mail-service-program.js';
import { readImapdSettings } from '../settings/settings-reader.js';

await runMailServiceProgram({
  name: 'imapd',
  moreUsage: ['imapd MAILDIR              one session on standard input and output, already logged in'],
  read: readImapdSettings,
  // Control scripts ask for many small things, which need no server.
  serve: async (start) => (await import('../main.js')).runImapd(start),
  runWord: async (word, directory) => {
    const { servePreauth } = await import('./preauth.js');
    await servePreauth(word, directory);
  },
});
