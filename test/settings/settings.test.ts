/**
 * Settings files: what is wrong is told all at once, and etc/ says the same as the code.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readImapdSettings } from '../../imapd/settings/settings-reader.js';
import { settingsWithoutEffect } from '../../imapd/settings/settings-without-effect.js';
import { describeProblem } from '../../init/runtime/settings/settings-file.js';
import { readPop3dSettings } from '../../pop3d/settings/settings-reader.js';
import { settingsWithoutEffect as pop3WithoutEffect } from '../../pop3d/settings/settings-without-effect.js';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..', '..');
const wrong = join(root, 'test', 'settings', 'wrong');

/** A directory with these files; removed afterwards. */
function withSettings<Result>(files: Readonly<Record<string, string>>, use: (directory: string) => Result): Result {
  const directory = mkdtempSync(join(tmpdir(), 'settings-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    return use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function filesOf(caseName: string): Record<string, string> {
  const read = (name: string) => {
    const file = join(wrong, caseName, name);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  };
  const absent = read('absent').split('\n');
  const names = ['imapd', 'imapd-ssl'].filter((name) => !absent.includes(name));
  return Object.fromEntries(names.map((name) => [name, read(name)]));
}

for (const caseName of readdirSync(wrong)) {
  test(`K1: wrong settings are told with file, line and remedy: ${caseName}`, () => {
    const expected = readFileSync(join(wrong, caseName, 'expected'), 'utf8').trimEnd();

    withSettings(filesOf(caseName), (directory) => {
      const told = readImapdSettings(directory).problems.map(describeProblem).join('\n');

      assert.equal(told.replaceAll(`${directory}/`, ''), expected);
    });
  });
}

test('K1: the daemon does not start with wrong settings, and says all that is wrong', () => {
  const expected = readFileSync(join(wrong, 'everything-in-one-pass', 'expected'), 'utf8');

  withSettings(filesOf('everything-in-one-pass'), (directory) => {
    const program = join(here, '..', '..', 'imapd', 'bin', 'imapd.js');
    const run = spawnSync(process.execPath, [program, '--config', directory, '--open', 'imapd'], { encoding: 'utf8' });

    assert.equal(run.status, 78);
    for (const line of expected.trimEnd().split('\n'))
      assert.ok(run.stderr.includes(line), `${line}\nin\n${run.stderr}`);
  });
});

test('imapd wins over imapd-ssl, and a variable is what it was where it is used', () => {
  const files = {
    'imapd-ssl': 'A=\'one two\'\nMAILDIRPATH=Mail1 # comment\nDEFDOMAIN="@$A"\nA=three\nTLS_ALPN=${A}"\\$"\'$A\'',
    imapd: 'export MAILDIRPATH=Mail\\ 2; PORT=144\n',
  };
  withSettings(files, (directory) => {
    const { configuration, problems } = readImapdSettings(directory);

    assert.deepEqual(problems, []);
    assert.equal(configuration.defaultMaildir, 'Mail 2');
    assert.equal(configuration.sessionSettings.defaultDomain, '@one two');
    assert.deepEqual(configuration.tls.alpn, ['three$$A']);
    assert.deepEqual(configuration.services['imapd']?.addresses, [{ host: '::', port: 144 }]);
  });
});

test("IMAP_CAPABILITY: what Courier shipped means everything, the administrator's own words are obeyed", () => {
  const shipped = 'IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE';
  const withCram = shipped.replace('IDLE', 'AUTH=CRAM-MD5 AUTH=CRAM-SHA1 AUTH=CRAM-SHA256 IDLE');
  const capabilities = (plain: string) =>
    withSettings(
      { 'imapd-ssl': '', imapd: `IMAP_CAPABILITY="${plain}"\nIMAP_CAPABILITY_TLS="$IMAP_CAPABILITY AUTH=PLAIN"\n` },
      (directory) => {
        const { capability, capabilityTls } = readImapdSettings(directory).configuration.sessionSettings;
        return [capability, capabilityTls];
      },
    );

  assert.deepEqual(capabilities(shipped), [undefined, undefined]);
  assert.deepEqual(capabilities(withCram), [undefined, undefined]);
  assert.deepEqual(capabilities('IMAP4rev1 IDLE'), ['IMAP4rev1 IDLE', 'IMAP4rev1 IDLE AUTH=PLAIN']);
});

test('K6: a setting that nobody knows is a warning, not silence', () => {
  withSettings({ 'imapd-ssl': '', imapd: 'MAXDEAMONS=40\nIMAP_INACTIVITY_TIMEOUT=60\n' }, (directory) => {
    const told = readImapdSettings(directory).warnings.map(describeProblem).join('\n');

    assert.match(told, /imapd:1: MAXDEAMONS is not a setting of this program/);
    assert.match(told, /imapd:2: IMAP_INACTIVITY_TIMEOUT=60 is less than RFC 9051 allows/);
  });
});

test('words for mechanisms that there are not, and a name in certificates that nobody asks for, are warnings', () => {
  const told = (imapd: string): string =>
    withSettings({ 'imapd-ssl': '', imapd }, (directory) =>
      readImapdSettings(directory).warnings.map(describeProblem).join('\n'),
    );

  assert.match(
    told('IMAP_CAPABILITY="IMAP4rev1 AUTH=CRAM-MD5 AUTH=NTLM"\n'),
    /imapd:1: .*AUTH=NTLM cannot be done; the/,
  );
  assert.equal(told('IMAP_CAPABILITY="IMAP4rev1 AUTH=cram-md5 AUTH=SCRAM-SHA-256-PLUS"\n'), '');
  assert.match(told('TLS_EXTERNAL=CN\n'), /TLS_EXTERNAL has no effect while clients are not asked for a certificate/);
  assert.equal(told('TLS_EXTERNAL=CN\nTLS_VERIFYPEER=PEER\nTLS_TRUSTCERTS=/etc/ssl/certs\n'), '');
});

const servers = [
  { daemon: 'imapd', read: readImapdSettings, withoutEffect: settingsWithoutEffect },
  { daemon: 'pop3d', read: readPop3dSettings, withoutEffect: pop3WithoutEffect },
] as const;

for (const { daemon, read, withoutEffect } of servers) {
  const files = [daemon, `${daemon}-ssl`];

  test(`${daemon}: every setting in etc/ is read, with the default shown there, and every one that is read stands there`, () => {
    const shipped = files.map((name) => readFileSync(join(root, 'etc', name), 'utf8')).join('\n');
    const shown = new Map(
      [...shipped.matchAll(/^(# )?([A-Za-z_0-9]+)=(.*)$/gm)].map((match) => [match[2] ?? '', match[1]]),
    );

    const { settings, warnings } = read(join(root, 'etc'));
    const none = Object.fromEntries(files.map((name) => [name, '']));
    const defaults = withSettings(none, (directory) => read(directory).settings);

    assert.deepEqual(warnings, []);
    const defaultOf = new Map(defaults.inUse().map(({ name, value }) => [name, value]));
    const own = (name: string) => name === 'IMAP_CAPABILITY' || name === 'IMAP_CAPABILITY_TLS';
    for (const { name, value } of settings.inUse()) {
      assert.ok(shown.has(name), `${name} is read, and not explained in etc/`);
      if (!own(name)) assert.equal(value, defaultOf.get(name), `${name} has another default in the code`);
    }
    for (const name of shown.keys()) {
      const known = defaultOf.has(name) || Object.hasOwn(withoutEffect, name) || /^AUTHSERVICE\d/.test(name);
      assert.ok(known, `${name} is explained in etc/, and nobody reads it`);
    }
  });

  test(`K1: Debian's Courier files of ${daemon} load unchanged, without a problem`, () => {
    assert.deepEqual(read('/etc/courier').problems.map(describeProblem), []);
  });
}

test("pop3d reads its mechanisms, what it says of mail's age, and how patient it is; mistakes are told", () => {
  const read = (pop3d: string) =>
    withSettings({ pop3d, 'pop3d-ssl': '' }, (directory) => {
      const { configuration, problems, warnings } = readPop3dSettings(directory);
      const told = [...problems, ...warnings].map((each) => describeProblem(each).replace(`${directory}/`, ''));
      return { ...configuration.sessionSettings, told };
    });

  const usual = read('POP3AUTH="cram-md5 SCRAM-SHA-256"\nPOP3_EXPIRE=""\nPOP3_LOG_DELETIONS=yes\n');
  assert.deepEqual(usual.told, []);
  assert.deepEqual(usual.mechanisms, ['CRAM-MD5', 'SCRAM-SHA-256']);
  assert.deepEqual(usual.mechanismsTls, ['CRAM-MD5', 'SCRAM-SHA-256']);
  assert.equal(usual.expire, undefined);
  assert.equal(usual.logDeletions, true);
  assert.deepEqual(read('POP3AUTH=CRAM-MD5\nPOP3AUTH_TLS=CRAM-SHA1\n').mechanismsTls, ['CRAM-SHA1']);

  const wrong = 'POP3_EXPIRE=soon\nPOP3AUTH=NTLM\nPOP3_INACTIVITY_TIMEOUT=300\nMIME_UNICODE_MESSAGE_TYPE=text\n';
  assert.match(read(wrong).told.join('\n'), /pop3d:1: POP3_EXPIRE=soon is not what RFC 2449 knows/);
  assert.match(read(wrong).told.join('\n'), /pop3d:2: POP3AUTH: NTLM cannot be done/);
  assert.match(read(wrong).told.join('\n'), /pop3d:3: POP3_INACTIVITY_TIMEOUT=300 is less than RFC 1939 allows/);
  assert.match(read(wrong).told.join('\n'), /pop3d:4: MIME_UNICODE_MESSAGE_TYPE=text is no media type/);
});
