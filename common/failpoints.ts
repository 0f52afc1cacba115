/**
 * Named places at which tests stop a process (kill -9) or a storm's part (a thrown error). In production nothing is
 * armed and `reach` is one comparison. Every name is listed here; a crash test fails for a name that is never reached.
 */
export const FAILPOINTS = [
  'simulator_before_append',
  'simulator_after_append_before_resume_save',
  'simulator_after_resume_save',
  'edge_after_poll_before_checkpoint',
  'edge_inside_checkpoint',
  'edge_after_checkpoint',
  'edge_before_send',
  'edge_after_reply_before_ack_commit',
  'edge_inside_ack_commit',
  'edge_after_ack_commit',
  'edge_after_hello_before_reconcile',
  'edge_between_reconcile_pieces',
  'edge_inside_reconcile',
  'edge_inside_trim',
  'edge_before_broker_commit',
  'cloud_after_receive_before_commit',
  'cloud_inside_commit',
  'cloud_after_commit_before_ack',
  'cloud_after_hello_commit_before_reply',
] as const;

/** Of `fogline backup` and `fogline restore`, which end by themselves. */
export const COMMAND_FAILPOINTS = [
  'backup_before_snapshots',
  'backup_between_snapshots',
  'backup_inside_copy',
  'backup_after_copies_before_check',
  'backup_before_manifest',
  'backup_after_manifest_before_name',
  'backup_after_name_before_forgetting',
  'backup_inside_forgetting',
  'restore_before_copy',
  'restore_inside_copy',
  'restore_after_copy_before_moves',
  'restore_after_moves_are_written',
  'restore_inside_moves',
  'restore_after_moves_before_end',
  'restore_after_end_before_clearing',
] as const;

/** Of the start of a part that finds its broker's file damaged. */
export const BROKER_SALVAGE_FAILPOINTS = [
  'broker_salvage_inside_aside',
  'broker_salvage_inside_copy',
  'broker_salvage_before_name',
  'broker_salvage_after_name',
] as const;

/** Of the start of an edge that finds its outbox damaged. */
export const OUTBOX_FAILPOINTS = ['outbox_inside_aside', 'outbox_after_aside'] as const;

const ALL = [...FAILPOINTS, ...COMMAND_FAILPOINTS, ...BROKER_SALVAGE_FAILPOINTS, ...OUTBOX_FAILPOINTS] as const;

export type Failpoint = (typeof ALL)[number];

let onReach: ((name: Failpoint) => void) | undefined;

/** Sets what happens at every failpoint; undefined disarms. */
export function armFailpoints(action: ((name: Failpoint) => void) | undefined): void {
  onReach = action;
}

export function reach(name: Failpoint): void {
  if (onReach !== undefined) onReach(name);
}

/**
 * Arms a kill -9 of this process at the `nth` time that `name` is reached.
 * @param setting `name` or `name:nth`, from FOGLINE_FAILPOINT
 * @throws Error for a name that is not in the list
 */
export function armKill(setting: string, onKill: (name: string) => void): void {
  const [name, nthText] = setting.split(':');
  const nth = Number(nthText ?? '1');
  if (!ALL.includes(name as Failpoint)) throw new Error(`no failpoint ${name}`);
  let reached = 0;
  armFailpoints((at) => {
    if (at !== name || ++reached < nth) return;
    onKill(name);
    process.kill(process.pid, 'SIGKILL');
  });
}
