/**
 * Scratch maildirs for tests: made in a directory of their own, read back without the store, and checked for soundness.
 */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MaildirError } from '../../maildir/errors.js';
import { type FileSystem, type OpenFile, realFileSystem } from '../../maildir/file-system.js';
import type { Folder } from '../../maildir/folder.js';
import type { MaildirOptions, MaildirStore } from '../../maildir/maildir-store.js';
import { testStore } from '../support/test-store.js';

/** A process id that exists and is not ours, so that locks are respected. */
export const OTHER_PROCESS = 1;

/** A directory that is removed after the test. */
export function scratchDirectory(t: { after(run: () => void): void }): string {
  // In memory where that can be had: these tests make and remove hundreds of maildirs.
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'angarium-maildir-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Makes the directories of a maildir or folder. */
export function makeMaildir(path: string): string {
  for (const name of ['', 'cur', 'new', 'tmp']) mkdirSync(join(path, name), { recursive: true });
  return path;
}

/** A message that says at its end that it is whole. */
export function bodyOf(id: string): string {
  return `Subject: ${id}\n\nThis is ${id}.\nend of ${id}\n`;
}

/** Puts a message into a folder as another program would. */
export function deliver(folderPath: string, filename: string, id: string): void {
  const place = filename.includes(':') ? 'cur' : 'new';
  writeFileSync(join(folderPath, 'tmp', filename), bodyOf(id));
  // A rename within the maildir, as delivery agents do it.
  writeFileSync(join(folderPath, place, filename), bodyOf(id));
  rmSync(join(folderPath, 'tmp', filename));
}

/** A store with the usual options. */
export function openStore(options: Partial<MaildirOptions> & { fileSystem?: FileSystem } = {}): MaildirStore {
  return testStore({
    hostName: 'mx.example',
    durable: true,
    useLocks: true,
    after: (milliseconds, run) => {
      const timer = setTimeout(run, milliseconds);
      if (milliseconds > 1_000) timer.unref();
      return () => clearTimeout(timer);
    },
    ...options,
  });
}

/** A new file whose syncing is something else. */
export function createdWithSync(name: string, mode: number, sync: (file: OpenFile) => Promise<void>): OpenFile {
  const file = realFileSystem.create(name, mode);
  return {
    read: (octets, position) => file.read(octets, position),
    write: (octets) => file.write(octets),
    status: () => file.status(),
    close: () => file.close(),
    sync: () => sync(file),
  };
}

/** For assert.throws and assert.rejects. */
export const isKind = (kind: string) => (error: unknown) => error instanceof MaildirError && error.kind === kind;

/** A maildir with messages in cur and new, opened read-write. */
export async function opened(
  t: { after(run: () => void): void },
  filenames: readonly string[],
  warn = (_text: string) => {},
) {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  filenames.forEach((name, index) => {
    deliver(path, name, `m${index}`);
  });
  const store = openStore({ warn });
  const maildir = store.open(path);
  const folder = maildir.folder('INBOX');
  const use = await folder.open('read-write');
  return { path, store, maildir, folder, use };
}

/** Adds a message with this content through the store. */
export async function append(folder: Folder, id: string, flags = 0, keywords: readonly string[] = []): Promise<number> {
  const writer = folder.beginMessage();
  writer.write(Buffer.from(bodyOf(id).replaceAll('\n', '\r\n')));
  const [uid] = await folder.addMessages([{ writer, flags, keywords }]);
  return uid ?? 0;
}

/** The folders of a maildir and the ids of the messages in each, straight from the disk. Half messages are a failure. */
export function messagesOnDisk(maildirPath: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const entry of ['', ...readdirSync(maildirPath).filter((name) => name.startsWith('.'))]) {
    const path = join(maildirPath, entry);
    if (!existsSync(join(path, 'cur'))) continue;
    const ids: string[] = [];
    for (const place of ['cur', 'new']) {
      for (const filename of readdirSync(join(path, place))) {
        const text = readFileSync(join(path, place, filename), 'utf8');
        const id = /^Subject: (.*)$/m.exec(text)?.[1] ?? '?';
        assert.equal(text, bodyOf(id), `${filename} is not whole`);
        const size = /,S=(\d+)/.exec(filename)?.[1];
        if (size !== undefined) assert.equal(statSync(join(path, place, filename)).size, Number(size));
        ids.push(id);
      }
    }
    found[`INBOX${entry}`] = ids.sort();
  }
  return found;
}

/** What clients were told: each UID of a folder with the id of its message. */
export interface Told {
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly ids: ReadonlyMap<number, string>;
}

/** What a folder tells now. */
export function tell(folder: Folder): Told {
  const ids = new Map<number, string>();
  for (let row = 0; row < folder.table.count; row += 1) {
    const uid = folder.table.uidAt(row);
    const file = folder.openMessage(uid);
    ids.set(uid, /^Subject: (.*)$/m.exec(file.read(0, 1_000).toString())?.[1] ?? '?');
    file.close();
  }
  return { uidValidity: folder.uidValidity, uidNext: folder.uidNext, ids };
}

/**
 * Opens a maildir afresh and checks what must always hold: it loads, every file is a message with one UID, the list on
 * the disk agrees, and nothing that was told before is contradicted.
 */
export async function assertSound(maildirPath: string, before: ReadonlyMap<string, Told> = new Map()): Promise<void> {
  const onDisk = messagesOnDisk(maildirPath);
  const store = openStore({ durable: false });
  const maildir = store.open(maildirPath);
  for (const name of maildir.listFolders()) {
    const folder = maildir.folder(name);
    const use = await folder.open('read-write');
    const now = tell(folder);
    assert.deepEqual([...now.ids.values()].sort(), onDisk[name], `${name} shows what is on the disk`);
    for (const uid of now.ids.keys()) assert.ok(uid < now.uidNext, `UID ${uid} is below UIDNEXT ${now.uidNext}`);
    const told = before.get(name);
    if (told !== undefined && told.uidValidity === now.uidValidity) {
      assert.ok(now.uidNext >= Math.max(0, ...told.ids.keys()) + 1, `UIDNEXT of ${name} went below what was told`);
      for (const [uid, id] of now.ids) {
        const former = told.ids.get(uid);
        if (former !== undefined) assert.equal(id, former, `UID ${uid} of ${name} was given again`);
        else assert.ok(uid >= told.uidNext || ![...told.ids.values()].includes(id), `${id} was renumbered downwards`);
      }
    }
    use.close();
    await folder.rest({ unload: true });
    const lines = readFileSync(join(maildirPath, name === 'INBOX' ? '' : name.slice(5), 'courierimapuiddb'), 'utf8');
    const listed = lines
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => Number(line.split(' ')[0]));
    assert.deepEqual(listed, [...now.ids.keys()], `the UID list of ${name} is exact when the folder is at rest`);
  }
  await store.close();
}
