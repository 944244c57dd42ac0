/**
 * Group `growth`: what things cost in folders of different sizes, for the picture.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from './bench.js';
import type { BenchAccount } from './bench-server.js';
import { NEEDLES } from './mail-words.js';
import { FULL_LIST, QUIET_MILLISECONDS } from './rows.js';

/** The panels of the picture: the keys of what is measured, and their titles. */
export const growthPanels = {
  select_first: 'SELECT, first',
  select_warm: 'SELECT, new session, quiet',
  flags: 'FETCH FLAGS',
  full: 'FETCH full, warm',
  search: 'SEARCH SUBJECT, warm',
  store: 'STORE of one message',
} as const;

export type GrowthPanel = keyof typeof growthPanels;

/** Milliseconds of one thing in a folder of so many messages. */
export interface GrowthPoint {
  readonly server: string;
  readonly panel: GrowthPanel;
  readonly messages: number;
  readonly milliseconds: number;
}

/** Repeated unless one takes longer than this; the best counts. */
const REPEAT_BELOW_MILLISECONDS = 1500;
const REPETITIONS = 3;
/** What takes so long the first time is not asked for again. Only searches without any index do. */
const ONCE_ABOVE_MILLISECONDS = 40_000;

/** Measures folders from the smallest to the largest. */
export async function measureGrowth(bench: Bench): Promise<void> {
  for (const messages of bench.sizes.growth) {
    const account = bench.accountWith(messages);
    const keep = (panel: GrowthPanel, milliseconds: number): void => {
      bench.growth.push({ server: bench.server.name, panel, messages, milliseconds });
    };
    const other = bench.accountWith(messages);
    keep('select_first', Math.min(await selectOnce(bench, other), await selectOnce(bench, account)));
    bench.master.empty(other.home);
    await delay(QUIET_MILLISECONDS);
    keep('select_warm', await bestOf(() => selectOnce(bench, account)));
    const connection = await bench.select(account);
    const time = (command: string) => async () =>
      (await bench.timed(() => connection.command(command, { keep: false }))).milliseconds;
    keep('flags', await bestOf(time('FETCH 1:* (FLAGS)')));
    keep('full', await warmed(time(`FETCH 1:* (${FULL_LIST})`)));
    keep('search', await warmed(time(`SEARCH SUBJECT ${NEEDLES.subject}`)));
    let sign = '-';
    keep(
      'store',
      await bestOf(() => {
        sign = sign === '-' ? '+' : '-';
        return time(`STORE ${Math.floor(messages / 2)} ${sign}FLAGS (\\Flagged)`)();
      }),
    );
    await bench.leave(connection);
    bench.master.empty(account.home);
  }
}

async function selectOnce(bench: Bench, account: BenchAccount): Promise<number> {
  const connection = await bench.server.login(account);
  const { milliseconds } = await bench.timed(() => connection.command('SELECT INBOX'));
  await bench.leave(connection);
  return milliseconds;
}

/** The best of those after the first. */
async function warmed(measure: () => Promise<number>): Promise<number> {
  const first = await measure();
  return first > ONCE_ABOVE_MILLISECONDS ? first : bestOf(measure);
}

async function bestOf(measure: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  do times.push(await measure());
  while (times.length < REPETITIONS && Math.max(...times) < REPEAT_BELOW_MILLISECONDS);
  return Math.min(...times);
}
