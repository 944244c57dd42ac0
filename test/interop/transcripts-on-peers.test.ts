/**
 * The transcripts of IMAP4rev1 against the servers that the field trusts: Debian's Courier and Debian's Dovecot.
 */
import { courierTarget, dovecotTarget } from '../support/peer-targets.js';
import { peerTranscriptTests } from '../support/transcript-tests.js';

peerTranscriptTests('test/imap/transcripts', 'Courier', courierTarget);
peerTranscriptTests('test/imap/smap-transcripts', 'Courier', courierTarget);
peerTranscriptTests('test/imap/transcripts', 'Dovecot', dovecotTarget);
