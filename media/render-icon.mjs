// Draws media/icon.svg into media/icon.png (256 x 256), which the Marketplace asks for. Usage: node media/render-icon.mjs [chromium]
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const folder = import.meta.dirname;
const browser = await chromium.launch({ executablePath: process.argv[2] ?? 'chromium', args: ['--no-sandbox'] });
try {
  const page = await browser.newPage({ viewport: { width: 256, height: 256 } });
  await page.setContent(`<body style="margin:0">${readFileSync(join(folder, 'icon.svg'), 'utf8')}</body>`);
  writeFileSync(join(folder, 'icon.png'), await page.locator('svg').screenshot({ omitBackground: true }));
} finally {
  await browser.close();
}
