/** Options that the procedures of databases share. */
import * as z from 'zod';

/** Repeatable on the command line; in YAML one name or a list. The schema for forms and the command line says list. */
const names = z
  .preprocess((given) => (typeof given === 'string' ? [given] : given), z.array(z.string().min(1)))
  .optional()
  .meta({ type: 'array', items: { type: 'string' } });

/** `--database NAME` */
export const databaseNames = names;
/** `--tables SCHEMA.TABLE`, quoted as in SQL where needed. */
export const relationNames = names;

/** `--only ID` */
export const ids = names;

/** `--jobs N` */
export const jobs = z
  .int()
  .min(1)
  .max(2)
  .optional()
  .describe('Tables that are worked on at once, each over its own connection: 1 (the default) or 2');
