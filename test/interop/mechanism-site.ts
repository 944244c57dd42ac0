/**
 * A site whose accounts have each another kind of secret, an authority for certificates, and a provider of tokens: imapd
 * and authdaemond on all of that.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hmacContext } from '../../authdaemon/passwords/hmac-context.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { AUDIENCE, CLIENT, ISSUER, Issuer, SigningKey } from '../support/oauth-issuer.js';
import { programs } from '../support/paths.js';
import { PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { mustRun } from '../support/processes.js';
import { type OurServers, type OurUser, startOurs } from '../support/start.js';

const MECHANISMS = ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'CRAM-MD5', 'CRAM-SHA1', 'CRAM-SHA256'];
const WORDS = `IMAP4rev1 ${MECHANISMS.map((name) => `AUTH=${name}`).join(' ')}`;
/** Everything of the site is in it. */
export const scratch = scratchDirectory('mechanisms');
/** The provider's key. */
export const rsa = new SigningKey('RS256', 'rsa-1');

/** Runs a tool that reads a password and prints what is to be stored. */
async function tool(...command: readonly [string, ...string[]]): Promise<string> {
  const [name, ...words] = command;
  return (await mustRun([join(programs, name), ...words], { input: `${PASSWORD}\n` })).trim();
}

/** What is stored of the one password, by account. */
async function accounts(): Promise<OurUser[]> {
  const scram = await tool('authpasswd', 'SCRAM-SHA-256');
  const cram = (['md5', 'sha1', 'sha256'] as const).map(
    (name) => `hmac-${name}pw=${hmacContext(name, Buffer.from(PASSWORD))}`,
  );
  const stored: Readonly<Record<string, string>> = {
    ann: `systempw=${scram}`,
    old: `systempw=${await tool('userdbpw', '-scram-sha-1')}`,
    bob: `systempw=${await tool('authpasswd', 'SHA256')}|${cram.join('|')}`,
    boss: `systempw=${scram}|${cram.join('|')}|options=group=administrators`,
    closed: `systempw=${scram}|options=group=administrators,disableimap=1`,
  };
  return Object.entries(stored).map(([name, secrets]) => {
    const home = join(scratch.path, 'mail', name);
    mkdirSync(home, { recursive: true });
    copyMaildir('one-unread', join(home, 'Maildir'));
    return { name, home, secrets };
  });
}

/** An authority, and a certificate of its making for each name; `mallory` has made one for himself. */
async function makeCertificates(directory: string): Promise<void> {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];
  const selfSigned = async (name: string, subject: string): Promise<void> => {
    const files = ['-keyout', join(directory, `${name}.key`), '-out', join(directory, `${name}.pem`)];
    await mustRun(['openssl', 'req', '-x509', ...curve, '-subj', subject, ...files]);
  };
  await selfSigned('authority', '/CN=Authority');
  await selfSigned('mallory', '/CN=ann');
  for (const name of ['ann', 'boss', 'stranger']) {
    const [key, request, certificate] = ['key', 'csr', 'pem'].map((end) => join(directory, `${name}.${end}`));
    const files = ['-keyout', key ?? '', '-out', request ?? ''];
    await mustRun(['openssl', 'req', ...curve, '-subj', `/O=Example/CN=nobody/CN=${name}`, ...files]);
    const authority = ['-CA', join(directory, 'authority.pem'), '-CAkey', join(directory, 'authority.key')];
    const signing = ['openssl', 'x509', '-req', ...authority, '-CAcreateserial', '-days', '30'];
    await mustRun([...signing, '-in', request ?? '', '-out', certificate ?? '']);
  }
}

/** Where the certificates of clients are: NAME.pem, NAME.key. */
export const certificates = join(scratch.path, 'certificates');
/** Claims of tokens that the provider is asked about. */
export const opaque = new Map<string, object>();
/** The provider. */
export const provider = Issuer.start({ tokens: opaque });

/** Starts it all. */
export async function startSite(): Promise<OurServers> {
  mkdirSync(certificates);
  await makeCertificates(certificates);
  const keys = join(scratch.path, 'keys.json');
  writeFileSync(keys, JSON.stringify({ keys: [rsa.jwk] }));
  const oauth = {
    ...{ OAUTH_ISSUER: ISSUER, OAUTH_AUDIENCE: AUDIENCE, OAUTH_KEYS: keys, OAUTH_TIMEOUT: '2' },
    ...{
      OAUTH_INTROSPECTION_URL: (await provider).url,
      OAUTH_CLIENT_ID: CLIENT.id,
      OAUTH_CLIENT_SECRET: CLIENT.secret,
    },
  };
  const lines = Object.entries(oauth).map(([name, value]) => `${name} ${value}\n`);
  const users = await accounts();
  giveToMailUser(join(scratch.path, 'mail'));
  const directory = join(scratch.path, 'server');
  mkdirSync(directory);
  return startOurs({
    directory,
    users,
    files: { authoauthrc: `${lines.join('')}##NAME: MARKER:0\n` },
    settings: {
      IMAP_CAPABILITY: `${WORDS}`,
      IMAP_CAPABILITY_TLS: `${WORDS} AUTH=PLAIN`,
      ADMINSEP: '"*"',
      TLS_VERIFYPEER: 'PEER',
      TLS_TRUSTCERTS: join(certificates, 'authority.pem'),
      TLS_EXTERNAL: 'CN',
    },
  });
}
