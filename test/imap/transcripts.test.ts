/** Every transcript of test/imap/transcripts, played against our session in memory, and before it our login. */
import { memoryTarget } from '../support/memory-target.js';
import { transcriptTests } from '../support/transcript-tests.js';

transcriptTests('test/imap/transcripts', memoryTarget);
