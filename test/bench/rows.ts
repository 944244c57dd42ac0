/**
 * Every row of the tables: what it is called, what its unit is, which way is better, and what it means where the title
 * does not say it. Knows nothing of how it is measured.
 */

export interface Row {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /** For the reader. `{messages}` and the like, here and in the title, stand for sizes of the run. */
  readonly meaning?: string;
  /** `compared` rows have ratios and bars; `fairness` rows have a bar of their own, `crowd` rows a table; `beside` rows are only told. */
  readonly table: 'compared' | 'fairness' | 'crowd' | 'beside';
}

type RowDetails = Partial<Pick<Row, 'meaning' | 'table' | 'better'>>;

function row(key: string, title: string, unit: string, details: RowDetails = {}): Row {
  const better = unit.endsWith('/s') ? 'higher' : 'lower';
  return { key, title, unit, better, table: 'compared', ...details };
}

/** What the clients list is asked with: the columns of a mail program's list. */
export const FULL_LIST = 'UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE';
/** The header fields that lists show. */
export const HEADER_LIST = 'BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)]';

/** After that time without a change a directory's time can be trusted. */
export const QUIET_MILLISECONDS = 3000;

/** The limit of the event loop's delay, and so of another client's wait, while one client asks for much. */
export const FAIR_MILLISECONDS = 50;

/** Sessions of the crowd. */
export const CROWD_STEPS: readonly number[] = [1000, 2500, 5000, 10_000];

const crowd = { table: 'crowd' } as const;
const fairness = { table: 'fairness' } as const;
const beside = { table: 'beside' } as const;

/** What one client asks for while another waits. */
export const heavyWorks = [
  { key: 'sort', title: 'SORT (DATE)' },
  { key: 'thread', title: 'THREAD REFERENCES' },
  { key: 'body', title: 'SEARCH BODY' },
  { key: 'fetch', title: 'FETCH of 50 MB' },
] as const;

/** All rows in the order of the tables. */
export const rows: readonly Row[] = [
  row('login_1', 'connect, LOGIN, LOGOUT; 1 at a time', '/s', {
    meaning:
      'Twenty clients have logged in for {warmLoginSeconds} seconds before; what the first of all meet stands below.',
  }),
  row('login_20', 'the same; 20 at a time', '/s'),
  row('login_1_tls', 'the same over TLS; 1 at a time', '/s', { meaning: 'A full TLS 1.3 handshake each time.' }),
  row('login_20_tls', 'the same over TLS; 20 at a time', '/s'),
  row('select_10k_first', 'SELECT of {messages}, first', 'ms', {
    meaning:
      '"First": the maildir has just been made and the server has nothing of its own in it; the page cache is warm.',
  }),
  row('select_10k_warm', 'SELECT of {messages}, new session', 'ms'),
  row('select_50k_first', 'SELECT of {manyMessages}, first', 'ms'),
  row('select_50k_warm', 'SELECT of {manyMessages}, new session', 'ms'),
  row('select_50k_quiet', 'SELECT of {manyMessages}, new session, quiet', 'ms', {
    meaning: 'Nothing has changed for three seconds: no server need fear a change within the granularity of the clock.',
  }),
  row('fetch_flags', 'FETCH FLAGS', 'ms'),
  row('fetch_full_first', 'FETCH full, first', 'ms', { meaning: `"Full": FETCH 1:* (${FULL_LIST}).` }),
  row('fetch_full_same', 'FETCH full, same session', 'ms'),
  row('fetch_full_new', 'FETCH full, new session', 'ms'),
  row('fetch_full_new_tls', 'FETCH full, new session, TLS', 'ms'),
  row('fetch_headers_first', 'FETCH of four header fields, first', 'ms', {
    meaning: `"Header fields": ${HEADER_LIST}.`,
  }),
  row('fetch_headers_again', 'FETCH of four header fields, again', 'ms'),
  row('fetch_size_first', 'FETCH RFC822.SIZE, first', 'ms', {
    meaning: 'Asked after the header fields, in a mailbox whose sizes nobody has asked for.',
  }),
  row('fetch_size_again', 'FETCH RFC822.SIZE, again', 'ms'),
  row('bodies', 'whole bodies', 'MB/s', {
    meaning: 'UID FETCH 1:* (BODY.PEEK[]) of {bodies} messages; MB are 10^6 octets.',
  }),
  row('bodies_tls', 'whole bodies, TLS', 'MB/s'),
  row('pop3_look_first', 'POP3: STAT, LIST, UIDL of {messages}, first', 'ms', {
    meaning: 'From connect to the answer to QUIT. All messages lie in cur, and nobody has a list of their sizes yet.',
  }),
  row('pop3_look', 'POP3: STAT, LIST, UIDL of {messages}, again', 'ms'),
  row('pop3_retr', 'POP3: messages, one RETR after the other', '/s', { meaning: 'Login and QUIT included.' }),
  row('pop3_retr_pipelined', 'POP3: messages, 50 RETR at a time', '/s'),
  row('search_from_first', 'SEARCH FROM, first', 'ms'),
  row('search_from', 'SEARCH FROM, warm', 'ms'),
  row('search_subject', 'SEARCH SUBJECT, warm', 'ms'),
  row('search_text', 'SEARCH TEXT', 'ms'),
  row('search_body', 'SEARCH BODY', 'ms'),
  row('search_since', 'SEARCH SINCE', 'ms'),
  row('search_unseen', 'SEARCH UNSEEN', 'ms'),
  row('sort_date_first', 'SORT (DATE), first', 'ms', { meaning: 'In the session that has searched before.' }),
  row('sort_date', 'SORT (DATE), warm', 'ms'),
  row('sort_subject', 'SORT (SUBJECT), warm', 'ms'),
  row('thread_first', 'THREAD REFERENCES, first', 'ms'),
  row('thread', 'THREAD REFERENCES, warm', 'ms'),
  row('append_1', 'APPEND of 4 KB, 1 connection', '/s', {
    meaning: 'Synchronizing literals. Ours and Dovecot have the message on the disk before OK, Courier does not.',
  }),
  row('append_8', 'APPEND of 4 KB, 8 connections', '/s', { meaning: 'Eight accounts.' }),
  row('append_at_50k', 'APPEND to a mailbox of {manyMessages}', '/s'),
  row('append_pipelined', 'APPEND, LITERAL+, 50 at a time', '/s', { meaning: 'Where LITERAL+ is announced.' }),
  row('append_multi', 'MULTIAPPEND of 100', '/s', { meaning: 'Where MULTIAPPEND and LITERAL+ are announced.' }),
  row('store_all', 'STORE 1:* +FLAGS (\\Seen)', 'ms'),
  row('store_one', 'STORE of one message', 'ms'),
  row('copy', 'COPY of {changes}', 'ms'),
  row('expunge', 'EXPUNGE of {changes}', 'ms'),
  row('list_status_first', 'LIST-STATUS of {folders} folders, first', 'ms', {
    meaning: 'STATUS (MESSAGES UNSEEN UIDNEXT); Courier has no LIST-STATUS and is sent a LIST and all STATUS at once.',
  }),
  row('list_status', 'LIST-STATUS of {folders} folders, new session', 'ms'),
  row('notify', 'delivery to EXISTS in IDLE', 'ms', {
    meaning: 'A file renamed into new; median of 20 mailboxes, at different moments. --quick waits two seconds only.',
  }),
  row('memory_selected', 'memory per session, INBOX selected', 'KiB', {
    meaning:
      'PSS of all processes with that many sessions of as many accounts with 100 messages each, less that of the server nobody uses.',
  }),
  row('memory_idle', 'memory per session in IDLE', 'KiB'),
  row('memory_selected_tls', 'memory per session, TLS, INBOX selected', 'KiB'),
  row('memory_idle_tls', 'memory per session in IDLE, TLS', 'KiB'),
  row('memory_selected_compress', 'memory per session, TLS and COMPRESS, selected', 'KiB', {
    meaning: 'Where COMPRESS=DEFLATE is announced.',
  }),
  row('login_fresh', 'connect, LOGIN, LOGOUT; the first {freshLogins} of a server, 1 at a time', '/s', beside),
  row('memory_unused', 'memory of a server nobody uses', 'KiB', beside),
  row('processes', 'processes with all sessions', '', beside),
  row('handshake_full', 'connect, full TLS 1.3 handshake, greeting; 20 at a time', '/s', beside),
  row('handshake_resumed', 'the same with a resumed session', '/s', beside),
  row('noop_alone', 'NOOP alone, p99', 'ms', fairness),
  ...heavyWorks.flatMap(({ key, title }) => [
    ...['p50', 'p99', 'max'].map((which) =>
      row(`noop_${key}_${which}`, `NOOP beside ${title}, ${which}`, 'ms', fairness),
    ),
    ...['p99', 'max'].map((which) =>
      row(`loop_${key}_${which}`, `event loop beside ${title}, ${which}`, 'ms', fairness),
    ),
  ]),
  ...CROWD_STEPS.flatMap((step) => [
    row(`crowd_${step}_memory`, `${step} sessions in IDLE, memory per session`, 'KiB', crowd),
    ...['p50', 'p99', 'max'].map((which) =>
      row(`crowd_${step}_${which}`, `${step} sessions told, ${which}`, 'ms', crowd),
    ),
  ]),
];

/** The row of this key. @throws {RangeError} when there is none. */
export function rowOf(key: string): Row {
  const found = rows.find((each) => each.key === key);
  if (found === undefined) throw new RangeError(`there is no row ${key}`);
  return found;
}

/** A title or a meaning with the sizes of a run in it. */
export function withSizes(text: string, sizes: object): string {
  const known = new Map(Object.entries(sizes));
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => Number(known.get(name)).toLocaleString('en-US'));
}
