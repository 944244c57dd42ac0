/** Every transcript of test/pop3/transcripts: against our session in memory, the installed programs, and Debian's Courier. */
import { after } from 'node:test';
import { InstalledPrograms } from '../support/installed-target.js';
import { courierPop3Target } from '../support/peer-targets.js';
import { pop3MemoryTarget } from '../support/pop3-target.js';
import { peerTranscriptTests, transcriptTests } from '../support/transcript-tests.js';

const installed = new InstalledPrograms('pop3');
after(() => installed.close());

transcriptTests('test/pop3/transcripts', pop3MemoryTarget);
transcriptTests('test/pop3/transcripts', installed.target, { suffix: ', over TLS' });
peerTranscriptTests('test/pop3/transcripts', 'Courier', courierPop3Target);
