/**
 * What the mail store counts for the administrator, under the names of his figures. It counts only what is rare.
 */

/** How often it happened since the process was started. */
export const tallies = {
  /** Folders that lost their UIDVALIDITY, or were given another by somebody else. */
  uidvalidity_changes_total: 0,
  /** Damaged lists of UIDs whose good lines were kept. */
  uid_list_repairs_total: 0,
  /** Maildirs whose mail was counted for their quota. */
  quota_recounts_total: 0,
};
