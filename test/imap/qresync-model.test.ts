/**
 * Whatever happens to a mailbox, a client that comes back with QRESYNC knows it as it is: random sessions on several
 * workers, connections that break, workers that die, other programs in the maildir, and a side file that is removed,
 * damaged or put back from a copy. Each run takes other seeds, and prints the one that failed.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { realClock } from '../../init/runtime/system/real-clock.js';
import type { MaildirStore } from '../../maildir/maildir-store.js';
import { SeededRandom } from '../bench/random.js';
import { QresyncClient } from '../support/qresync-client.js';
import { SessionFixture, type TestClient } from '../support/session-fixture.js';
import { testStore } from '../support/test-store.js';

const RUNS = 4;
const STEPS = 600;
/** So much later than the last change every look sees what is there. */
const QUIET_MILLISECONDS = 120;

/** Processes that exist: a store respects the locks of the others. */
const PROCESS_IDS = [process.pid, process.ppid, 1];

const FLAGS = ['\\Seen', '\\Flagged', '\\Answered', '\\Draft', '$Work', '$Later'];
const LETTERS = ['', 'S', 'F', 'FS', 'D', 'RS'];

class Site {
  readonly random: SeededRandom;
  readonly fixture = new SessionFixture('five-letters');
  readonly clients = Array.from({ length: 3 }, () => new QresyncClient());
  readonly done: string[] = [];
  readonly #workers: MaildirStore[] = [];
  readonly #sessions = new Map<MaildirStore, TestClient[]>();
  readonly #ordinary = new Map<MaildirStore, TestClient>();
  #serial = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    for (const processId of PROCESS_IDS) this.#workers.push(testStore({ useLocks: true, processId }));
  }

  get inbox(): string {
    return this.fixture.maildir;
  }

  get sideFile(): string {
    return join(this.inbox, 'angarium-changes');
  }

  worker(): MaildirStore {
    return this.random.pick(this.#workers);
  }

  connection(worker: MaildirStore): TestClient {
    const client = this.fixture.client({}, { maildir: worker.open(this.inbox), clock: realClock });
    this.#sessions.set(worker, [...(this.#sessions.get(worker) ?? []), client]);
    return client;
  }

  async connect(client: QresyncClient): Promise<void> {
    await client.connect(this.connection(this.worker()), this.random.chance(0.5));
  }

  /** A session that knows nothing of mod-sequences. */
  async ordinary(command: string): Promise<void> {
    const worker = this.worker();
    let session = this.#ordinary.get(worker);
    if (session === undefined) {
      session = this.connection(worker);
      this.#ordinary.set(worker, session);
      await session.command('s SELECT INBOX');
    }
    this.#serial += 1;
    await session.command(`o${this.#serial} ${command}`);
  }

  /** A worker dies in the middle of everything, and another begins. */
  kill(): void {
    const index = this.random.below(this.#workers.length);
    const worker = this.#workers[index];
    if (worker === undefined) return;
    this.#workers[index] = testStore({ useLocks: true, processId: PROCESS_IDS[index] ?? 1 });
    this.#ordinary.delete(worker);
    for (const session of this.#sessions.get(worker) ?? []) session.vanish();
    for (const client of this.clients) if (client.isOn(this.#sessions.get(worker) ?? [])) client.disconnect();
  }

  filenames(): string[] {
    return readdirSync(join(this.inbox, 'cur'));
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.disconnect();
    await this.fixture.close();
    for (const worker of this.#workers) await worker.close();
  }
}

type Step = (site: Site) => Promise<void> | void;

const someUids = (site: Site, client: QresyncClient): string => {
  const { uids } = client;
  return uids.length === 0 ? '1' : site.random.pickSeveral(uids, 1 + site.random.below(3)).join(',');
};

/** What a client with a cache does; what an ordinary one, and other programs, do. */
const steps: readonly (readonly [weight: number, name: string, run: Step])[] = [
  [
    8,
    'store',
    (site) =>
      onClient(site, async (client) => {
        const condition = site.random.chance(0.3) ? ` (UNCHANGEDSINCE ${client.highest})` : '';
        const operation = site.random.pick(['+', '-', ''] as const);
        const silent = site.random.chance(0.5);
        const flag = site.random.pick(FLAGS);
        await client.store(someUids(site, client), { operation, flag, condition, silent });
      }),
  ],
  [
    3,
    'expunge',
    (site) =>
      onClient(site, async (client) => {
        await client.store(someUids(site, client), { operation: '+', flag: '\\Deleted', silent: true });
        await client.command(site.random.chance(0.5) ? 'EXPUNGE' : `UID EXPUNGE ${someUids(site, client)}`);
      }),
  ],
  [
    3,
    'copy',
    (site) => onClient(site, async (client) => void (await client.command(`UID COPY ${someUids(site, client)} INBOX`))),
  ],
  [
    2,
    'changed since',
    (site) =>
      onClient(
        site,
        async (client) =>
          void (await client.command(
            `UID FETCH 1:* (FLAGS) (CHANGEDSINCE ${Math.max(1, client.highest - site.random.below(5_000_000))} VANISHED)`,
          )),
      ),
  ],
  [4, 'noop', (site) => onClient(site, async (client) => void (await client.command('NOOP')))],
  [4, 'disconnect', (site) => site.random.pick(site.clients).disconnect()],
  [4, 'compare', (site) => onClient(site, (client) => client.assertRight(() => 'in between'))],
  [
    5,
    'ordinary store',
    (site) => site.ordinary(`STORE 1:2 ${site.random.pick(['+', '-', ''])}FLAGS (${site.random.pick(FLAGS)})`),
  ],
  [
    2,
    'ordinary expunge',
    async (site) => {
      await site.ordinary('STORE 1 +FLAGS (\\Deleted)');
      await site.ordinary('EXPUNGE');
    },
  ],
  [5, 'append', (site) => site.ordinary('APPEND INBOX {14+}\r\nSubject: x\r\n\r\n')],
  [5, 'foreign flags', (site) => rename(site, () => site.random.pick(LETTERS))],
  [
    2,
    'foreign there and back',
    (site) => {
      const [filename] = site.filenames();
      if (filename === undefined) return;
      const away = filename.replace(/:.*$/, ':2,T');
      renameSync(join(site.inbox, 'cur', filename), join(site.inbox, 'cur', away));
      if (site.random.chance(0.7)) renameSync(join(site.inbox, 'cur', away), join(site.inbox, 'cur', filename));
    },
  ],
  [
    2,
    'foreign removal',
    (site) => {
      const filenames = site.filenames();
      if (filenames.length > 2) rmSync(join(site.inbox, 'cur', site.random.pick(filenames)));
    },
  ],
  [3, 'delivery', (site) => deliver(site)],
  [1, 'side file removed', (site) => rmSync(site.sideFile, { force: true })],
  [
    1,
    'side file cut',
    (site) => {
      if (existsSync(site.sideFile)) truncateSync(site.sideFile, site.random.below(200));
    },
  ],
  [
    1,
    'side file with rubbish',
    (site) => {
      if (existsSync(site.sideFile)) appendFileSync(site.sideFile, Buffer.alloc(1 + site.random.below(40), 7));
    },
  ],
  [
    1,
    'side file kept and put back',
    (site) => {
      const copy = join(site.inbox, 'copy-of-side-file');
      if (!existsSync(site.sideFile)) return;
      if (!existsSync(copy)) return copyFileSync(site.sideFile, copy);
      rmSync(site.sideFile);
      renameSync(copy, site.sideFile);
    },
  ],
  [2, 'worker dies', (site) => site.kill()],
];

/** Runs with one of the clients, which comes back if it is not there. */
async function onClient(site: Site, run: (client: QresyncClient) => Promise<void>): Promise<void> {
  const client = site.random.pick(site.clients);
  if (!client.connected) await site.connect(client);
  await run(client);
  await client.catchUp();
}

function rename(site: Site, letters: () => string): void {
  const filenames = site.filenames();
  if (filenames.length === 0) return;
  const filename = site.random.pick(filenames);
  const to = filename.replace(/(:2,.*)?$/, `:2,${letters()}`);
  if (!existsSync(join(site.inbox, 'cur', to)))
    renameSync(join(site.inbox, 'cur', filename), join(site.inbox, 'cur', to));
}

let delivered = 0;
function deliver(site: Site): void {
  delivered += 1;
  writeFileSync(join(site.inbox, 'new', `1795000000.M${delivered}.other`), 'Subject: new\n\n');
}

const total = steps.reduce((sum, [weight]) => sum + weight, 0);

function chosen(random: SeededRandom): (typeof steps)[number] {
  let place = random.below(total);
  for (const step of steps) {
    place -= step[0];
    if (place < 0) return step;
  }
  throw new RangeError('weights');
}

async function play(seed: number): Promise<void> {
  const site = new Site(seed);
  try {
    for (let step = 0; step < STEPS; step += 1) {
      const [, name, run] = chosen(site.random);
      site.done.push(name);
      await run(site);
    }
    await new Promise((resolve) => setTimeout(resolve, QUIET_MILLISECONDS));
    for (const client of site.clients) {
      client.disconnect();
      await site.connect(client);
      await client.assertRight(() => 'at the end');
      assert.equal(client.flags.size, site.filenames().length);
    }
  } catch (error) {
    const steps = `seed ${seed}, after ${site.done.slice(-12).join(', ')}`;
    throw new Error(`${steps}: ${String(error)}`, { cause: error });
  } finally {
    await site.close();
  }
}

test('QRESYNC: no client ends with a wrong view', { concurrency: RUNS }, async (context) => {
  const seeds = Array.from({ length: RUNS }, () => randomInt(2 ** 31));
  // Most of the time each of them waits for locks.
  await Promise.all(seeds.map((seed) => context.test(`seed ${seed}`, () => play(seed))));
});
