/** SMAP in transcripts, against our session in memory. */
import { memoryTarget } from '../support/memory-target.js';
import { transcriptTests } from '../support/transcript-tests.js';

transcriptTests('test/imap/smap-transcripts', memoryTarget);
