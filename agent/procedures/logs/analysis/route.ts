/** From the path of a request to its route: parts that name one thing become `:id`. */

/** `GET /users/4711/orders` → `GET /users/:id/orders`. */
export function routeOf(request: string): string {
  const gap = request.indexOf(' ');
  const method = gap < 0 ? request : request.slice(0, gap);
  if (gap < 0 || !/^[A-Z]{1,20}$/.test(method)) return '(not HTTP)';
  const path = request.slice(gap + 1);
  if (!path.startsWith('/')) return `${method} ${path === '*' ? '*' : '(no path)'}`;
  const parts = path.split('/').map((part) => (isIdentifier(part) ? ':id' : part.replace(numberedFile, ':id$1')));
  return `${method} ${parts.length > deepest ? `${parts.slice(0, deepest).join('/')}/…` : parts.join('/')}`;
}

const deepest = 10;
/** `4711.html` */
const numberedFile = /^\d+(\.[a-z][a-z0-9]{0,4})$/i;

function isIdentifier(part: string): boolean {
  if (part.length === 0) return false;
  if (/^\d+$/.test(part)) return true;
  if (part.length < 8) return false;
  const plain = part.replaceAll('-', '');
  const digits = plain.replaceAll(/[^0-9]/g, '').length;
  if (/^[0-9a-f]+$/i.test(plain)) return digits > 0;
  // Tokens in base 58, 62 or 64: long, and a fair part of digits.
  if (part.length < 16 || digits === 0 || !/^[\w~=-]+$/.test(part)) return false;
  return digits * 6 >= part.length || changes(part) * 2 > part.replaceAll(/[\W_]/g, '').length;
}

/** How often the kind of character changes: words do so at their borders alone, chance two times out of three. */
function changes(part: string): number {
  return part.match(/[a-z](?![a-z])|[A-Z](?![A-Z])|\d(?!\d)/g)?.length ?? 0;
}
