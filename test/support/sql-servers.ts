/**
 * MariaDB and PostgreSQL for tests: in a directory of their own, on a free port of 127.0.0.1, with a database `mail` and a
 * user of that name whose password has quotes in it. Each can be stopped and started again, and speaks TLS. Root only.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, freePort, mustRun, run, waitUntil } from './processes.js';

/** Of the user `mail`. */
export const DATABASE_PASSWORD = `it's a \\ "secret"`;

/** A server with a database `mail`. */
export interface TestDatabase {
  readonly port: number;
  /** Directory of the server. */
  readonly directory: string;
  /** Path of the Unix socket (MariaDB) or its directory (PostgreSQL). */
  readonly socket: string;
  /** Certificate of the server, its own authority, for 127.0.0.1. */
  readonly certificate: string;
  /** One that has nothing to do with it. */
  readonly strangeCertificate: string;
  /** Runs statements as the administrator and gives their rows, columns apart by TABs. */
  sql(statements: string): Promise<string>;
  /** Every statement that the server was sent since the last call. */
  statements(): string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Stops it for good. */
  remove(): Promise<void>;
}

/** Starts a MariaDB. */
export async function startMariadb(): Promise<TestDatabase> {
  const { directory, port, certificates, key } = await prepare('mariadb', 'mysql');
  const socket = join(directory, 'socket');
  const data = join(directory, 'data');
  const log = join(directory, 'log');
  const seen = join(directory, 'statements');
  const admin = ['/usr/bin/mariadb', '--no-defaults', '-uroot', `-S${socket}`, '--default-character-set=utf8mb4'];
  await mustRun([
    '/usr/bin/mariadb-install-db',
    '--no-defaults',
    '--user=mysql',
    `--datadir=${data}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
  ]);
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = spawnLogged(log, [
      findProgram('/usr/sbin/mariadbd'),
      '--no-defaults',
      '--user=mysql',
      `--datadir=${data}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${socket}`,
      `--pid-file=${join(directory, 'pid')}`,
      `--ssl-cert=${certificates.certificate}`,
      `--ssl-key=${key}`,
      '--character-set-server=utf8mb4',
      '--innodb-buffer-pool-size=16M',
      '--innodb-flush-log-at-trx-commit=0',
      // Nobody wants these accounts after a power cut.
      '--innodb-flush-method=nosync',
      '--innodb-doublewrite=0',
      '--skip-log-bin',
      '--general-log',
      `--general-log-file=${seen}`,
    ]);
    await waitUntil('MariaDB answers', async () => (await run([...admin, '-e', 'SELECT 1'])).exitCode === 0, 30);
  };
  const sql = (statements: string): Promise<string> => mustRun([...admin, '-N', 'mail'], { input: statements });
  await start();
  await mustRun([...admin, '-e', 'CREATE DATABASE mail CHARACTER SET utf8mb4']);
  await sql(
    ['localhost', '127.0.0.1']
      .map((host) => `CREATE USER mail@'${host}' IDENTIFIED BY '${doubled(DATABASE_PASSWORD, true)}';`)
      .concat("GRANT ALL ON mail.* TO mail@localhost; GRANT ALL ON mail.* TO mail@'127.0.0.1';")
      .join('\n'),
  );
  const stop = async (): Promise<void> => {
    await ended(child, 'SIGTERM');
    child = undefined;
  };
  return { directory, port, socket, ...certificates, sql, start, stop, ...ends(directory, seen, stop) };
}

/** Starts a PostgreSQL. Over TCP it wants the password, over its socket it wants none. */
export async function startPostgresql(): Promise<TestDatabase> {
  const { directory, port, certificates, key } = await prepare('postgresql', 'postgres');
  const programs = newestPrograms();
  const data = join(directory, 'data');
  const log = join(directory, 'log');
  const asPostgres = ['/sbin/runuser', '-u', 'postgres', '--'];
  const admin = [`${programs}/psql`, '-q', '-X', '-At', '-F\t', '-h', directory, `-p${port}`, '-Upostgres'];
  await mustRun(
    [...asPostgres, `${programs}/initdb`, '-D', data, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--no-sync'],
    { directory },
  );
  writeFileSync(join(data, 'pg_hba.conf'), 'local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n');
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: directory,
    fsync: 'off',
    full_page_writes: 'off',
    ssl: 'on',
    ssl_cert_file: certificates.certificate,
    ssl_key_file: key,
    log_statement: 'all',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
  appendFileSync(join(data, 'postgresql.conf'), lines.join(''));
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = spawnLogged(log, [...asPostgres, `${programs}/postgres`, '-D', data, `-p${port}`]);
    await waitUntil('PostgreSQL answers', async () => (await run([...admin, '-c', 'SELECT 1'])).exitCode === 0, 30);
  };
  const sql = (statements: string): Promise<string> =>
    mustRun([...admin, '-v', 'ON_ERROR_STOP=1', 'mail'], { input: statements });
  await start();
  await mustRun([...admin, '-c', 'CREATE DATABASE mail']);
  await sql(
    `CREATE ROLE mail LOGIN PASSWORD '${doubled(DATABASE_PASSWORD, false)}'; GRANT ALL ON SCHEMA public TO mail`,
  );
  const stop = async (): Promise<void> => {
    // "Fast": clients are sent away. runuser hands no signal on to it.
    await mustRun([...asPostgres, `${programs}/pg_ctl`, '-D', data, '-m', 'fast', '-w', 'stop'], { directory });
    await ended(child, undefined);
    child = undefined;
  };
  return { directory, port, socket: directory, ...certificates, sql, start, stop, ...ends(directory, log, stop) };
}

async function prepare(name: string, owner: string) {
  const directory = mkdtempSync(join(tmpdir(), `${name}-`));
  const { certificate, key } = await makeCertificate(directory, 'own');
  const { certificate: strangeCertificate } = await makeCertificate(directory, 'strange');
  await mustRun(['/bin/chown', '-R', `${owner}:`, directory]);
  chmodSync(key, 0o600);
  chmodSync(directory, 0o755);
  return { directory, port: await freePort(), certificates: { certificate, strangeCertificate }, key };
}

async function makeCertificate(directory: string, name: string): Promise<{ certificate: string; key: string }> {
  const [certificate, key] = [join(directory, `${name}.pem`), join(directory, `${name}-key.pem`)];
  await mustRun([
    ...['/usr/bin/openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-subj', '/CN=database', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'],
    ...['-keyout', key, '-out', certificate],
  ]);
  return { certificate, key };
}

function ends(directory: string, seen: string, stop: () => Promise<void>) {
  let read = 0;
  const statements = (): string => {
    const octets = readFileSync(seen);
    const text = octets.subarray(read).toString();
    read = octets.length;
    return text;
  };
  const remove = async (): Promise<void> => {
    await stop();
    rmSync(directory, { recursive: true, force: true });
  };
  return { statements, remove };
}

function spawnLogged(log: string, [program = '', ...words]: readonly string[]): ChildProcess {
  const output = openSync(log, 'a');
  const child = spawn(program, words, { cwd: '/', stdio: ['ignore', output, output] });
  closeSync(output);
  return child;
}

async function ended(child: ChildProcess | undefined, signal: NodeJS.Signals | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('close', resolve));
  if (signal !== undefined) child.kill(signal);
  await gone;
}

function newestPrograms(): string {
  const versions = readdirSync('/usr/lib/postgresql').sort((one, other) => Number(one) - Number(other));
  return join('/usr/lib/postgresql', versions.at(-1) ?? '', 'bin');
}

function doubled(text: string, backslashEscapes: boolean): string {
  const quoted = text.replaceAll("'", "''");
  return backslashEscapes ? quoted.replaceAll('\\', '\\\\') : quoted;
}
