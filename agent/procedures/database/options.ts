/** Options that the procedures of databases share. */
import * as z from 'zod';

/** `--database NAME`, repeatable; in YAML one name or a list. The schema for forms and the command line says list. */
export const databaseNames = z
  .preprocess((given) => (typeof given === 'string' ? [given] : given), z.array(z.string().min(1)))
  .optional()
  .meta({ type: 'array', items: { type: 'string' } });
