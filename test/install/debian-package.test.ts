/**
 * The Debian package on a clean Debian: the commands of the README, word by word, and what they leave behind.
 */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CleanRoot, openCleanRoot } from '../support/clean-root.js';
import { triedBlock } from '../support/documents.js';
import { type Scratch, scratchDirectory } from '../support/maildir-fixture.js';
import { buildRoot, checkoutRoot } from '../support/paths.js';
import { mustRun, waitUntil } from '../support/processes.js';

const PACKAGE = 'angarium_test.deb';

let scratch: Scratch;
let current: string;
let older: string;

before(async () => {
  scratch = scratchDirectory('deb');
  const etc = join(scratch.path, 'etc');
  cpSync(join(checkoutRoot, 'etc'), etc, { recursive: true });
  // An older release: one setting less, one more, one with another default.
  const imapd = join(etc, 'imapd');
  const text = readFileSync(imapd, 'utf8')
    .replace(/##NAME: IMAP_QUOTAWARN:[\s\S]*?(?=##NAME: )/, '')
    .replace(/^IMAP_CACHESIZE=.*$/m, 'IMAP_CACHESIZE=77');
  writeFileSync(imapd, `${text}\n##NAME: IMAP_OLDEN:0\n#\n# Went.\n#\n\nIMAP_OLDEN=1\n`);
  older = await build('--package-version', '0.0.9', '--etc', etc);
  current = await build();
});

after(() => scratch.remove());

/** Builds a package; gives its path. */
async function build(...options: readonly string[]): Promise<string> {
  const output = join(scratch.path, `packages${options.length}`);
  const builder = join(buildRoot, 'init', 'install', 'build-deb.js');
  const how = ['--bundle-node', '--compression', 'none', '--output', output];
  await mustRun([process.execPath, builder, ...how, ...options]);
  return join(output, readdirSync(output)[0] ?? '');
}

/** The commands of the README under a mark. */
function readme(name: string): string {
  return triedBlock('README.md', name);
}

async function inCleanRoot(use: (root: CleanRoot) => Promise<void>): Promise<void> {
  const root = await openCleanRoot();
  try {
    await use(root);
  } finally {
    await root.close();
  }
}

/** What a client of bob's sees; perl is all that a clean Debian has. */
async function imap(root: CleanRoot, ...commands: readonly string[]): Promise<string> {
  const script = `
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:143", Timeout => 20) or die "port 143: $@\\n";
    $_ = <$socket>;
    for my $command ("LOGIN bob secret", @ARGV) {
      print $socket "a $command\\r\\n";
      while (<$socket>) { s/\\r//; print; last if /^a /; }
      die "$command: $_" unless /^a OK/;
    }`;
  return root.sh(`perl -MIO::Socket::INET -e '${script}' ${commands.map((each) => `'${each}'`).join(' ')}`);
}

async function fileIn(root: CleanRoot, path: string): Promise<string> {
  return root.sh(`cat ${path}`);
}

test('a newcomer has mail on a clean Debian with the commands of the README; purging leaves the mail', async () => {
  await inCleanRoot(async (root) => {
    root.give(current, PACKAGE);
    assert.match(await root.sh(readme('account')), /No errors found/);
    await root.sh(readme('start'));
    assert.match(await root.sh('authtest ann@example.com "a secret"'), /Authentication succeeded/);

    await root.sh(readme('postfix'));
    // What systemd does otherwise.
    await root.sh('postfix start');
    await root.sh(readme('send'));
    await waitUntil(
      'Postfix has delivered',
      async () => (await root.try('ls /srv/mail/*/ann/Maildir/new/*')).exitCode === 0,
    );
    assert.match(await root.sh(readme('read')), /Subject: first\r\n[\s\S]*Hello Ann\./);

    await root.sh(`mkdir new && sed 's#^TLS_CERTFILE=.*#TLS_CERTFILE=/mnt/new/both#' /etc/courier/imapd-ssl >new/imapd-ssl
      cp /etc/courier/imapd new
      COURIER_CONFDIR=/mnt/new mkimapdcert imap.example.com
      sed '/BEGIN CERTIFICATE/,$d' new/both >privkey.pem
      sed -n '/BEGIN CERTIFICATE/,$p' new/both >fullchain.pem`);
    await root.sh(readme('certificate'));
    const subject = async () => (await root.try('curl -skv imaps://localhost/ 2>&1')).stdout;
    await waitUntil('the new certificate is used', async () => /CN=imap\.example\.com/.test(await subject()));

    await root.sh('apt-get remove angarium');
    assert.match(await root.sh('ls /etc/courier'), /^imapd$/m);
    assert.doesNotMatch(await root.sh('cat /proc/[0-9]*/cmdline | tr "\\0" " "'), /lib.angarium/);
    await root.sh('apt-get purge angarium');
    assert.equal(
      (await root.sh('ls /etc/courier')).trim(),
      'imapd.pem\nuserdb\nuserdb.dat\nuserdb.lock\nuserdbshadow.dat',
    );
    assert.match(await root.sh('ls /srv/mail/example.com/ann/Maildir/*/*'), /example/);
    assert.equal((await root.sh('dpkg-divert --list "*of-courier"')).trim(), '');
    assert.notEqual((await root.try('getent passwd angarium')).exitCode, 0);
  });
});

/** Debian's Courier with an account and three messages, one of them flagged, running. */
async function makeCourierSite(root: CleanRoot): Promise<void> {
  // Made by the packages otherwise, which takes half a minute.
  for (const name of ['dhparams', 'imapd', 'pop3d']) root.give(`/etc/courier/${name}.pem`, `${name}.pem`);
  await root.sh(`
    mkdir -p /etc/courier && mv *.pem /etc/courier
    apt-get install --no-download postfix courier-imap courier-pop courier-authdaemon
    # What systemd-tmpfiles does otherwise.
    install -d -m 775 -g courier /run/courier
    install -d -o courier -g courier -m 750 /run/courier/authdaemon
    useradd -u 5000 -d /srv/mail -m vmail
    userdb bob set uid=5000 gid=5000 home=/srv/mail
    echo secret | userdbpw -md5 | userdb bob set systempw
    makeuserdb
    sed -i 's/^authmodulelist=.*/authmodulelist="authuserdb"/' /etc/courier/authdaemonrc
    sed -i 's/^IMAP_TRASHFOLDERNAME=.*/IMAP_TRASHFOLDERNAME=Papierkorb/; s/^MAXPERIP=.*/MAXPERIP=33/' /etc/courier/imapd
    printf '# Ours.\\nOUR_OWN=1\\n' >>/etc/courier/imapd
    as_vmail='setpriv --reuid=5000 --regid=5000 --clear-groups'
    $as_vmail maildirmake /srv/mail/Maildir
    for i in 1 2 3; do printf 'Subject: %s\\n\\nHello\\n' $i | $as_vmail deliverquota /srv/mail/Maildir; done`);
  await startCourier(root);
  await imap(root, 'SELECT INBOX', 'UID STORE 2 +FLAGS (\\Flagged)');
}

async function startCourier(root: CleanRoot): Promise<void> {
  await root.sh('/etc/init.d/courier-authdaemon start; /etc/init.d/courier-imap start');
  const isThere = async () =>
    (await root.try('echo >/dev/tcp/127.0.0.1/143 && test -e /run/courier/authdaemon/socket')).exitCode === 0;
  await waitUntil('Courier listens', isThere);
}

const LOOK = ['SELECT INBOX', 'UID FETCH 1:* (UID FLAGS)'] as const;

/** UIDVALIDITY, UIDs and flags that stay. */
function whatCounts(answers: string): string[] {
  return answers
    .split('\n')
    .filter((line) => /UIDVALIDITY|EXISTS|FETCH \(/.test(line))
    .map((line) =>
      line
        .replace(/\s?\\(Recent|Seen)/g, '')
        .replace('( ', '(')
        .replace(/\] .*/, ']'),
    );
}

test('K2, K8: from Courier, an upgrade, and back: settings and mail stay, word by word after the README', async () => {
  await inCleanRoot(async (root) => {
    await makeCourierSite(root);
    const before = whatCounts(await imap(root, ...LOOK));
    assert.equal(before.length, 5, before.join('\n'));

    root.give(older, PACKAGE);
    await root.sh('/etc/init.d/courier-imap stop; /etc/init.d/courier-authdaemon stop');
    const pam = await fileIn(root, '/etc/pam.d/imap');
    assert.match(await root.sh(readme('switch')), /Removing courier-imap[\s\S]*imapd: merged[\s\S]*No errors found/);
    assert.equal(await fileIn(root, '/etc/pam.d/imap'), pam);
    assert.match(await root.sh('imapd --dump-config'), /^IMAP_TRASHFOLDERNAME='Papierkorb'[\s\S]*^MAXPERIP='33'/m);
    assert.match(await fileIn(root, '/var/lib/angarium/courier-before/imapd'), /^MAXPERIP=33$/m);
    await root.sh(readme('start'));
    assert.deepEqual(whatCounts(await imap(root, ...LOOK)), before);

    await root.sh(`sed -i 's/^IMAP_UMASK=.*/IMAP_UMASK=077/' /etc/courier/imapd; chmod 600 /etc/courier/imapd`);
    root.give(current, PACKAGE);
    const said = await root.sh(readme('upgrade'));
    assert.match(said, / {2}IMAP_QUOTAWARN: new\n/);
    assert.match(said, / {2}IMAP_OLDEN: removed\n {4}was IMAP_OLDEN=1\n/);
    const settings = await fileIn(root, '/etc/courier/imapd');
    assert.match(settings, /^IMAP_UMASK=077$/m);
    assert.match(settings, /^# DEFAULT SETTING from .*imapd\.dist:\n#IMAP_CACHESIZE=2048\n\nIMAP_CACHESIZE=77$/m);
    assert.match(settings, /##NAME: LOCAL:0[\s\S]*\nOUR_OWN=1/);
    assert.equal((await root.sh('stat -c "%a %U" /etc/courier/imapd')).trim(), '600 root');
    // They ran before, so they run again.
    assert.match(await root.sh('imapd status'), /^ready/);
    assert.deepEqual(whatCounts(await imap(root, ...LOOK)), before);
    assert.doesNotMatch(await root.sh(readme('upgrade')), /merged/, 'a second time changes nothing');

    await root.sh('dpkg --purge courier-imap courier-pop courier-base courier-authdaemon');
    assert.equal(await fileIn(root, '/etc/courier/imapd'), settings);
    assert.equal(await fileIn(root, '/etc/pam.d/imap'), pam);
    await root.sh('cp -p /var/lib/angarium/courier-before/*.pem /etc/courier');

    await root.sh(readme('back'));
    assert.equal(await fileIn(root, '/etc/courier/imapd'), settings);
    await startCourier(root);
    assert.deepEqual(whatCounts(await imap(root, ...LOOK)), before);
    await root.sh('apt-get purge angarium');
    assert.equal(await fileIn(root, '/etc/courier/imapd'), settings);
    assert.deepEqual(whatCounts(await imap(root, ...LOOK)), before);
  });
});
