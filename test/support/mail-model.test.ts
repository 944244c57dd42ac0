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
  const same = shows([], [[5, message('one')]]);
  assert.throws(() => model.compare(same, new Map([['INBOX', '2']]), undefined), /UIDVALIDITY/);
});

test('a mailbox that is renamed keeps its UIDs, and a new one in its place has other UIDs', () => {
  const renamed: Change = { kind: 'rename', mailbox: 'INBOX', target: 'New' };
  const before = modelWithOne();
  before.compare(shows([[1, message('one')]]), validity, undefined);
  const there = (validityOfNew: string, uid: number) => (model: MailModel) =>
    model.compare(
      new Map([
        ['Other', new Map()],
        ['New', new Map([[uid, message('one')]])],
      ]),
      new Map([['New', validityOfNew]]),
      renamed,
    );

  assert.throws(() => there('2', 1)(before), /UIDVALIDITY/);
  const lost = modelWithOne();
  assert.throws(() => there('1', 2)(lost), /New\/1 one is lost/);
  const model = modelWithOne();
  model.compare(shows([[1, message('one')]]), validity, undefined);
  there('1', 1)(model);

  model.confirmed({ kind: 'create', mailbox: 'INBOX' }, undefined);
  const both = new Map([...shows([]), ['New', new Map([[1, message('one')]])] as const]);
  assert.throws(() => model.compare(both, new Map([['INBOX', '1']]), undefined), /of one that is gone/);
  model.compare(both, new Map([['INBOX', '7']]), undefined);
  assert.throws(() => model.compare(shows([]), new Map(), undefined), /New is not there/);
});
