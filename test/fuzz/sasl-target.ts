/**
 * Mechanisms before login, for the fuzzer: a client's answers, divided by line feeds, to a mechanism that the first octet
 * chooses.
 *
 * The laws: no answer throws; a claim names nobody with a control character in his name; and what authdaemond is asked
 * has as many lines as its type has, so that nobody writes a line of his own.
 */
import assert from 'node:assert/strict';
import { LoginNames } from '../../authdaemon/login-name.js';
import type { SaslContext, SaslStep } from '../../authdaemon/sasl/conversation.js';
import { SASL_MECHANISMS, saslConversation } from '../../authdaemon/sasl/mechanisms.js';

const context: SaslContext = {
  names: new LoginNames({ defaultDomain: '@example.com', adminSeparator: '*' }),
  hostname: 'mx.example.com',
  randomOctets: (count) => Buffer.alloc(count, 7),
  certificateName: 'ann',
  channelBinding: (type) => (type === 'tls-exporter' ? Buffer.from('binding') : undefined),
  offersChannelBinding: true,
};

/** Lines of AUTH data by type; `first` and `final` are SCRAM's steps. A password is no data yet. */
const LINES: Readonly<Record<string, number>> = {
  ...{ 'cram-md5': 2, 'cram-sha1': 2, 'cram-sha256': 2, first: 3, final: 4, oauthbearer: 3, xoauth2: 3, external: 0 },
};

const CONTROLS = /[\x00-\x1f\x7f]/;

/** Plays a conversation. */
export function playMechanism(octets: Buffer): void {
  const mechanism = SASL_MECHANISMS[(octets[0] ?? 0) % SASL_MECHANISMS.length] ?? 'PLAIN';
  const conversation = saslConversation(mechanism, context);
  assert.ok(conversation !== undefined);
  const answers = octets.subarray(1).toString('latin1').split('\n');
  let step: SaslStep = conversation.start();
  for (const answer of answers) {
    if (step.kind === 'ask') step = conversation.challenged?.(Buffer.from('r=x,s=eA==,i=1'), 'TOKEN') ?? step;
    if (step.kind !== 'challenge') break;
    step = conversation.answer(Buffer.from(answer, 'latin1'));
    if (step.kind === 'ask') checkLines(step.beginning.authType, step.beginning.data.reveal());
  }
  if (step.kind !== 'credentials') return;
  assert.doesNotMatch(`${step.loginName}${step.authorisationName ?? ''}`, CONTROLS);
  const { authType, data } = step.proof;
  if (authType === 'login') assert.doesNotMatch(data.reveal(), CONTROLS);
  else checkLines(authType, data.reveal());
}

function checkLines(authType: string, data: string): void {
  const lines = data.split('\n');
  const expected = LINES[authType] ?? LINES[lines[0] ?? ''];
  assert.equal(lines.length - 1, expected, data);
  for (const line of lines) assert.doesNotMatch(line, CONTROLS);
}

const begins = (mechanism: string): string => String.fromCharCode(SASL_MECHANISMS.indexOf(mechanism));

/** A good conversation of each. */
export const saslSeeds: readonly Buffer[] = [
  `${begins('PLAIN')}bob\0ann\0secret`,
  `${begins('LOGIN')}ann*boss\nsecret`,
  `${begins('CRAM-MD5')}ann 0123456789abcdef0123456789abcdef`,
  `${begins('SCRAM-SHA-256')}n,a=bob,n=a=3Dnn,r=abc\nc=biws,r=abcd,p=AAAA`,
  `${begins('SCRAM-SHA-256-PLUS')}p=tls-exporter,,n=ann,r=abc\nc=biws,r=abcd,p=AAAA`,
  `${begins('OAUTHBEARER')}n,a=ann,\x01host=mx\x01auth=Bearer a.b-c=\x01\x01`,
  `${begins('XOAUTH2')}user=ann\x01auth=Bearer a.b-c=\x01\x01`,
  `${begins('EXTERNAL')}bob`,
].map((text) => Buffer.from(text, 'latin1'));
