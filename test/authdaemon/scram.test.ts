/**
 * SCRAM: SASLprep, the vectors of RFC 5802 and RFC 7677, and authdaemond's half against a client that shares no code
 * with it (attack 72).
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Account } from '../../authdaemon/account.js';
import type { AskModules, MechanismAnswer } from '../../authdaemon/mechanisms.js';
import type { ModuleAnswer } from '../../authdaemon/modules/module.js';
import { checkPassword, hashPassword } from '../../authdaemon/passwords/password.js';
import { saslprep } from '../../authdaemon/passwords/saslprep.js';
import { checkProof, deriveVerifier, serverSignature } from '../../authdaemon/passwords/scram.js';
import { formatScramData } from '../../authdaemon/sasl/scram-data.js';
import { ScramMechanism } from '../../authdaemon/scram/scram-mechanism.js';
import { Secret } from '../../init/runtime/secret.js';
import { ScramClient, type ScramClientOptions } from '../support/scram-client.js';

const seed = Buffer.from('of this installation');
const FAST =
  '{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=';

test('RFC 4013 section 3: SASLprep', () => {
  const examples: readonly [string, string | undefined][] = [
    ['I\u00adX', 'IX'],
    ['user', 'user'],
    ['USER', 'USER'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
    ['\u0007', undefined],
    ['\u0627\u0031', undefined],
    ['\u0627\u0031\u0628', '\u0627\u0031\u0628'],
    ['\u0627a\u0628', undefined],
    ['a\u00a0b\u3000', 'a b '],
    ['p\u0061\u0308ss', 'p\u00e4ss'],
    ['\ue000', undefined],
    ['\ufdd0', undefined],
    ['\u{e0041}', undefined],
    ['\udc80', undefined],
  ];
  for (const [given, prepared] of examples) assert.equal(saslprep(given), prepared, JSON.stringify(given));
});

test('RFC 5802 section 5 and RFC 7677 section 3: proof and signature of the examples', async () => {
  const examples = [
    {
      hash: 'sha1',
      salt: 'QSXCR+Q6sek8bf92',
      message:
        'n=user,r=fyko+d2lbbFgONRv9qkxdawL,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j',
      proof: 'v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
      signature: 'rmF9pqV8S7suAoZWja4dJRkFsKQ=',
    },
    {
      hash: 'sha256',
      salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
      message:
        'n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
      proof: 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
      signature: '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    },
  ] as const;
  for (const { hash, salt, message, proof, signature } of examples) {
    const parameters = { hash, iterations: 4096, salt: Buffer.from(salt, 'base64') };
    const verifier = await deriveVerifier(new Secret('pencil'), parameters);

    assert.equal(checkProof(verifier, message, Buffer.from(proof, 'base64')), true);
    assert.equal(checkProof(verifier, `${message} `, Buffer.from(proof, 'base64')), false);
    assert.equal(checkProof(verifier, message, Buffer.from(proof, 'base64').subarray(1)), false);
    assert.equal(serverSignature(verifier, message).toString('base64'), signature);
  }
});

test('A12: a verifier is as good as a hash for a password, and a new one keeps its kind', async () => {
  assert.equal((await checkPassword(new Secret('pencil'), FAST)).kind, 'match');
  assert.equal((await checkPassword(new Secret('pencils'), FAST)).kind, 'mismatch');
  for (const scheme of ['{SCRAM-SHA-1}', '{SCRAM-SHA-256}']) {
    const made = await hashPassword(new Secret('p\u00e4ss'), scheme);
    assert.ok(made.startsWith(`${scheme}10000,`), made);
    // The same letters, written with a combining mark.
    assert.equal((await checkPassword(new Secret('pa\u0308ss'), made)).kind, 'match');
    assert.notEqual(await hashPassword(new Secret('p\u00e4ss'), made), made);
  }
  const strong = await hashPassword(new Secret('x'), FAST.replace('4096', '20000'));
  assert.ok(strong.startsWith('{SCRAM-SHA-256}20000,'));
});

test('attack 72: 0 or a billion iterations in the store, and damaged verifiers, are nobody’s wrong password', async () => {
  const [, ...rest] = FAST.split(',');
  const damaged = ['0', '-1', '1e9', '1000000000', '99999999999', ''].map((count) => [
    `{SCRAM-SHA-256}${count}`,
    ...rest,
  ]);
  for (const parts of [...damaged, [FAST, 'x'], [FAST.slice(0, -2)], ['{SCRAM-SHA-256}4096', '', 'AA==', 'AA==']]) {
    const { kind } = await checkPassword(new Secret('pencil'), parts.join(','));
    assert.equal(kind, 'impossible', parts.join(','));
  }
});

const account: Account = { address: 'ann', uid: 1001, gid: 1001, home: '/home/ann', options: [] };

/** One module with these accounts; `down` is a module that cannot answer. */
function modulesWith(accounts: Readonly<Record<string, Partial<Account>>>, down = false): AskModules {
  const answerFor = (loginName: string): ModuleAnswer => {
    const found = Object.hasOwn(accounts, loginName) ? accounts[loginName] : undefined;
    if (down) return { kind: 'temporary failure', reason: 'no connection' };
    if (found === undefined) return { kind: 'rejected', reason: 'unknown account' };
    return { kind: 'account', account: { ...account, ...found } };
  };
  return {
    names: ['authuserdb'],
    async lookup(module, { loginName }) {
      assert.equal(module, 'authuserdb');
      return { answer: answerFor(loginName), steps: [] };
    },
  };
}

interface Exchange extends Partial<ScramClientOptions> {
  readonly modules: AskModules;
  readonly mechanism?: ScramMechanism;
  /** What the login process says of the connection. */
  readonly bound?: Buffer;
  /** Changes the second message on its way. */
  readonly tamper?: (message: Buffer) => Buffer;
  readonly between?: () => void;
}

const ask = (data: string, authType = 'scram-sha-256', service = 'imap') => ({
  service,
  authType,
  authData: Buffer.from(data),
});

async function exchange(
  options: Exchange,
): Promise<{ answer: MechanismAnswer; serverFirst?: string; client: ScramClient }> {
  const { modules, tamper = (message: Buffer) => message, bound = Buffer.alloc(0) } = options;
  const mechanism = options.mechanism ?? new ScramMechanism('sha256', { seed, now: () => 0 });
  const client = new ScramClient({ hash: 'sha256', user: 'ann', password: 'pencil', ...options });
  const loginName = options.user ?? 'ann';
  const first = formatScramData({ step: 'first', loginName, message: client.first });
  const { answer: challenge } = await mechanism.answer(ask(first), modules);
  if (challenge.kind !== 'challenge') return { answer: challenge, client };
  const serverFirst = Buffer.from(challenge.challenge, 'base64');
  options.between?.();
  const message = tamper(client.final(serverFirst));
  const { token } = challenge;
  const final = formatScramData({ step: 'final', token, message, channelBinding: bound });
  const { answer } = await mechanism.answer(ask(final), modules);
  return { answer, serverFirst: serverFirst.toString(), client };
}

describe('A13: SCRAM at authdaemond', () => {
  const known = modulesWith({ ann: { encryptedPassword: FAST } });

  test('lets in with a verifier and with a clear password, and proves that it knows them', async () => {
    const clear = modulesWith({ ann: { clearPassword: new Secret('pencil') } });
    for (const modules of [known, clear]) {
      const { answer, client } = await exchange({ modules });

      assert.equal(answer.kind, 'account');
      assert.ok(answer.kind === 'account' && client.trusts(Buffer.from(answer.lastWord ?? '', 'base64')));
    }
  });

  test('rejects wrong passwords, names and other hashes, and says no less to them before', async () => {
    const modules = modulesWith({ ann: { encryptedPassword: FAST }, bob: { encryptedPassword: '{SHA256}x' } });
    const reasons = [];
    for (const who of [{ password: 'pen' }, { user: 'nobody' }, { user: 'bob' }, { user: '__proto__' }]) {
      const { answer, serverFirst } = await exchange({ modules, ...who });
      assert.match(serverFirst ?? '', /^r=rOprNGfwEbeRWgbNEkqO[^,]{24},s=[^,]{24},i=\d+$/);
      reasons.push(answer.kind === 'rejected' ? answer.reason : answer.kind);
    }
    const noSecret = 'no password is stored that SCRAM can be checked with';
    assert.deepEqual(reasons, ['wrong password', 'unknown account', noSecret, 'unknown account']);
  });

  test('attack 72: the salt of a name that does not exist is the same at every try and every start', async () => {
    const salts = new Set<string>();
    const others = new Set<string>();
    for (let run = 0; run < 3; run += 1) {
      const mechanism = new ScramMechanism('sha256', { seed, now: () => 0 });
      for (const user of ['nobody', 'nobody', 'noone']) {
        const { serverFirst = '' } = await exchange({ modules: known, mechanism, user });
        (user === 'nobody' ? salts : others).add(/s=([^,]+)/.exec(serverFirst)?.[1] ?? '');
      }
    }
    assert.deepEqual([salts.size, others.size], [1, 1]);
    assert.notDeepEqual(salts, others);
  });

  test('a name that does not exist has as many iterations as the accounts that do', async () => {
    const mechanism = new ScramMechanism('sha256', { seed, now: () => 0 });
    await exchange({ modules: known, mechanism });
    const { serverFirst = '' } = await exchange({ modules: known, mechanism, user: 'nobody' });

    assert.match(serverFirst, /,i=4096$/);
  });

  test('attack 72: an exchange cannot be played again, nor finished late, elsewhere, or with another proof', async () => {
    const mechanism = new ScramMechanism('sha256', { seed, now: () => now });
    let now = 0;
    let heard: Buffer = Buffer.alloc(0);
    const listen = (message: Buffer): Buffer => {
      heard = message;
      return message;
    };
    assert.equal((await exchange({ modules: known, mechanism, tamper: listen })).answer.kind, 'account');

    const replay = await exchange({ modules: known, mechanism, tamper: () => heard });
    assert.deepEqual(replay.answer, { kind: 'rejected', reason: 'the nonce of SCRAM is another one' });
    const late = await exchange({ modules: known, mechanism, between: () => (now += 121_000) });
    assert.deepEqual(late.answer, { kind: 'rejected', reason: 'the exchange of SCRAM took too long' });
    const flipped = await exchange({ modules: known, mechanism, tamper: (message) => flip(message) });
    assert.equal(flipped.answer.kind, 'rejected');
  });

  test('a token of another run, service or type, and a damaged one, open nothing', async () => {
    const mechanism = new ScramMechanism('sha256', { seed, now: () => 0 });
    const client = new ScramClient({ hash: 'sha256', user: 'ann', password: 'pencil' });
    const first = formatScramData({ step: 'first', loginName: 'ann', message: client.first });
    const { answer } = await mechanism.answer(ask(first), known);
    assert.ok(answer.kind === 'challenge');
    const message = client.final(Buffer.from(answer.challenge, 'base64'));
    const final = (token: string): string =>
      formatScramData({ step: 'final', token, message, channelBinding: Buffer.alloc(0) });
    const other = new ScramMechanism('sha256', { seed, now: () => 0 });
    const tries = [
      other.answer(ask(final(answer.token)), known),
      mechanism.answer(ask(final(answer.token), 'scram-sha-256', 'pop3'), known),
      mechanism.answer(ask(final(answer.token), 'scram-sha-1'), known),
      mechanism.answer(ask(final(`${answer.token.slice(0, -2)}AA`)), known),
      mechanism.answer(ask(final('AAAA')), known),
      mechanism.answer(ask('final\nx'), known),
      mechanism.answer(ask(''), known),
    ];
    for (const { answer: refused } of await Promise.all(tries)) assert.equal(refused.kind, 'rejected');
    assert.equal((await mechanism.answer(ask(final(answer.token)), known)).answer.kind, 'account');
  });

  test('attack 72: channel binding must be that of this connection, and there when it was promised', async () => {
    const channelBinding = Buffer.from('octets of this connection');
    const gs2Header = 'p=tls-exporter,,';
    const kindOf = async (options: Partial<Exchange>): Promise<string> =>
      (await exchange({ modules: known, ...options })).answer.kind;

    assert.equal(await kindOf({ gs2Header, channelBinding, bound: channelBinding }), 'account');
    assert.equal(await kindOf({ gs2Header, channelBinding, bound: Buffer.from('of another one') }), 'rejected');
    assert.equal(await kindOf({ gs2Header, channelBinding }), 'rejected');
    assert.equal(await kindOf({ gs2Header }), 'rejected');
    assert.equal(await kindOf({ bound: channelBinding }), 'rejected');
    assert.equal(await kindOf({ gs2Header: 'n,a=bob,' }), 'account');
  });

  test('2: a module that is down, and a verifier that cannot be one, are temporary failures', async () => {
    assert.equal((await exchange({ modules: modulesWith({}, true) })).answer.kind, 'temporary failure');
    for (const iterations of ['0', '1000000000']) {
      const modules = modulesWith({ ann: { encryptedPassword: FAST.replace('4096', iterations) } });
      assert.equal((await exchange({ modules })).answer.kind, 'temporary failure');
    }
  });

  test('arbitrary data is rejected and never throws', async () => {
    const mechanism = new ScramMechanism('sha256', { seed, now: () => 0 });
    const lines = fc.array(
      fc.oneof(fc.constantFrom('first', 'final', 'ann', 'biwsbj1hbm4scj1h'), fc.string(), fc.base64String()),
    );
    await fc.assert(
      fc.asyncProperty(lines, async (parts) => {
        const { answer } = await mechanism.answer(ask(parts.join('\n')), known);
        assert.ok(['rejected', 'challenge'].includes(answer.kind));
      }),
    );
  });
});

/** Changes one bit of the proof. */
function flip(message: Buffer): Buffer {
  const text = message.toString();
  const at = text.indexOf(',p=') + 3;
  const proof = Buffer.from(text.slice(at), 'base64');
  proof[3] = (proof[3] ?? 0) ^ 1;
  return Buffer.from(text.slice(0, at) + proof.toString('base64'));
}
