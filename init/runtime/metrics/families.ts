/**
 * Every figure that a mail service tells: its name without the prefix, what kind it is, and what it means. README has the
 * same list; a series whose family is not here is told to nobody.
 */

/** The kinds of Prometheus that we use. */
export type FamilyKind = 'counter' | 'gauge' | 'histogram';

/** A figure, or several that differ in their labels. */
export interface Family {
  readonly kind: FamilyKind;
  readonly help: string;
}

/** What all names begin with on the page. */
export const PREFIX = 'angarium_';

const counters: Readonly<Record<string, string>> = {
  connections_total: 'Connections that were accepted, by service.',
  connections_refused_total:
    'Connections that were told to go, by reason: a limit of the settings, or the access file.',
  logins_total: 'Answers to logins, by method and result.',
  passed_on_total: 'Logins for accounts whose mail is on another server, by how it went there.',
  sessions_total: 'Sessions that began after a login.',
  sessions_refused_total: 'Logins with the right password that got no session, by reason.',
  sessions_kicked_total: 'Sessions that the administrator ended.',
  commands_total: 'Commands after login, by name and result.',
  octets_total: 'Octets of sessions, without what TLS adds, by direction.',
  tls_handshakes_total: 'TLS handshakes, by result: full, resumed or failed.',
  tls_certificate_failures_total: 'Times that certificates could not be read.',
  messages_expunged_total: 'Messages that clients removed.',
  cache_files_total:
    'Files of the cache that were opened: used, none, or damaged (also of another version), which costs a rebuild.',
  cache_facts_learnt_total: 'Facts that the cache did not know, so that a message was read for them.',
  quota_recounts_total:
    'Times that the mail of a maildir was counted anew because maildirsize was wrong, old or missing.',
  uidvalidity_changes_total:
    'Folders whose UIDVALIDITY was lost or changed by others. Each costs clients all they have.',
  uid_list_repairs_total: 'Damaged files courierimapuiddb that were repaired without a new UIDVALIDITY.',
  disk_errors_total: 'Commands that failed because of the disk or its rights, by kind.',
  log_lines_total: 'Lines for the log, by level.',
  log_lines_lost_total: 'Lines that could not be written.',
  log_lines_left_out_total: 'Lines that were counted in place of written, because there were too many like them.',
  bugs_total: 'Things that must not happen.',
  processes_died_total: 'Processes that died without being told to, by role.',
  authdaemond_requests_total: 'What authdaemond was asked, by all its callers, by kind and answer.',
  authdaemond_cache_lookups_total:
    'Logins that were looked for among those that were good a moment ago (AUTHCACHE_TTL): hit or miss.',
  reloads_failed_total: 'Times that settings were read again and had mistakes.',
};

const gauges: Readonly<Record<string, string>> = {
  build_info: 'Always 1; the labels say what runs.',
  start_time_seconds: 'When the service was started, in seconds since 1970.',
  connections: 'Connections now, before and after login.',
  sessions: 'Sessions now.',
  auth_pending: 'Logins now that wait for authdaemond.',
  authdaemond_up: 'Whether authdaemond takes connections; that of Courier tells no other figures.',
  authdaemond_lookups: 'Lookups of each module now: running, or waiting for their turn.',
  processes: 'Processes now, by role.',
  cache_memory_bytes: 'Memory that the cache takes in all mail workers.',
  process_memory_bytes: 'Resident memory of each process.',
  process_loop_delay_seconds: 'How late the event loop of each process was in the last five minutes while it worked.',
  tls_certificate_expiry_timestamp_seconds: 'When the first certificate in use expires, in seconds since 1970.',
};

const histograms: Readonly<Record<string, string>> = {
  auth_duration_seconds: 'How long authdaemond took to answer.',
  authdaemond_module_duration_seconds: 'How long each module took, with the wait for its turn.',
  command_duration_seconds: 'How long a command took until its answer went out, by name. A slow client counts, too.',
};

/** By name. */
export const families: ReadonlyMap<string, Family> = new Map([
  ...ofKind('counter', counters),
  ...ofKind('gauge', gauges),
  ...ofKind('histogram', histograms),
]);

function ofKind(kind: FamilyKind, helps: Readonly<Record<string, string>>): [string, Family][] {
  return Object.entries(helps).map(([name, help]) => [name, { kind, help }]);
}
