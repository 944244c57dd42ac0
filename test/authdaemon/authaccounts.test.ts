/**
 * authaccounts on userdb: what each line of its file comes to.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAccountLines } from '../../authdaemon/accounts/account-lines.js';
import { renameInAcl, renameInSubscriptions } from '../../authdaemon/accounts/names-in-mail.js';
import { Secret } from '../../init/runtime/secret.js';
import { run } from '../support/processes.js';
import { authaccounts, makeSite, results, VMAIL } from './accounts-site.js';
import { program, startDaemon } from './support.js';

test('lines are read: quotes, comments, defaults, and what is wrong with each', () => {
  const text = [
    'create ann uid=1 gid=2 home=/h/a#b name="Ann \\"O\\" Other" # comment',
    '  # nothing',
    'default uid=5 password=x',
    'rename ann ann',
    'rename a b uid=7',
    'delete',
    'create x password=secret hash=y',
    'create x uid=1 uid=2',
    'create x name="open',
    'erase x',
  ];
  const [first, ...others] = parseAccountLines(text.join('\n'));

  assert.deepEqual(first, {
    number: 1,
    request: {
      kind: 'create',
      name: 'ann',
      fields: new Map(Object.entries({ uid: '1', gid: '2', home: '/h/a#b', name: 'Ann "O" Other' })),
    },
  });
  assert.deepEqual(
    others.map(({ number, request }) => `${number} ${request}`),
    [
      '3 “password” is none of uid, gid, home, maildir, quota, options',
      '4 both names are the same',
      '5 “uid” is none of home, maildir',
      '6 there is no name',
      '7 a password and a hash are given',
      '8 uid is given twice',
      '9 a quote is not closed',
      '10 “erase” is neither create, delete, rename nor default',
    ],
  );
});

test('names in ACLs and subscriptions: whole names only, negative entries, both names, an account forgotten', () => {
  const names = new Map([
    ['ann', 'anna'],
    ['bob', undefined],
  ] as const);
  const acl = 'owner aceilrstwx\nuser=ann lr\n-user=ann w\nuser=anna e\nuser=bob lrs\nuser=annx l\ngroup=ann l\n';
  assert.equal(renameInAcl(acl, names), 'owner aceilrstwx\nuser=anna lr\n-user=anna w\nuser=annx l\ngroup=ann l\n');
  const prefixes = new Map([['#shared.a.ann', '#shared.a.anna']]);
  const listed = 'INBOX.Sent\n#shared.a.ann\n#shared.a.ann.Work.x\n#shared.a.annx\n';
  assert.equal(
    renameInSubscriptions(listed, prefixes),
    'INBOX.Sent\n#shared.a.anna\n#shared.a.anna.Work.x\n#shared.a.annx\n',
  );
});

test('O12: a file creates, renames and deletes; bad lines are named; a second run finds all as it should be', async () => {
  const { config, homes } = await makeSite('old\tuid=5000|gid=5000|home=/h\n5000=\told\n');
  const input = `default uid=${VMAIL} gid=${VMAIL} home=${homes}/%d/%n
create ann@example.com password="her secret" name="Ann Other" options=group=staff
create bob@example.com hash={SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=
create no-domain password=x
create evil|x@example.com
create root@example.com uid=0
create nobody@example.com uid=nosuchuser
create up@example.com home=/a/../b
create ../x@example.com
rename bob@example.com rob@example.com
rename nosuch@example.com x@example.com
rename old new
delete nosuch@example.com
`;
  const wrong = [
    '4: no-domain: error: %d would be “”, which cannot be part of a path',
    '5: evil|x@example.com: error: userdb cannot hold a name or a value with | in it, or blanks around it',
    '6: root@example.com: error: uid and gid 0 are nobody’s mail',
    '7: nobody@example.com: error: there is no user nosuchuser',
    '8: up@example.com: error: home=/a/../b is no plain absolute path',
    '9: ../x@example.com: error: %n would be “../x”, which cannot be part of a path',
  ];
  const noSuch = '11: nosuch@example.com: error: there is no such account';
  const before = readFileSync(join(config, 'userdb'), 'utf8');

  assert.deepEqual(await results(config, input, '--dry-run'), [
    '2: ann@example.com: would be created',
    '3: bob@example.com: would be created',
    ...wrong,
    '10: bob@example.com: would be renamed to rob@example.com; there was nothing to move',
    noSuch,
    '12: old: would be renamed to new; its mail stays where it is',
    '13: nosuch@example.com: gone already',
    'exit 1',
  ]);
  assert.equal(readFileSync(join(config, 'userdb'), 'utf8'), before);
  assert.deepEqual(await results(config, input), [
    '2: ann@example.com: created',
    '3: bob@example.com: created',
    ...wrong,
    '10: bob@example.com: renamed to rob@example.com; there was nothing to move',
    noSuch,
    '12: old: renamed to new; its mail stays where it is',
    '13: nosuch@example.com: gone already',
    'exit 1',
  ]);

  const daemon = await startDaemon(config);
  const ann = await daemon.client.authenticate({
    service: 'imap',
    loginName: 'ann@example.com',
    password: new Secret('her secret'),
  });
  assert.equal(ann.kind === 'account' && ann.account.home, `${homes}/example.com/ann`);
  assert.match(readFileSync(join(config, 'userdb'), 'utf8'), /^new\tuid=5000\|gid=5000\|home=\/h\n5000=\tnew\n/);
  assert.deepEqual(await results(config, input), [
    '2: ann@example.com: exists',
    '3: bob@example.com: is rob@example.com already',
    ...wrong,
    '10: bob@example.com: is rob@example.com already',
    noSuch,
    '12: old: is new already',
    '13: nosuch@example.com: gone already',
    'exit 1',
  ]);
  const other = await results(config, `create ann@example.com uid=${VMAIL} gid=${VMAIL} home=${homes}/x`);
  assert.deepEqual(other, ['1: ann@example.com: error: exists, with another home', 'exit 1']);
  assert.deepEqual(await results(config, 'delete ann@example.com'), [
    '1: ann@example.com: deleted; its mail stays',
    'exit 0',
  ]);
  const gone = await daemon.client.lookup('imap', 'ann@example.com');
  assert.equal(gone.kind, 'rejected');
  assert.equal(await daemon.stop(), 0);
});

test('what the program cannot work with is said before anything is done', async () => {
  const { config } = await makeSite();
  const told = async (input: string, ...options: readonly string[]): Promise<string> => {
    const { exitCode, stderr } = await authaccounts(config, input, ...options);
    return `${exitCode} ${stderr}`;
  };
  assert.match(
    await told('', '--module', 'authldap'),
    /^1 .*authldap: accounts are written into authuserdb, authmysql/,
  );
  assert.match(await told('', '--with-mail', '--remove-mail'), /^64 .*exclude each other/);
  assert.match(await told('', '--nonsense'), /^64 .*Usage: authaccounts/s);
  writeFileSync(join(config, 'authdaemonrc'), 'authmodulelist="authpam"\n');
  assert.match(await told(''), /^1 .*authmodulelist has none of authuserdb, .* say with --module/);
  const refused = await authaccounts(config, 'create a uid=5 gid=5 home=/h', '--module', 'authuserdb', '--into', 'x');
  assert.match(refused.stdout, /stdin:1: a: error: --into x: not a file in userdb/);
  writeFileSync(join(config, 'userdb'), 'twice\tuid=5\ntwice\tuid=6\n');
  assert.match(await told('delete x', '--module', 'authuserdb'), /^1 .*userdb: Cannot store record for twice/);

  writeFileSync(join(config, 'userdb'), '');
  const many = Array.from({ length: 300 }, (_, index) => `create u${index} uid=5 gid=5 home=/h/u${index}\n`).join('');
  writeFileSync(join(config, 'many'), many);
  const unread = `${process.execPath} ${program('authaccounts')} --module authuserdb ${config}/many | :`;
  await run(['/bin/sh', '-c', unread], { environment: { COURIER_CONFDIR: config } });
  assert.equal(readFileSync(join(config, 'userdb'), 'utf8').split('\n').length, 301, 'though nobody read of it');

  const file = join(config, 'batch');
  writeFileSync(file, 'create a password=x\n');
  chmodSync(file, 0o644);
  const { stderr } = await run(
    [process.execPath, program('authaccounts'), '--dry-run', '--module', 'authuserdb', file],
    {
      environment: { COURIER_CONFDIR: config },
    },
  );
  assert.match(stderr, /^warning: .*batch: passwords are in it, and others may read it \(mode 0644\); chmod 600 it/);
});

test('accounts of a userdb that is a directory: the file is named for new ones, and found for old ones', async () => {
  const { config } = await makeSite();
  rmSync(join(config, 'userdb'));
  mkdirSync(join(config, 'userdb', 'sub'), { recursive: true, mode: 0o700 });
  chmodSync(join(config, 'userdb'), 0o700);
  writeFileSync(join(config, 'userdb', 'sub', 'one'), 'ann\tuid=5|gid=5|home=/h\n', { mode: 0o600 });
  const create = 'create bob uid=5 gid=5 home=/b\n';

  assert.deepEqual(await results(config, create), [
    '1: bob: error: userdb is a directory; name a file in it with --into',
    'exit 1',
  ]);
  assert.deepEqual(await results(config, `${create}rename ann anna`, '--into', 'two'), [
    '1: bob: created',
    '2: ann: renamed to anna; its mail stays where it is',
    'exit 0',
  ]);
  assert.equal(readFileSync(join(config, 'userdb', 'sub', 'one'), 'utf8'), 'anna\tuid=5|gid=5|home=/h\n');
  assert.equal(readFileSync(join(config, 'userdb', 'two'), 'utf8'), 'bob\tuid=5|gid=5|home=/b\n');
});
