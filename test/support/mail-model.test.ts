/** The model that the kill test compares with: it must notice what it is there for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Change, MailModel, type ModelMessage, type ModelState } from './mail-model.js';

const message = (subject: string, ...flags: string[]): ModelMessage => ({ subject, flags: new Set(flags) });
const validity = new Map([['INBOX', '1']]);
const append: Change = { kind: 'append', mailbox: 'INBOX', message: message('one') };
const move: Change = { kind: 'move', mailbox: 'INBOX', uid: 1, target: 'Other' };

function shows(inbox: [number, ModelMessage][], other: [number, ModelMessage][] = []): ModelState {
  return new Map([
    ['INBOX', new Map(inbox)],
    ['Other', new Map(other)],
  ]);
}

function modelWithOne(): MailModel {
  const model = new MailModel(['INBOX', 'Other']);
  model.confirmed(append, 1);
  return model;
}

test('what was acknowledged must be there, with its flags', () => {
  modelWithOne().compare(shows([[1, message('one')]]), validity, undefined);

  assert.throws(() => modelWithOne().compare(shows([]), validity, undefined), /lost/);
  assert.throws(() => modelWithOne().compare(shows([[1, message('one', '\\Seen')]]), validity, undefined), /not one/);
});

test('a command without an answer was done or not, and nothing between', () => {
  modelWithOne().compare(shows([[1, message('one')]]), validity, move);
  modelWithOne().compare(shows([], [[1, message('one')]]), validity, move);

  const both = shows([[1, message('one')]], [[1, message('one')]]);
  assert.throws(() => modelWithOne().compare(both, validity, move), /came from nowhere/);
  assert.throws(() => modelWithOne().compare(shows([]), validity, move), /lost/);
});

test('a UID is never given twice, and UIDVALIDITY stays', () => {
  const model = modelWithOne();
  model.compare(shows([], [[5, message('one')]]), validity, move);

  assert.throws(() => model.confirmed({ ...append, message: message('two') }, 1), /given twice/);
  assert.throws(() => model.compare(shows([]), new Map([['INBOX', '2']]), undefined), /UIDVALIDITY/);
});
