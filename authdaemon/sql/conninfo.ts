/**
 * The connection string of PostgreSQL's C library, in both of its forms:
 *
 *     host=db1,db2 port=5432 dbname=mail user='mail reader' password='it\'s'
 *     postgresql://reader:secret@db1:5432,db2/mail?sslmode=require
 *
 * Pure; knows no parameter by name except those an URI has places for. A repeated host or port adds to the list.
 */

/** Parameters by name, or what is wrong with the string. */
export type ConninfoReading = ReadonlyMap<string, string> | string;

/** Parameters that may be lists, one entry for each server. */
const LISTS: ReadonlySet<string> = new Set(['host', 'hostaddr', 'port']);
const PARAMETER = /\s*([A-Za-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)/y;

/** Reads a connection string. */
export function parseConninfo(text: string): ConninfoReading {
  const uri = /^postgres(?:ql)?:\/\/(.*)$/.exec(text.trim());
  return uri === null ? parseParameters(text) : parseUri(uri[1] ?? '');
}

function parseParameters(text: string): ConninfoReading {
  const parameters = new Map<string, string>();
  const end = text.trimEnd().length;
  let position = 0;
  while (position < end) {
    PARAMETER.lastIndex = position;
    const [whole, name = '', quoted, bare = ''] = PARAMETER.exec(text) ?? [];
    if (whole === undefined) return `cannot be understood from "${text.slice(position, position + 12).trim()}…" on`;
    add(parameters, name, (quoted ?? bare).replace(/\\(.)/g, '$1'));
    position += whole.length;
  }
  return parameters;
}

function parseUri(text: string): ConninfoReading {
  const [, user, password, hosts = '', database, query] =
    /^(?:([^:@/?]*)(?::([^@/?]*))?@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(text) ?? [];
  const parameters = new Map<string, string>();
  // Percent signs that encode nothing.
  try {
    for (const place of hosts === '' ? [] : hosts.split(',')) {
      const [, host = '', port = ''] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(place) ?? [];
      add(parameters, 'host', decodeURIComponent(host.replace(/^\[(.*)\]$/, '$1')));
      add(parameters, 'port', port);
    }
    for (const [name, value] of [
      ['user', user],
      ['password', password],
      ['dbname', database],
    ] as const) {
      if (value !== undefined && value !== '') add(parameters, name, decodeURIComponent(value));
    }
    for (const pair of query === undefined || query === '' ? [] : query.split('&')) {
      const [name = '', value = ''] = pair.split('=', 2);
      add(parameters, decodeURIComponent(name), decodeURIComponent(value));
    }
  } catch {
    return 'holds a % that encodes nothing';
  }
  return parameters;
}

function add(parameters: Map<string, string>, name: string, value: string): void {
  const before = LISTS.has(name) ? parameters.get(name) : undefined;
  parameters.set(name, before === undefined ? value : `${before},${value}`);
}
