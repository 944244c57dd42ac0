/**
 * Moves messages from new to cur, as whoever reads a maildir does with what he has seen.
 */
import { errorCode } from './errors.js';
import type { FileTable } from './file-table.js';
import type { FolderState } from './folder-state.js';
import { filePath } from './message-file.js';

/**
 * False if another program took the file away meanwhile. `careful`: there may be a file of the same name in cur, which
 * must not be written over; else the listing has just shown that there is none.
 */
export function movedToCur(
  state: FolderState,
  { files, file }: { readonly files: FileTable; readonly file: number },
  careful: boolean,
): boolean {
  const { disk, surroundings, paths } = state;
  const suffix = files.suffixAt(file) || ':2,';
  const from = filePath(state, files, file);
  const to = `${paths.cur}/${files.baseNameAt(file)}${suffix}`;
  if (careful && disk.status(to) !== undefined) return true;
  try {
    disk.rename(from, to);
    files.setSuffix(file, suffix, 'cur');
    return true;
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    if (code === 'ENOENT') return false;
    surroundings.warnOnce(`ERR: rename(${from},${to}) failed: ${String(error)}`);
    return true;
  }
}
