/**
 * Delivers one message into `new` of a maildir, within its quota, as delivery agents do it.
 *
 * The octets are kept as they are. The message is on the disk before this says that it was delivered.
 */
import { diskErrorsSoon, MaildirError } from '../errors.js';
import { deliveredName } from '../filename.js';
import { createUnique, unlinkIfThere } from '../files.js';
import { folderPaths } from '../folder-name.js';
import type { Surroundings } from '../surroundings.js';
import type { MaildirQuota } from './maildir-quota.js';

/** Where messages go. */
export interface DeliveryPlace {
  readonly surroundings: Surroundings;
  readonly maildirPath: string;
  /** Of a folder of it; INBOX where absent. */
  readonly directory?: string;
  readonly quota: MaildirQuota;
}

/** A message that is being delivered. */
export interface Delivery {
  readonly octets: AsyncIterable<Buffer>;
  /** Part of its name, where it is not mail from outside: `warn`. */
  readonly purpose?: string;
  /** Whether it is delivered although there is no room: a warning that there is none. */
  readonly inAnyCase?: boolean;
}

/** Delivers a message. @throws {MaildirError} 'over quota' */
export async function deliver(place: DeliveryPlace, delivery: Delivery): Promise<void> {
  await diskErrorsSoon(place.maildirPath, async () => {
    const { fileSystem: disk, names } = place.surroundings;
    const paths = folderPaths(place.directory ?? place.maildirPath);
    const { purpose } = delivery;
    const name = (): string => (purpose === undefined ? names.forMessage() : names.forPurpose(purpose));
    const { name: tmpName, path, file } = createUnique(disk, paths.tmp, { name, mode: 0o666 });
    try {
      let sizeOctets = 0;
      let baseName: string;
      try {
        for await (const octets of delivery.octets) {
          file.write(octets);
          sizeOctets += octets.length;
        }
        await file.sync();
        baseName = deliveredName(tmpName, file.status());
      } finally {
        file.close();
      }
      const publish = async (): Promise<void> => {
        disk.rename(path, `${paths.new}/${baseName}`);
        await disk.syncDirectory(paths.new);
      };
      const amount = { octets: sizeOctets, messages: 1 };
      if (delivery.inAnyCase !== true) return await place.quota.spend(amount, publish);
      await publish();
      place.quota.book(amount);
    } catch (error) {
      unlinkIfThere(disk, path);
      throw error;
    }
  });
}

/** Whether an error says that there is no room. */
export function isOverQuota(error: unknown): boolean {
  return error instanceof MaildirError && error.kind === 'over quota';
}
