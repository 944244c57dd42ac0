/**
 * Whether a file system keeps times as finely as the kernel of this machine tells them.
 *
 * Over a network it is another machine's clock, and some file systems keep whole seconds only: of those nothing is said.
 */
/** Local file systems by the number that statfs(2) has for them, as in linux/magic.h. */
const FINE_TYPES: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4; with small inodes they keep seconds, which shows in the times themselves
  0x58465342, // XFS
  0x9123683e, // btrfs
  0xca451a4e, // bcachefs
  0xf2f52010, // F2FS
  0x2fc12fc1, // ZFS
  0x01021994, // tmpfs
]);

/** @param type as statfs(2) tells it; false for all that is not known to be fine */
export function isFineType(type: number): boolean {
  return FINE_TYPES.has(type);
}
