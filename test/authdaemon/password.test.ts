/**
 * Passwords against stored hashes: known answers made with openssl, Python, libcrypt, libargon2 and Dovecot's doveadm.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { textFromOctets } from '../../authdaemon/octet-text.js';
import { hmacContext, hmacFromContext } from '../../authdaemon/passwords/hmac-context.js';
import { checkPassword, hashDes, hashPassword } from '../../authdaemon/passwords/password.js';
import { Secret } from '../../init/runtime/secret.js';

/** Hashes of `secret`. */
const known: Readonly<Record<string, string>> = {
  DES: 'abNANd1rDfiNc',
  BSDi: '_J9..rasmz0.F/jqjWck',
  'MD5-crypt': '$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1',
  'SHA-256-crypt': '$5$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi.',
  'SHA-512-crypt':
    '$6$saltstring$AIsRs/Ee56G/tC8MEHhvReZTfx8u3rXXMl6eYrjCG9ibix19DxoMBLogdTET5Ukw9Sf7eZTITsuk0Ry5qulYz.',
  'bcrypt 2b': '$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a',
  'bcrypt 2y': '$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a',
  sha1crypt: '$sha1$40000$salt$tYNuFDcDcFYm6ErNLk3JqJ2GdjA3',
  scrypt: '$7$CU..../....salt$mnfL2zuQXIymN2nHniqJ5KmqyvgMmwtKROPb98iDaED',
  yescrypt: '$y$j9T$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNURLKy0',
  'gost-yescrypt': '$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$uE5FcoxTz78xZpMZkpTmj/0MogyeNUSLIjdCxpQjz.8',
  '{MD5}': '{MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==',
  '{md5} in small letters': '{md5}Xr4ilOzQ4PCOq3aQ0qbuaQ==',
  '{MD5RAW}': '{MD5RAW}5ebe2294ecd0e0f08eab7690d2a6ee69',
  '{SHA}': '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=',
  '{SHA256}': '{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=',
  '{SHA512}': '{SHA512}vSsar3708Jvp9Szi2NWZZ02Bqp1qRCFpbcTZPdBhnWgs5WtNZKnvCXdhztmeD2cmW192CF5bDufKRpayrW/isg==',
  '{SSHA} with Courier’s salt': '{SSHA}uJDd0BIdJ9Z7yDCZNWdgYeb33+cBAgME',
  '{SSHA} with a longer salt': '{SSHA}b3T7XkhNEPj9XsgS8Jn9Kcsk4WwBAgMEAQIDBA==',
  '{SMD5}': '{SMD5}hK1Mvw3a5RLhHrbTJGgrnCDF6gc=',
  '{SSHA256}': '{SSHA256}fHQurNLqUXZz5HBiESGj7WKBtJpHzIAY0bgb23yOsf6Y+Mdv',
  '{SSHA512}': '{SSHA512}Ici5/q+amqYwNUNz7eZkRZ/TUZlscQgzKqHkUXiSg1H815EgU5mnAEbIK9ansyMOS7AfbiwaxxijnGdRpGxwyqLPBKI=',
  '{CRYPT} before DES': '{CRYPT}abNANd1rDfiNc',
  '{crypt} before MD5-crypt': '{crypt}$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1',
  '{BLF-CRYPT}': '{BLF-CRYPT}$2y$05$ckJTykjkz0HjBKPKg3hqPuNzTkU86iDntYHnzdV5ZhfCLUmOnGvyW',
  '{MD5-CRYPT}': '{MD5-CRYPT}$1$Hf/mIxIN$zXYJVrk6tPtUuCQRbzeNL1',
  '{SHA512-CRYPT}':
    '{SHA512-CRYPT}$6$rounds=1000$kGhuNvVpKz5rLHWM$Pl/ZTXh/rfDdf7RDvHZw05qJMN.hLTkNUwBox2bwXzpqfv7FR.OHPJHuFWsvlA4/VlNEyekUPcoxq4hTel7QS0',
  '{SCRAM-SHA-1}':
    '{SCRAM-SHA-1}4096,ZLEKgaVMNFfuXNnXuRsZTw==,QWk/P5NOTnuUUwD7tIOvDzGesOQ=,9Lmlrr30g3uK6ajHvKgIRVVzp9A=',
  '{SCRAM-SHA-256}':
    '{SCRAM-SHA-256}4096,ZUcdvCtWBhJ2eGgGhGH23A==,ABUJTiDMwF1w9WZFRC30VQTn/dfDMuScx+upeSyeHA8=,vKWyK98ruDItxAbRZkuUgi3bZieYGBABuk5PF7yqBH0=',
  argon2d: '$argon2d$v=19$m=1024,t=2,p=1$c2FsdHNhbHRzYWx0$anfjrIqeMl/5HGzOGqxg55APOYfE7OGP8x7d2kTLzS8',
  argon2i: '$argon2i$v=19$m=1024,t=2,p=1$c2FsdHNhbHRzYWx0$Sco+PyWo9EHG/q2z71SS5BbVLkBzuEAHkIvicdoQX+A',
  argon2id: '$argon2id$v=19$m=1024,t=2,p=1$c2FsdHNhbHRzYWx0$RGrC2kghhmdFPTu+VWYImMCAKqufCVt9PjEVxccoErs',
  '{ARGON2ID}': '{ARGON2ID}$argon2id$v=19$m=1024,t=2,p=1$c2FsdHNhbHRzYWx0$RGrC2kghhmdFPTu+VWYImMCAKqufCVt9PjEVxccoErs',
};

for (const [name, hash] of Object.entries(known)) {
  test(`A12: ${name}: the right password matches, others do not`, async () => {
    assert.deepEqual(await checkPassword(new Secret('secret'), hash), { kind: 'match' });
    for (const wrong of ['Secret', 'secre', '', 'secret ', 'x'.repeat(300)]) {
      assert.deepEqual(await checkPassword(new Secret(wrong), hash), { kind: 'mismatch' }, `with ${wrong}`);
    }
  });
}

test('a password in UTF-8 and one in Latin-1 reach the hash as the octets they were sent as', async () => {
  const utf8 = '$6$saltstring$6PSVl254uv0cWCoUS0qzSX5NenRA/YFCwPzGA9ONu.MmmxqXTWHerEzD8WyuBl3ukfIZZU9uxLD6Bn6p7S3rG.';
  const latin1 = '{SHA256}CGfsnke426Qbi5Ed8bu+rGArLn+yipCzNFAvGeLaRx0=';
  const octets = Buffer.from('pässwörd', 'latin1');

  assert.equal((await checkPassword(new Secret('pässwörd'), utf8)).kind, 'match');
  assert.equal((await checkPassword(new Secret(textFromOctets(octets)), latin1)).kind, 'match');
  assert.equal((await checkPassword(new Secret('pässwörd'), latin1)).kind, 'mismatch');
});

test('locked, empty and damaged hashes match nothing', async () => {
  const hashes = [
    '',
    '!',
    '*',
    'x',
    '!$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1',
    '{SHA}',
    '{SSHA}AAAA',
    '{CRYPT}',
    '$1$',
    '*0',
  ];
  for (const hash of hashes) {
    for (const password of ['', 'secret', 'x', hash]) {
      assert.deepEqual(
        await checkPassword(new Secret(password), hash),
        { kind: 'mismatch' },
        `${hash} with ${password}`,
      );
    }
  }
});

test('a scheme that is not known is named, and is no mismatch', async () => {
  const verdict = await checkPassword(new Secret('secret'), '{X-OURS}abc');

  assert.deepEqual(verdict, { kind: 'impossible', reason: 'the scheme {X-OURS} is not known here' });
  assert.equal((await checkPassword(new Secret('secret'), '$argon2id$v=19$damaged')).kind, 'impossible');
});

test('a password with a NUL matches no crypt hash of what stands before it', async () => {
  assert.equal((await checkPassword(new Secret('secret\0x'), known['MD5-crypt'] ?? '')).kind, 'mismatch');
});

test('any text as a stored hash gives a verdict and nothing else', async () => {
  const kinds = ['match', 'mismatch', 'impossible'];
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.string({ maxLength: 40 }), async (password, stored) => {
      assert.ok(kinds.includes((await checkPassword(new Secret(password), stored)).kind));
    }),
    { numRuns: 60 },
  );
});

test('A17: a new password is hashed as the hint says', async () => {
  const expectations: readonly (readonly [hint: string | undefined, begins: RegExp])[] = [
    [undefined, /^\{SHA512\}/],
    ['', /^\{SSHA\}/],
    ['$1$abcdefgh$old', /^\$1\$/],
    ['{MD5}old', /^\{MD5\}/],
    ['{MD5RAW}old', /^\{MD5RAW\}[0-9a-f]{32}$/],
    ['{sha}old', /^\{SHA\}/],
    ['{SSHA}old', /^\{SSHA\}.{32}$/],
    ['{SHA256}old', /^\{SHA256\}/],
    ['{SHA512}old', /^\{SHA512\}/],
    ['abNANd1rDfiNc', /^\{SSHA\}/],
    ['$6$salt$old', /^\$6\$/],
    ['$y$j9T$salt$old', /^\$y\$/],
    ['$2y$05$old', /^\$2b\$/],
    ['{BLF-CRYPT}$2y$05$old', /^\$2b\$/],
    ['$argon2id$v=19$m=1,t=1,p=1$old', /^\$argon2id\$/],
  ];
  for (const [hint, begins] of expectations) {
    const hash = await hashPassword(new Secret('pässwörd'), hint);
    assert.match(hash, begins);
    assert.equal((await checkPassword(new Secret('pässwörd'), hash)).kind, 'match', hash);
    assert.notEqual((await checkPassword(new Secret('other'), hash)).kind, 'match', hash);
  }
});

test('two hashes of one password differ where the scheme has a salt', async () => {
  for (const hint of ['{SSHA}', '$1$', '$6$', '$y$']) {
    const secret = new Secret('secret');
    assert.notEqual(await hashPassword(secret, hint), await hashPassword(secret, hint));
  }
  assert.match(await hashDes(new Secret('secret')), /^[./0-9A-Za-z]{13}$/);
});

test('ten argon2 hashes at once are all checked', async () => {
  const hash = known['argon2id'] ?? '';
  const verdicts = await Promise.all(
    Array.from({ length: 10 }, (_, index) => checkPassword(new Secret(index % 2 === 0 ? 'secret' : 'x'), hash)),
  );

  assert.equal(verdicts.filter(({ kind }) => kind === 'match').length, 5);
});

test('the CRAM secrets are those of Courier’s userdbpw', () => {
  const secret = Buffer.from('secret');

  assert.equal(hmacContext('md5', secret), 'cd3ba7deaad6e5ca23448ba42e379747a9e0f7f1fbc00c8a81bbaac395731b56');
  assert.equal(
    hmacContext('sha1', secret),
    '091e0f4c6cb5277ee2beb639a60d0831b5c8adcdaee172433df3e96ba4f00fb1b6a490c3929d2034',
  );
  assert.equal(
    hmacContext('sha256', secret),
    '5a84072aab37d22275b139adf7a92564c7f674be98e77d991f6f689d29e0524572804f31b042016804d3dea2f4e991a21b1c8906be161594b202fb74afc8ceb3',
  );
});

test('HMAC from a stored secret is HMAC from the password', async () => {
  const { createHmac } = await import('node:crypto');
  const algorithms = fc.constantFrom('md5' as const, 'sha1' as const, 'sha256' as const);
  const octets = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(algorithms, octets, octets, (algorithm, password, message) => {
      const context = hmacContext(algorithm, Buffer.from(password));
      const expected = createHmac(algorithm, password).update(message).digest('hex');
      assert.equal(hmacFromContext(algorithm, context, Buffer.from(message)), expected);
    }),
  );
});
