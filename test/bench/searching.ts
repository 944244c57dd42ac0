/**
 * Group `search`: SEARCH, SORT and THREAD, first and warm. Every server must find what is there.
 */
import { type Bench, capabilitiesOf } from './bench.js';
import type { BenchConnection } from './connection.js';
import { SINCE_SECOND } from './mail.js';
import { searchDate } from './mail-header.js';
import { NEEDLES } from './mail-words.js';
import { wantsAnother } from './statistics.js';

interface Search {
  readonly command: string;
  readonly hits: number;
  /** The row of the first time; without one, the first time counts like the others. */
  readonly first?: string | undefined;
  readonly row: string;
  readonly needs?: string;
}

/** A search that takes so long is repeated once, not more often. */
const SLOW_MILLISECONDS = 2000;

/** Measures searches of a mailbox that no client has searched before. */
export async function measureSearch(bench: Bench): Promise<void> {
  const { messages } = bench.sizes;
  const connection = await bench.select(bench.accountWith(messages));
  const announced = await capabilitiesOf(connection);
  for (const search of searchesOf(bench)) {
    if (search.needs !== undefined && !announced.includes(search.needs)) continue;
    await measureOne(bench, connection, search);
  }
  await bench.leave(connection);
}

function searchesOf({ master, sizes }: Bench): Search[] {
  const all = sizes.messages;
  const hits = master.expectedHits(all);
  return [
    { row: 'search_from', first: 'search_from_first', command: `SEARCH FROM ${NEEDLES.from}`, hits: hits.from },
    { row: 'search_subject', first: '', command: `SEARCH SUBJECT ${NEEDLES.subject}`, hits: hits.subject },
    { row: 'search_text', command: `SEARCH TEXT ${NEEDLES.body}`, hits: hits.body },
    { row: 'search_body', command: `SEARCH BODY ${NEEDLES.body}`, hits: hits.body },
    { row: 'search_since', first: '', command: `SEARCH SINCE ${searchDate(SINCE_SECOND)}`, hits: hits.since },
    { row: 'search_unseen', command: 'SEARCH UNSEEN', hits: hits.unseen },
    { row: 'sort_date', first: 'sort_date_first', command: 'SORT (DATE) UTF-8 ALL', hits: all, needs: ' SORT' },
    { row: 'sort_subject', first: '', command: 'SORT (SUBJECT) UTF-8 ALL', hits: all, needs: ' SORT' },
    {
      row: 'thread',
      first: 'thread_first',
      command: 'THREAD REFERENCES UTF-8 ALL',
      hits: all,
      needs: 'THREAD=REFERENCES',
    },
  ];
}

async function measureOne(bench: Bench, connection: BenchConnection, search: Search): Promise<void> {
  const { runs } = bench.sizes;
  let slow = false;
  for (let time = 0, spent = 0; slow ? time <= 1 : wantsAnother(time, spent, runs + 1); time += 1) {
    const timed = await bench.timed(() => connection.command(search.command));
    const key = time === 0 ? (search.first ?? search.row) : search.row;
    if (key !== '') bench.keepTimed(key, timed);
    bench.expect(`${search.command}: hits`, hitsIn(timed.result.text()), search.hits);
    if (time > 0) spent += timed.milliseconds;
    slow ||= timed.milliseconds > SLOW_MILLISECONDS;
    if (slow && search.first === undefined) break;
  }
}

/** Numbers in the untagged SEARCH, SORT or THREAD responses. */
function hitsIn(text: string): number {
  const lines = text.match(/^\* (SEARCH|SORT|THREAD)[^\r]*/gm) ?? [];
  return lines.reduce((sum, line) => sum + (line.match(/\d+/g)?.length ?? 0), 0);
}
