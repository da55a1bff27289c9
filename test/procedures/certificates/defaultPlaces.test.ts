import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { defaultPlaces } from '../../../agent/procedures/certificates/defaultPlaces.ts';
import { Folder } from './harness.ts';

describe('places where certificates lie when nothing is configured', () => {
  const folder = new Folder();
  beforeEach(() => folder.create());
  afterEach(() => folder.remove());

  const write = async (name: string, content: string): Promise<void> => {
    await mkdir(dirname(folder.path(name)), { recursive: true });
    await folder.write(name, content);
  };
  const find = () => defaultPlaces(folder.path(), () => Promise.resolve());

  it('are none on a machine without certbot and nginx', async () => {
    assert.deepEqual(await find(), { paths: [], closed: [] });
  });

  it("are certbot's chains and what nginx names", async () => {
    await write('etc/letsencrypt/live/README', '');
    await write('etc/letsencrypt/live/a.example.test/fullchain.pem', '');
    await write(
      'etc/nginx/nginx.conf',
      'http {\n  ssl_certificate /etc/ssl/main.pem;\n  ssl_certificate_key /etc/ssl/main.key;\n}\n',
    );
    await write(
      'etc/nginx/conf.d/a.conf',
      '\tssl_certificate "with space.pem" ;\n# ssl_certificate /off.pem;\nssl_certificate $name.pem;\n',
    );
    await write('etc/nginx/sites-enabled/default', "ssl_certificate 'b.pem';\nssl_certificate data:$x;\n");
    await write('etc/nginx/notes.txt', 'ssl_certificate /notes.pem;\n');
    const { paths } = await find();
    assert.deepEqual(
      paths,
      [
        '/etc/ssl/main.pem',
        folder.path('etc/letsencrypt/live/a.example.test/fullchain.pem'),
        folder.path('etc/nginx/b.pem'),
        folder.path('etc/nginx/with space.pem'),
      ].sort(),
    );
  });

  it('are in snippets of nginx only where something includes them', async () => {
    await write('etc/nginx/snippets/snakeoil.conf', 'ssl_certificate /etc/ssl/certs/snakeoil.pem;\n');
    await write('etc/nginx/snippets/shop.conf', 'ssl_certificate /etc/ssl/shop.pem;\n');
    await write(
      'etc/nginx/sites-enabled/shop',
      '# include snippets/snakeoil.conf;\nserver {\n  include snippets/shop.conf;\n}\n',
    );
    assert.deepEqual((await find()).paths, ['/etc/ssl/shop.pem']);
    await write('etc/nginx/sites-enabled/all', 'include snippets/*.conf;\n');
    assert.deepEqual((await find()).paths, ['/etc/ssl/certs/snakeoil.pem', '/etc/ssl/shop.pem']);
  });
});
