/** How a store is opened, and how it is. */
import type { Reserve } from './reserve.ts';

export interface DatabaseOptions {
  /** Only to look: no migration, no change; the schema may be older. */
  readonly readOnly?: boolean;
  /** Makes it survive a full or failing disk; without it such a write throws, as is right for a command. */
  readonly reserve?: Reserve;
  /** Puts a sound store in the place of the damaged one; it is opened again afterwards. Without it damage throws. */
  readonly repair?: (cause: Error) => void;
}

/** `low`: the reserve is used up, writes still reach the disk. `held`: they are kept in memory. */
export interface StoreCondition {
  readonly state: 'ok' | 'low' | 'held';
  /** What the system said, null while all is well. */
  readonly cause: string | null;
  /** Changes that are in memory alone. */
  readonly held: number;
}
