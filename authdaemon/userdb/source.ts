/**
 * The text of a userdb source file, and changes to it. Pure.
 *
 *     # comment
 *     joe<TAB>uid=5000|gid=5000|home=/home/joe|systempw=…
 *     5000=<TAB>joe
 *
 * Lines that a change does not concern stay as they are, octet for octet.
 */

/** One record of a source file. */
export interface SourceRecord {
  readonly name: string;
  readonly value: string;
  /** From 1. */
  readonly line: number;
}

/** What a source file says. Lines that are neither comment, nor empty, nor a record are in `strayLines`. */
export interface SourceText {
  readonly records: readonly SourceRecord[];
  readonly strayLines: readonly number[];
}

/** A change to one record. */
export type SourceEdit =
  | { readonly kind: 'set'; readonly fields: ReadonlyMap<string, string> }
  | { readonly kind: 'unset'; readonly names: readonly string[] }
  | { readonly kind: 'delete' };

/** Reads a source file. */
export function parseSource(text: string): SourceText {
  const records: SourceRecord[] = [];
  const strayLines: number[] = [];
  text.split('\n').forEach((line, index) => {
    const record = recordOf(line);
    if (record !== undefined) records.push({ ...record, line: index + 1 });
    else if (line.trim() !== '' && !line.startsWith('#')) strayLines.push(index + 1);
  });
  return { records, strayLines };
}

/** Tells whether a name or field can stand in a source file. */
export function isSourceWord(text: string): boolean {
  return !/[|\n\r\t]/.test(text);
}

/**
 * Changes one record and gives the new text. A record that is set and not there is added at the end; one that loses
 * its last field goes.
 */
export function editSource(text: string, name: string, edit: SourceEdit): string {
  const lines = text.split('\n');
  const index = lines.findIndex((line) => recordOf(line)?.name === name);
  const before = index < 0 ? '' : (recordOf(lines[index] ?? '')?.value ?? '');
  const after = editFields(before, edit);
  if (index < 0)
    return after === '' ? text : `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${name}\t${after}\n`;
  lines.splice(index, 1, ...(after === '' ? [] : [`${name}\t${after}`]));
  return lines.join('\n');
}

/** A change to one of many records. */
export type RecordChange =
  | { readonly kind: 'add'; readonly name: string; readonly fields: ReadonlyMap<string, string> }
  | {
      readonly kind: 'rename';
      readonly name: string;
      readonly to: string;
      readonly fields: ReadonlyMap<string, string>;
    }
  | { readonly kind: 'remove'; readonly name: string };

/**
 * Changes many records of different names at once, and the reverse records (`5000=`) that name them. What does not fit
 * the text (a record to add is there, one to rename is not) is left out, and told by its name.
 */
export function changeRecords(
  text: string,
  changes: readonly RecordChange[],
): { readonly text: string; readonly misfits: readonly string[] } {
  const lines: (string | undefined)[] = text.split('\n');
  const places = new Map<string, number>();
  const reverse = new Map<string, number[]>();
  lines.forEach((line = '', index) => {
    const record = recordOf(line);
    if (record === undefined) return;
    if (!places.has(record.name)) places.set(record.name, index);
    if (record.name.endsWith('=')) reverse.set(record.value, [...(reverse.get(record.value) ?? []), index]);
  });
  const added: string[] = [];
  const misfits: string[] = [];
  for (const change of changes) {
    const place = places.get(change.name);
    if ((place === undefined) !== (change.kind === 'add') || (change.kind === 'rename' && places.has(change.to))) {
      misfits.push(change.name);
    } else if (place === undefined) {
      added.push(`${change.name}\t${editFields('', { kind: 'set', fields: fieldsOf(change) })}`);
    } else {
      const before = recordOf(lines[place] ?? '')?.value ?? '';
      const fields = { kind: 'set', fields: fieldsOf(change) } as const;
      lines[place] = change.kind === 'rename' ? `${change.to}\t${editFields(before, fields)}` : undefined;
      for (const index of reverse.get(change.name) ?? []) {
        const name = recordOf(lines[index] ?? '')?.name ?? '';
        lines[index] = change.kind === 'rename' ? `${name}\t${change.to}` : undefined;
      }
    }
  }
  const kept = lines.filter((line) => line !== undefined).join('\n');
  const end = kept === '' || kept.endsWith('\n') ? '' : '\n';
  return { text: added.length === 0 ? kept : `${kept}${end}${added.join('\n')}\n`, misfits };
}

function fieldsOf(change: RecordChange): ReadonlyMap<string, string> {
  return change.kind === 'remove' ? new Map() : change.fields;
}

function editFields(before: string, edit: SourceEdit): string {
  if (edit.kind === 'delete') return '';
  const changed = edit.kind === 'set' ? edit.fields : new Map(edit.names.map((name) => [name, undefined]));
  const fields: string[] = [];
  const written = new Set<string>();
  for (const field of before.split('|').filter((each) => each !== '')) {
    const name = nameOf(field);
    if (!changed.has(name)) fields.push(field);
    else if (changed.get(name) !== undefined && !written.has(name)) fields.push(`${name}=${changed.get(name)}`);
    written.add(name);
  }
  for (const [name, value] of changed) {
    if (value !== undefined && !written.has(name)) fields.push(`${name}=${value}`);
  }
  return fields.join('|');
}

function nameOf(field: string): string {
  const equals = field.indexOf('=');
  return equals < 0 ? field : field.slice(0, equals);
}

function recordOf(line: string): { readonly name: string; readonly value: string } | undefined {
  const tab = line.indexOf('\t');
  if (tab <= 0 || line.startsWith('#')) return undefined;
  return { name: line.slice(0, tab).trim(), value: line.slice(tab + 1).trim() };
}
