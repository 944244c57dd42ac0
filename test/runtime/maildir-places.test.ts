/** Which worker a maildir comes back to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MaildirPlaces } from '../../init/runtime/worker/maildir-places.js';

const always = (): boolean => true;
const never = (): boolean => false;

test('all sessions of a maildir are in one worker, however busy', () => {
  const places = new MaildirPlaces<string>(1000);
  assert.equal(places.find('bob', always), undefined);
  places.enter('bob', 'one');
  places.enter('bob', 'one');
  places.leave('bob', 'one', 0);
  assert.equal(places.find('bob', never), 'one');
});

test('a maildir comes back for a while, to a worker that is not busy', () => {
  const places = new MaildirPlaces<string>(1000);
  for (const maildir of ['ann', 'bob']) {
    places.enter(maildir, 'one');
    places.leave(maildir, 'one', 0);
  }
  assert.equal(places.find('bob', always), 'one');
  assert.equal(places.find('bob', never), undefined);
  places.enter('bob', 'two');
  places.leave('bob', 'two', 500);
  places.enter('carl', 'one');
  places.leave('carl', 'one', 1000);
  assert.equal(places.find('ann', always), undefined);
  assert.equal(places.find('bob', always), 'two');
});

test('what ends late in a worker that a maildir has left says nothing about it', () => {
  const places = new MaildirPlaces<string>(1000);
  places.enter('bob', 'one');
  places.remove('one');
  assert.equal(places.find('bob', always), undefined);
  places.enter('bob', 'two');
  places.leave('bob', 'one', 0);
  assert.equal(places.find('bob', never), 'two');
});
