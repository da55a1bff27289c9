import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { routeOf } from '../../../agent/procedures/logs/analysis/route.ts';

describe('the route of a request', () => {
  it('has :id in the place of tokens of chance, however few digits they have', () => {
    const token = (index: number): string => createHash('sha256').update(String(index)).digest('base64url');
    const routes = new Map<string, number>();
    for (let index = 0; index < 1000; index += 1) {
      const route = routeOf(`GET /.well-known/acme-challenge/${token(index)}`);
      routes.set(route, (routes.get(route) ?? 0) + 1);
    }
    assert.ok((routes.get('GET /.well-known/acme-challenge/:id') ?? 0) >= 960, `${routes.size} routes`);
  });

  it('keeps what people have named', () => {
    for (const name of [
      'How-To-Install-Node-24-On-Debian',
      'how-to-get-rid-of-10-things',
      'HowToInstallNode24OnDebianLinux',
      'getUserProfileByIdentityV2',
      'jquery-3-ui-custom-bundle',
      'Annual_Report_2026_Final_Version',
      'application-settings-of-users',
    ]) {
      assert.equal(routeOf(`GET /a/${name}`), `GET /a/${name}`);
    }
  });
});
