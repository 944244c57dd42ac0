/**
 * TreeWatch: tells when something of a maildir may have changed that is not its messages: which folders there are, what is
 * subscribed to, who may do what, annotations.
 *
 * One for each maildir that somebody wants to hear of, shared by all who do. As with folders an event means "look", and a
 * slow timer says so, too. It reads nothing.
 */
import { MaildirError } from './errors.js';
import { folderDirectory } from './folder-name.js';
import type { Polled } from './polls.js';
import type { Surroundings } from './surroundings.js';
import { watchNames } from './watch.js';

/** What may have changed. */
export type TreeAspect = 'folders' | 'subscriptions' | 'rights' | 'annotations';

/** All of it. */
const ALL_ASPECTS: readonly TreeAspect[] = ['folders', 'subscriptions', 'rights', 'annotations'];

/** Somebody who wants to hear of it. */
export interface TreeListener {
  /** Also of the lists and annotations of single folders, each of which needs a watch. */
  readonly inFolders: boolean;
  changed(aspects: ReadonlySet<TreeAspect>): void;
}

/** A folder is made in several steps, and programs often make several. */
const PAUSE_MILLISECONDS = 20;

/** Access lists are believed for some time after they were read: whoever looks earlier sees the old one. */
const RIGHTS_PAUSE_MILLISECONDS = 450;

/** The maildir that is watched. */
export interface WatchedTree {
  readonly path: string;
  readonly surroundings: Pick<Surroundings, 'after' | 'polls' | 'warnOnce'>;
  listFolders(): readonly string[];
}

/** Watches as long as somebody listens. */
export class TreeWatch implements Polled {
  readonly #tree: WatchedTree;
  readonly #listeners = new Set<TreeListener>();
  #watchers: { close(): void }[] = [];
  #watchesFolders = false;
  readonly #noted = new Set<TreeAspect>();
  #cancelPause: (() => void) | undefined;
  #cancelRights: (() => void) | undefined;

  constructor(tree: WatchedTree) {
    this.#tree = tree;
  }

  /** Tells somebody of changes until the function it gives is called. */
  listen(listener: TreeListener): () => void {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#tree.surroundings.polls.add(this);
    if (this.#listeners.size === 1 || (listener.inFolders && !this.#watchesFolders)) this.#watchAll();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#end();
    };
  }

  /** Something has changed, and is to be seen at once. */
  note(aspect: TreeAspect): void {
    if (this.#listeners.size === 0) return;
    this.#noted.add(aspect);
    this.#cancelPause ??= this.#tree.surroundings.after(PAUSE_MILLISECONDS, () => this.#tell());
  }

  /** For the slow timer. */
  poll(): void {
    for (const aspect of ALL_ASPECTS) this.note(aspect);
  }

  #tell(): void {
    this.#cancelPause = undefined;
    const aspects = new Set(this.#noted);
    this.#noted.clear();
    // A watch goes with the directory when that is renamed, and a new one may have its name.
    if (aspects.has('folders') && this.#watchesFolders) this.#watchAll();
    for (const listener of this.#listeners) listener.changed(aspects);
  }

  #watchAll(): void {
    this.#closeWatches();
    this.#watchesFolders = [...this.#listeners].some(({ inFolders }) => inFolders);
    const { path } = this.#tree;
    const folders = this.#watchesFolders ? this.#folders().filter((name) => name !== 'INBOX') : [];
    const giveUp = (error: unknown): void => {
      this.#tree.surroundings.warnOnce(`Changes of folders are noticed late: ${String(error)}`);
      this.#closeWatches();
    };
    const watch = (directory: string, aspectOf: (name: string) => TreeAspect | undefined): void => {
      const watcher = watchNames(directory, (name) => this.#noteLater(aspectOf(name)), giveUp);
      if (watcher !== undefined) this.#watchers.push(watcher);
    };
    watch(path, aspectInMaildir);
    for (const name of folders) watch(folderDirectory(path, name), aspectInFolder);
  }

  /** This runs in timers, too: a maildir that has gone, or cannot be listed, is its sessions' business. */
  #folders(): readonly string[] {
    try {
      return this.#tree.listFolders();
    } catch (error) {
      if (error instanceof MaildirError) return [];
      throw error;
    }
  }

  #noteLater(aspect: TreeAspect | undefined): void {
    if (aspect === undefined) return;
    if (aspect !== 'rights') this.note(aspect);
    else {
      this.#cancelRights ??= this.#tree.surroundings.after(RIGHTS_PAUSE_MILLISECONDS, () => {
        this.#cancelRights = undefined;
        this.note('rights');
      });
    }
  }

  #closeWatches(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  #end(): void {
    this.#tree.surroundings.polls.delete(this);
    this.#closeWatches();
    this.#watchesFolders = false;
    this.#cancelPause?.();
    this.#cancelPause = undefined;
    this.#cancelRights?.();
    this.#cancelRights = undefined;
    this.#noted.clear();
  }
}

const inMaildir: ReadonlyMap<string, TreeAspect> = new Map([
  ['courierimapsubscribed', 'subscriptions'],
  ['shared-folders', 'subscriptions'],
  ['angarium-server-metadata', 'annotations'],
  ['courierimaphieracl', 'rights'],
]);

const inFolder: ReadonlyMap<string, TreeAspect> = new Map([
  ['courierimapacl', 'rights'],
  ['angarium-metadata', 'annotations'],
]);

function aspectInMaildir(name: string): TreeAspect | undefined {
  if (name.startsWith('.')) return 'folders';
  return inMaildir.get(name) ?? inFolder.get(name);
}

function aspectInFolder(name: string): TreeAspect | undefined {
  return inFolder.get(name);
}
