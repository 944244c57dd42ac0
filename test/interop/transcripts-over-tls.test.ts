/**
 * Every transcript of test/imap/transcripts against the installed programs: login, TLS, hand-over and worker included.
 */
import { after } from 'node:test';
import { InstalledPrograms } from '../support/installed-target.js';
import { transcriptTests } from '../support/transcript-tests.js';

const installed = new InstalledPrograms();
after(() => installed.close());

for (const folder of ['test/imap/transcripts', 'test/imap/smap-transcripts'])
  transcriptTests(folder, installed.target, { suffix: ', over TLS' });
