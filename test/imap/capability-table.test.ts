/** The table of capabilities in imapd/README.md: every word that is said stands there with what proves it, and no other. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SASL_MECHANISMS } from '../../authdaemon/sasl/mechanisms.js';
import { type CapabilityContext, capabilities } from '../../imapd/capability.js';
import { chapterOf } from '../support/documents.js';
import { testSettings } from '../support/memory-target.js';
import { checkoutRoot } from '../support/paths.js';

interface Row {
  readonly word: string;
  readonly rfc: string;
  readonly proof: string;
  readonly others: readonly string[];
}

const rows = tableOf(chapterOf('imapd/README.md', 'What it speaks'));

function tableOf(chapter: string): Row[] {
  return chapter.split('\n').flatMap((line): Row[] => {
    const [, word, rfc, proof, ...others] = line.split('|').map((cell) => cell.trim());
    const name = word?.match(/^`(.+)`$/)?.[1];
    const path = proof?.match(/^\[[^\]]+\]\(\.\.\/([^)]+)\)$/)?.[1];
    if (name === undefined || rfc === undefined) return [];
    return [{ word: name, rfc, proof: path ?? '', others: others.slice(0, -1) }];
  });
}

/** Every word that some client, with some settings, is told. */
function everyWord(): Set<string> {
  const mechanisms = { mechanisms: SASL_MECHANISMS, mechanismsTls: SASL_MECHANISMS, oauth: true };
  const courier = { SMAP_CAPABILITY: 'SMAP1', IMAP_MOVE_EXPUNGE_TO_TRASH: '1', OUTBOX: '.Outbox' };
  const jmap = { IMAP_JMAPACCESS: 'https://jmap.example.com/', IMAP_LOGIN_REFERRALS: '1' };
  const anonymous = { IMAP_ANONYMOUS: 'guest guest' };
  const settings = { ...testSettings({ ...courier, ...jmap, ...anonymous }), ...mechanisms, tlsRequired: true };
  const known = { settings, setsQuotas: true, certificateName: 'bob', bindsChannel: () => true };
  const loggedIn = { loggedIn: true, tls: true, tlsAvailable: false, compressAvailable: false };
  const limited = testSettings({ IMAP_MESSAGELIMIT: '1000' });
  const strict = testSettings({ IMAP_SAVELIMIT: '1000', IMAP_UTF8ONLY: '1' });
  const own = testSettings({ IMAP_CAPABILITY: 'LITERAL-', IMAP_CAPABILITY_TLS: 'LITERAL-' });
  const contexts: readonly CapabilityContext[] = [
    ...[limited, strict, own].map((each) => ({ ...loggedIn, settings: each })),
    { ...known, loggedIn: false, tls: false, tlsAvailable: true, compressAvailable: false },
    { ...known, loggedIn: false, tls: true, tlsAvailable: false, compressAvailable: false },
    { ...known, loggedIn: true, tls: true, tlsAvailable: false, compressAvailable: true, givesBack: true },
  ];
  return new Set(contexts.flatMap((context) => capabilities(context)));
}

test('every word that is announced stands in the table once, and the table has no other word', () => {
  const words = rows.map(({ word }) => word);

  assert.deepEqual([...words].sort(), [...everyWord()].sort());
});

test('each row names an RFC, a file that proves it, and what three others do', () => {
  const wrong = rows.filter(
    ({ rfc, proof, others }) =>
      !/^(?:\d{4}(?:, \d{4})*|–)$/.test(rfc) ||
      !/^test\/.+\.(?:txt|test\.ts)$/.test(proof) ||
      !existsSync(join(checkoutRoot, proof)) ||
      others.length !== 3 ||
      others.some((other) => !/^(?:yes|set|part|–)$/.test(other)),
  );

  assert.deepEqual(wrong, []);
});
