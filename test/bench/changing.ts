/**
 * Groups `append` and `store`: new messages, changed flags, copies, removals.
 */
import { performance } from 'node:perf_hooks';
import { type Bench, capabilitiesOf, countFetched, syncDisk } from './bench.js';
import type { BenchConnection } from './connection.js';

const CONNECTIONS = 8;
const PIPELINED = 50;
const IN_ONE_COMMAND = 100;
/** Courier needs a tenth of a second for each message in a large mailbox. */
const MAX_APPEND_MILLISECONDS = 4000;

/** APPEND: one after the other, eight accounts at once, to a large mailbox, and in bulk. */
export async function measureAppend(bench: Bench): Promise<void> {
  const { octets: literal } = bench.master.sample();
  const { appends, runs, manyMessages } = bench.sizes;
  const appendTimes = async (connection: BenchConnection, times: number): Promise<number> => {
    const until = performance.now() + MAX_APPEND_MILLISECONDS;
    let done = 0;
    for (; done < times && performance.now() < until; done += 1) await connection.command('APPEND INBOX', { literal });
    return done;
  };
  for (let run = 0; run < runs; run += 1) {
    const one = await bench.server.login(bench.accountWith(0));
    syncDisk();
    const alone = await bench.timed(() => appendTimes(one, appends));
    bench.keepRate('append_1', alone, alone.result);
    await bench.leave(one);
    const accounts = Array.from({ length: CONNECTIONS }, () => bench.accountWith(0));
    const several = await Promise.all(accounts.map((account) => bench.server.login(account)));
    const each = Math.ceil(appends / 4);
    syncDisk();
    const together = await bench.timed(() => Promise.all(several.map((connection) => appendTimes(connection, each))));
    const done = together.result.reduce((sum, count) => sum + count, 0);
    bench.keepRate('append_8', together, done);
    for (const connection of several) await connection.logout();
    await measureBulk(bench, literal);
  }
  const large = await bench.select(bench.accountWith(manyMessages));
  await appendTimes(large, 1);
  syncDisk();
  const late = await bench.timed(() => appendTimes(large, appends));
  bench.keepRate('append_at_50k', late, late.result);
  await bench.leave(large);
}

/** Many messages without waiting for each, as imports do it. */
async function measureBulk(bench: Bench, message: Buffer): Promise<void> {
  const connection = await bench.server.login(bench.accountWith(0));
  const announced = await capabilitiesOf(connection);
  const literal = [Buffer.from(` {${message.length}+}\r\n`), message];
  const rounds = Math.max(1, Math.ceil(bench.sizes.appends / IN_ONE_COMMAND));
  if (announced.includes('LITERAL+')) {
    const commands = Array.from({ length: PIPELINED }, () => [Buffer.from('APPEND INBOX'), ...literal]);
    const times = rounds * (IN_ONE_COMMAND / PIPELINED);
    syncDisk();
    const timed = await bench.timed(async () => {
      for (let time = 0; time < times; time += 1) await connection.pipeline(commands);
    });
    bench.keepRate('append_pipelined', timed, times * PIPELINED);
  }
  if (announced.includes('LITERAL+') && announced.includes('MULTIAPPEND')) {
    const all = Array.from({ length: IN_ONE_COMMAND }, () => literal).flat();
    syncDisk();
    const timed = await bench.timed(async () => {
      for (let time = 0; time < rounds; time += 1)
        await connection.commandOctets([Buffer.from('APPEND INBOX'), ...all]);
    });
    bench.keepRate('append_multi', timed, rounds * IN_ONE_COMMAND);
  }
  await bench.leave(connection);
}

/** How often the flag of one message is changed in a run. */
const SINGLE_STORES = 8;

/** Flags of all and of one, COPY and EXPUNGE of a thousand. */
export async function measureStore(bench: Bench): Promise<void> {
  const { messages, changes, runs } = bench.sizes;
  const account = bench.accountWith(messages);
  const connection = await bench.select(account);
  for (let run = 0; run < runs; run += 1) {
    await connection.command('STORE 1:* -FLAGS.SILENT (\\Seen)', { keep: false });
    syncDisk();
    const all = await bench.timed(() => connection.command('STORE 1:* +FLAGS (\\Seen)'));
    bench.keepTimed('store_all', all);
    bench.expect('STORE of all: messages told', countFetched(all.result), messages);
    for (let number = 1; number <= SINGLE_STORES; number += 1) {
      bench.keepTimed('store_one', await bench.timed(() => connection.command(`STORE ${number} -FLAGS (\\Seen)`)));
    }
    const mailbox = `INBOX.copy${run}`;
    await connection.command(`CREATE ${mailbox}`);
    bench.keepTimed('copy', await bench.timed(() => connection.command(`COPY 1:${changes} ${mailbox}`)));
    const other = await bench.server.login(account);
    await other.command(`SELECT ${mailbox}`);
    await other.command('STORE 1:* +FLAGS.SILENT (\\Deleted)', { keep: false });
    const expunged = await bench.timed(() => other.command('EXPUNGE'));
    bench.keepTimed('expunge', expunged);
    const told = expunged.result.text().match(/^\* \d+ EXPUNGE/gm)?.length ?? 0;
    bench.expect('EXPUNGE: messages told', told, changes);
    await bench.leave(other);
  }
  await bench.leave(connection);
}
