/** What is written for people: its links lead to files and chapters that are there. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { documentText } from './support/documents.js';
import { checkoutRoot } from './support/paths.js';

const rooms = readdirSync(checkoutRoot, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const documents = ['README.md', ...rooms.map(({ name }) => `${name}/README.md`), 'test/bench/README.md'].filter(
  (name) => existsSync(join(checkoutRoot, name)),
);

/** What stands outside of blocks: a heading or a link inside of one is an example. */
function prose(document: string): string {
  return documentText(document).replace(/^```[\s\S]*?^```$/gm, '');
}

/** The names by which headings can be linked to, as the usual hosts of repositories make them. */
function anchors(document: string): Set<string> {
  const headings = [...prose(document).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Links of a document into the checkout, as [path from the root, anchor or '']. */
function links(document: string): [string, string][] {
  const targets = [...prose(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', anchor = ''] = target.split('#');
      return [path === '' ? document : normalize(join(dirname(document), path)), anchor];
    });
}

test('each room that administrators read about has a document', () => {
  for (const name of ['authdaemon', 'imapd', 'init', 'pop3d']) assert.ok(documents.includes(`${name}/README.md`));
});

test('links between documents lead to files and chapters that are there', () => {
  const lost = documents.flatMap((document) =>
    links(document)
      .filter(([path, anchor]) => {
        if (!existsSync(join(checkoutRoot, path))) return true;
        return anchor !== '' && !anchors(path).has(anchor);
      })
      .map(([path, anchor]) => `${document}: ${path}${anchor === '' ? '' : `#${anchor}`}`),
  );

  assert.deepEqual(lost, []);
});

test('no link leads out of the rooms that a document may point to', () => {
  const outside = documents.flatMap((document) => links(document).filter(([path]) => path.startsWith('..')));

  assert.deepEqual(outside, []);
});
