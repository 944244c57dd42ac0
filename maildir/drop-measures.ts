/**
 * DropMeasures: the sizes of messages that no list knows: each is opened and read once, when it is first met.
 */
import { type DropMessages, inCouriersOrder } from './drop-messages.js';
import { errorCode } from './errors.js';
import type { OpenFile } from './file-system.js';
import type { FileTable } from './file-table.js';
import { unlessMissing } from './files.js';
import type { Pace } from './pace.js';
import type { Surroundings } from './surroundings.js';
import { measured, type WireSize } from './wire-octets.js';

/** Opening says what cannot be read for other reasons than the disk: links, devices. */
const NO_FILE: ReadonlySet<string> = new Set(['ELOOP', 'EINVAL', 'ENXIO', 'EISDIR']);

/** What was measured for one session. */
export class DropMeasures {
  readonly #surroundings: Surroundings;
  readonly #cur: string;
  /** Of the files of the table that was measured. */
  readonly #sizes: (WireSize | undefined)[] = [];
  #files: FileTable | undefined;
  #someUnmeasured = false;

  constructor(surroundings: Surroundings, cur: string) {
    this.#surroundings = surroundings;
    this.#cur = cur;
  }

  /** Whether a file got no number, because it could not be measured, or was met when that was over. */
  get someUnmeasured(): boolean {
    return this.#someUnmeasured;
  }

  /** Reads the files of a table that lie in cur. */
  async take(files: FileTable, pace: Pace): Promise<void> {
    this.#files = files;
    for (let file = 0; file < files.count; file += 1) {
      const pause = pace.look();
      if (pause !== undefined) await pause;
      const open = this.#opened(`${this.#cur}/${files.baseNameAt(file)}${files.suffixAt(file)}`);
      if (open === undefined) continue;
      try {
        this.#sizes[file] = await run(measured(open), pace);
      } finally {
        open.close();
      }
    }
  }

  /** A link, a device, or what has gone meanwhile is no message. */
  #opened(path: string): OpenFile | undefined {
    try {
      return unlessMissing(() => this.#surroundings.fileSystem.open(path));
    } catch (error) {
      const code = errorCode(error) ?? '';
      if (code === 'EACCES') {
        this.#surroundings.warnOnce(`A message is not shown, since it cannot be read: ${path}: ${String(error)}`);
      } else if (!NO_FILE.has(code)) throw error;
      return undefined;
    }
  }

  /** Adds those that were measured to the messages, in Courier's order; gives the number of the next that will come. */
  async number(
    messages: DropMessages,
    { files, pace }: { readonly files: FileTable; readonly pace: Pace },
    first: { readonly nextUid: number; readonly validity: number },
  ): Promise<number> {
    const { validity } = first;
    let uid = first.nextUid;
    const order = await inCouriersOrder(files, pace);
    for (let index = 0; index < files.count; index += 1) {
      const file = order?.[index] ?? index;
      const size = this.#sizes[this.#files?.find(files.baseView(file)) ?? -1];
      const pause = pace.step();
      if (pause !== undefined) await pause;
      if (size === undefined) {
        this.#someUnmeasured = true;
        continue;
      }
      const { sizeOctets, isUtf8 } = size;
      messages.addFile(files, file, { sizeOctets, uid, validity, utf8: isUtf8 ? 1 : 0 });
      uid += 1;
    }
    return uid;
  }
}

async function run<T>(steps: Generator<void, T>, pace: Pace): Promise<T> {
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return step.value;
    const pause = pace.look();
    if (pause !== undefined) await pause;
  }
}
