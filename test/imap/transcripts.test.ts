/**
 * Every transcript of test/imap/transcripts, played against our session in memory. Those that begin before login are
 * for the installed programs: test/interop/transcripts-over-tls.test.ts.
 */
import { memoryTarget } from '../support/memory-target.js';
import { headLine } from '../support/transcript.js';
import { transcriptTests } from '../support/transcript-tests.js';

transcriptTests('test/imap/transcripts', memoryTarget, {
  leaveOut: (transcript) => headLine(transcript, 'Login') === 'none',
});
