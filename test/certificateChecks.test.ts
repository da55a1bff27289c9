import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const sources = globSync(
  ['agent/**/*.ts', 'extension/**/*.ts', 'webview/**/*.ts', 'test/**/*.{ts,mjs}', 'media/**/*', '*.mjs'],
  {
    cwd: root,
    exclude: (name) => name.endsWith('.png'),
  },
).filter((file) => /\.\w+$/.test(file) && !import.meta.filename.endsWith(file));

describe('checks of certificates in the code', () => {
  it('V11: are switched off nowhere in the way to an agent, and elsewhere only where libpq has a name for it', () => {
    assert.ok(sources.length > 300, `only ${sources.length} files`);
    const off = [
      /rejectUnauthorized['"]?\s*[:=]\s*(?:false|0|!1)/,
      /NODE_TLS_REJECT_UNAUTHORIZED['"\]]*\s*[:=]/,
      /--insecure\b|verify_none|no-verify-ssl/i,
    ];
    const found = sources.filter((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      return off.some((pattern) => pattern.test(text));
    });
    // sslmode=prefer and require of libpq: encrypted, unverified by definition, and the choice of whoever wrote the database's URL.
    assert.deepEqual(found, ['agent/procedures/database/tls.ts']);
  });

  it('V20: the extension opens no port: no part of it listens', () => {
    const listening = sources
      .filter((file) => file.startsWith('extension/') || file.startsWith('webview/'))
      .filter((file) =>
        /\bcreateServer\b|\bWebSocketServer\b|\.listen\([^)]/.test(readFileSync(join(root, file), 'utf8')),
      );
    assert.deepEqual(listening, []);
  });

  it('V04: the extension takes no address from a link: it handles no URIs', () => {
    const handling = sources.filter(
      (file) => file.startsWith('extension/') && readFileSync(join(root, file), 'utf8').includes('registerUriHandler'),
    );
    assert.deepEqual(handling, []);
    assert.ok(!readFileSync(join(root, 'package.json'), 'utf8').includes('onUri'));
  });
});
