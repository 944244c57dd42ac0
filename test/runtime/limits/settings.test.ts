/** The settings about clients, and the access file: every form is read as Courier's programs read it, or told. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AccessRules, readAccessFile } from '../../../init/runtime/limits/access-file.js';
import { readLimitSettings } from '../../../init/runtime/limits/limit-settings.js';
import { readTcpdOptions } from '../../../init/runtime/limits/tcpd-options.js';
import { describeProblem, Settings } from '../../../init/runtime/settings/settings-file.js';

function read(text: string) {
  const settings = new Settings('imapd');
  settings.addText('imapd', text);
  const options = readTcpdOptions(settings);
  const limits = readLimitSettings(settings, 'IMAP', options);
  const told = [...settings.problems, ...settings.warnings].map(describeProblem).join('\n');
  return { ...limits, options, told };
}

function withDirectory(use: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'access-'));
  try {
    use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('limits without settings are for today, and who has changed MAXPERIP is not surprised by less', () => {
  const shipped = read('').limits;
  assert.equal(shipped.connections, 4_000);
  assert.deepEqual([shipped.perAddress, shipped.beforeLogin, shipped.perAccount], [800, 100, 50]);
  const debian = read('MAXDAEMONS=40\nMAXPERIP=20\n').limits;
  assert.deepEqual([debian.perAddress, debian.beforeLogin, debian.perAccount, debian.warnAt], [20, 20, 20, 35]);
  assert.match(
    read('MAXDAEMONS=40\nMAXPERIP=4\n').told,
    /:1: MAXDAEMONS=40 is what Courier shipped.*\n.*:2: MAXPERIP=4 is/,
  );
  const own = read('MAXPERIP=2000\nMAXPERACCOUNT=7\nMAXBEFORELOGIN=8\nMAXRATEPERIP=0\n').limits;
  assert.deepEqual([own.perAddress, own.beforeLogin, own.perAccount, own.perMinute], [2_000, 8, 7, undefined]);
});

test('TCPDOPTS: options that couriertcpd has count as there, and go before the settings', () => {
  const words = '-nodnslookup -noidentlookup -maxprocs=9 -maxperip=8 -maxperc=7 -warn=6 -address=127.0.0.1';
  const { limits, options, access, told } = read(
    `MAXDAEMONS=41\nMAXPERIP=5\nIMAPACCESSFILE=/x\nTCPDOPTS="${words} -access=/etc/y.dat -accesslocal -denymsg=No"\n`,
  );

  assert.equal(told, '');
  assert.deepEqual([limits.connections, limits.perAddress, limits.perNetwork, limits.warnAt], [9, 8, 7, 6]);
  assert.deepEqual([options.address, limits.denyMessage], ['127.0.0.1', 'No']);
  assert.deepEqual(access, { path: '/etc/y', local: true });
});

test('TCPDOPTS: what does nothing here, and what nobody knows, is told by name', () => {
  const { told } = read(
    'TCPDOPTS="-block=zen.example.org,BLOCK -allow=x -drop -listen=5 -user=a -group=b -stderr=/x -fast"\n',
  );

  for (const name of ['block=zen.example.org,BLOCK', 'allow=x', 'drop', 'listen=5', 'user=a', 'group=b', 'stderr=/x']) {
    assert.match(told, new RegExp(`imapd:1: TCPDOPTS: -${name} has no effect; `));
  }
  assert.match(told, /TCPDOPTS: -fast is not understood/);
  assert.match(read('TCPDOPTS="-maxprocs=many"\n').told, /TCPDOPTS: -maxprocs=many has no number/);
});

test('-haproxy: time and ports as in Courier 5.2.7; without names of proxies only private networks are believed', () => {
  const haproxy = (words: string) => read(`PROXY_PROTOCOL_FROM=192.0.2.1\nTCPDOPTS="${words}"\n`).proxyProtocol;

  const all = { from: '192.0.2.1', seconds: 15, ports: [], isRequired: true };
  assert.deepEqual(haproxy('-haproxy'), all);
  assert.deepEqual(haproxy('-haproxy=3'), { ...all, seconds: 3 });
  const ports = [{ port: 143 }, { host: '192.0.2.9', port: 993 }];
  assert.deepEqual(haproxy('-haproxy=3/143,192.0.2.9.993'), { ...all, seconds: 3, ports });
  assert.deepEqual(haproxy('-haproxy/imap'), { ...all, ports: [{ port: 143 }] });
  assert.deepEqual(haproxy('-nodnslookup'), { ...all, isRequired: false });
  assert.equal(read('').proxyProtocol, undefined);

  const unnamed = read('TCPDOPTS="-haproxy"\n');
  assert.match(unnamed.told, /-haproxy believes every private address .*; name the addresses of your proxies/);
  assert.match(unnamed.proxyProtocol?.from ?? '', /10\.0\.0\.0\/8/);
  for (const words of ['-haproxy=', '-haproxy=x', '-haproxy=0', '-haproxy/', '-haproxy/x', '-haproxy143']) {
    assert.match(read(`TCPDOPTS="${words}"\n`).told, /is not understood/, words);
  }
  assert.match(read('PROXY_PROTOCOL_FROM="192.0.2.1 proxy.example.com"\n').told, /proxy\.example\.com is no address/);
  assert.match(read('PROXY_PROTOCOL_FROM="*"\n').told, /believes everybody/);
});

test('H2: each form of a line is about the addresses that it is about in Courier', () => {
  withDirectory((directory) => {
    const file = join(directory, 'imapaccess');
    const lines = [
      '192.0.2.7\tdeny',
      '10\tallow',
      '10.1\tdeny',
      '10.1.2.3-10.1.2.5\tallow',
      '172.16.0.0/12\tdeny',
      ':2001:0db8\tdeny',
      ':2001:0db8:0000:0000:0000:0000:0000:0001\tallow',
      '2001:db9::/32\tdeny',
      '127.0.0.1.1143\tdeny',
      '*\tallow,MAXCPERIP=7,',
    ];
    writeFileSync(file, `# comment\n${lines.join('\n')}\n`);
    const { rules, problems, warnings } = readAccessFile(file, { local: true });
    const access = new AccessRules(rules);
    const isDenied = (ip: string) => access.ruleFor(ip)?.isDenied;

    assert.deepEqual([problems, warnings], [[], []]);
    assert.deepEqual(
      ['192.0.2.7', '10.1.2.6', '172.31.0.1', '2001:db8::2', '2001:db9::'].map(isDenied),
      Array(5).fill(true),
    );
    assert.deepEqual(['192.0.2.8', '10.2.0.1', '10.1.2.4', '2001:db8::1', '::1'].map(isDenied), Array(5).fill(false));
    assert.equal(access.ruleFor('198.51.100.1')?.perAddress, 7);
    assert.equal(access.deniesLocal({ ip: '127.0.0.1', port: 1143 }), true);
    assert.equal(access.deniesLocal({ ip: '127.0.0.1', port: 143 }), false);
  });
});

test('H2: what an access file says in vain is told: variables, our own ports, left-overs, only the compiled form', () => {
  withDirectory((directory) => {
    const file = join(directory, 'imapaccess');
    mkdirSync(file);
    writeFileSync(join(file, 'default'), '10 allow,BLOCK,IMAP_TLS=1,MAXCPERIP=5\n*.1143 deny\n');
    writeFileSync(join(file, 'default.dpkg-old'), '* deny\n');
    writeFileSync(join(file, 'default~'), 'nonsense\n');
    const { rules, problems, warnings } = readAccessFile(file);
    const told = warnings.map(describeProblem).join('\n');

    assert.equal(rules.length, 1);
    assert.deepEqual(problems, []);
    assert.match(told, /default:1: IMAP_TLS has no effect here/);
    assert.match(told, /default:2: \*\.1143 is about an address of ours, which is not asked for; add -accesslocal/);
    assert.match(
      told,
      /default\.dpkg-old is a left-over of an upgrade|default\.dpkg-old: is a left-over of an upgrade/,
    );

    writeFileSync(join(directory, 'gone.dat'), 'compiled');
    const [problem] = readAccessFile(join(directory, 'gone')).problems;
    assert.match(problem?.what ?? '', /there is only Courier's compiled form of it/);
  });
});
