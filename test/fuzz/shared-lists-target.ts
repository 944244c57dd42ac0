/**
 * The fuzzer's look at files that say what is shared: whatever is in them, names are one level and paths are whole.
 */
import assert from 'node:assert/strict';
import { isAbsolute, normalize } from 'node:path';
import { parseIndex } from '../../imapd/sharing/shared-index.js';
import { isShareName, parseSharedMaildirs } from '../../maildir/shared-folders.js';

/** What is changed at random. */
export const sharedLists: readonly Buffer[] = [
  Buffer.from('ann\t5000\t5000\t/home/ann\nbob\t5000\t5000\t/home/bob\t./Maildir\t\n# all\nstaff\t*\tindexstaff\n'),
  Buffer.from('a.b/c\t1\t1\t/h\t/var/mail/x\nup\t*\t../index\n\u00e9va\t5000\t5000\t/h/\u00e9va\n'),
  Buffer.from('pub\t/home/pub/Maildir\nnews /srv/news # all\n../x /x\n'),
];

/** @throws {Error} when a name or a path leads where none may lead */
export function checkSharedLists(octets: Buffer): void {
  for (const munged of [false, true]) {
    const { records } = parseIndex(octets, { path: '/etc/courier/shared/index', munged });
    for (const name of records.names()) {
      assert.doesNotMatch(name, /[./\u0000-\u001f\u007f]/);
      const record = records.get(name);
      const path = record?.kind === 'group' ? record.indexPath : record?.maildirPath;
      assert.ok(path !== undefined && isAbsolute(path) && normalize(path) === path && !path.includes('\0'), path);
      if (record?.kind === 'group') assert.ok(`${path}/`.startsWith('/etc/courier/shared/'), path);
    }
  }
  for (const [name, path] of parseSharedMaildirs(octets.toString('utf8')).maildirs) {
    assert.ok(isShareName(name), name);
    assert.ok(isAbsolute(path) && !path.split('/').includes('..'), path);
  }
}
