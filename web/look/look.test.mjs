// The viewer's page in a real browser: it plays, steps, compares, and judges by keys.
//
//   node look.test.mjs URL FOLDER      the address that the viewer printed; a folder for screenshots
//
// The film served has four takes of one shot, all unjudged. The browser is HEIRLOOM_CHROMIUM, or Debian's.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [url, folder] = process.argv.slice(2);
const origin = new URL(url).origin;
const browser = await chromium.launch({
  executablePath: process.env.HEIRLOOM_CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, reducedMotion: 'no-preference' });
  page.setDefaultTimeout(30_000);
  const faults = [];
  page.on('console', (message) => { if (message.type() === 'error') faults.push(message.text()); });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('request', (request) => { if (new URL(request.url()).origin !== origin) faults.push(`asked ${request.url()}`); });
  const shot = (name) => page.screenshot({ path: join(folder, `${name}.png`) });
  const shown = () => page.evaluate(async () => (await fetch('/api/shot')).json());
  const until = (what, words) => page.waitForFunction(what, undefined, { polling: 50 }).catch(() => assert.fail(words));
  const key = (name) => page.keyboard.press(name);

  await page.goto(url);
  await until(() => document.querySelectorAll('#grid .tile').length === 4, 'four takes are listed');
  assert.equal(new URL(page.url()).search, '', 'the token stays in the address');
  await until(() => [...document.querySelectorAll('.tile img')].every((i) => i.complete && i.naturalWidth > 0), 'posters are shown');

  // It plays by itself, and loops.
  const time = () => document.querySelector('#pane-a video').currentTime;
  await until(() => { const v = document.querySelector('#pane-a video'); return !v.paused && v.currentTime > 0.2; }, 'the clip plays');
  await shot('playing');

  // A frame is stepped by, and it is the exact one that is shown.
  await key(' ');
  await until(() => { const i = document.querySelector('#pane-a .still'); return !i.hidden && i.naturalWidth > 0; }, 'a still frame is shown');
  const frame = async () => Number((await page.textContent('#frame')).split('/')[0]);
  await key('Home');
  assert.equal(await frame(), 1);
  await key('.');
  await key('.');
  assert.equal(await frame(), 3);
  await key(',');
  assert.equal(await frame(), 2);
  await until(() => { const i = document.querySelector('#pane-a .still'); return i.src.endsWith('/frames/1.png') && !i.hidden && i.complete; }, 'frame 1 is shown');
  const paused = await page.evaluate(time);
  assert.ok(Math.abs(paused - 1.5 / 24) < 0.02, `the clip stands in frame 1: ${paused}`);
  await key('End');
  await key('.');
  assert.equal(await frame(), 1, 'after the last frame comes the first');

  // Judging by keys lands in the ledger.
  const standing = async (n) => (await shown()).takes[n - 1].standing;
  const says = (words) => page.waitForFunction((w) => document.querySelector('#status').textContent.includes(w), words);
  await key('Enter');
  await says('select');
  assert.equal((await standing(1)).verdict, 'chosen');
  await key('j');
  await key('4');
  await says('4 stars');
  assert.equal((await standing(2)).stars, 4);
  await key('x');
  await page.waitForSelector('#words[open]');
  await page.keyboard.type('it jumps, x s 3');
  await shot('rejecting');
  await key('Enter');
  await says('is rejected');
  const rejected = await standing(2);
  assert.deepEqual([rejected.verdict, rejected.reason, rejected.stars], ['rejected', 'it jumps, x s 3', 4]);
  await key('ArrowRight');
  await key('s');
  await says('is shelved');
  await key('n');
  await page.waitForSelector('#words[open]');
  await page.keyboard.type('nearer to dusk');
  await key('Enter');
  await says('has a note');
  assert.deepEqual([(await standing(3)).verdict, (await standing(3)).notes[0].text], ['shelved', 'nearer to dusk']);
  await key('u');
  await says('Taken back: “noted”');
  assert.equal((await standing(3)).notes.length, 0);
  await key('Shift+U');
  await says('In force again');
  assert.equal((await standing(3)).notes.length, 1);
  await key('x');
  await page.waitForSelector('#words[open]');
  await key('Escape');
  await page.waitForSelector('#words[open]', { state: 'detached' });
  assert.equal((await standing(3)).verdict, 'shelved', 'nothing is said by leaving the dialog');

  // Two are compared, side by side and in turn, on the same frame.
  await key('k');
  await key('k');
  await key('h');
  await key('j');
  await key('c');
  const stills = (n) => page.waitForFunction((end) => [...document.querySelectorAll('.pane .still')]
    .every((i) => !i.hidden && i.complete && i.src.endsWith(end)), `/frames/${n - 1}.png`);
  await key('.');
  await stills(await frame());
  await shot('compare');
  assert.equal(await page.locator('.pane:visible').count(), 2);
  const ids = await page.evaluate(() => [...document.querySelectorAll('.pane .still')].map((i) => i.src.split('/')[4]));
  const { takes } = await shown();
  assert.deepEqual(ids, [takes[1].take, takes[0].take]);
  await key('f');
  const under = () => document.querySelector('#pane-a').classList.contains('under');
  await until(under, 'the held take has its turn');
  await page.waitForFunction(() => !document.querySelector('#pane-a').classList.contains('under'));
  await key('f');
  assert.equal(await page.locator('#pane-b:visible').count(), 0);
  await key('c');
  await key(' ');
  await until(() => [...document.querySelectorAll('.pane video')].every((v) => !v.paused && v.readyState >= 2), 'both play');
  await page.waitForTimeout(600);
  const apart = await page.evaluate(() => {
    const [a, b] = [...document.querySelectorAll('.pane video')].map((v) => v.currentTime);
    const length = document.querySelector('.pane video').duration;
    return Math.min(Math.abs(a - b), length - Math.abs(a - b));
  });
  assert.ok(apart < 4 / 24, `two that play keep together: ${apart} s apart`);
  await key(' ');
  await key('Escape');

  // The list is filtered by keys, and the keys go back to the takes.
  await key('/');
  await key('ArrowRight');
  await until(() => document.querySelectorAll('#grid .tile').length === 1, 'one take is unjudged');
  await key('Enter');
  assert.equal(await page.locator('.tile[aria-selected="true"]').count(), 1);
  await page.evaluate(() => { document.querySelector('input[value="all"]').click(); });
  await page.selectOption('#order', 'sharpness.blur_px');
  const first = await page.getAttribute('#grid .tile', 'id');
  const sharp = takes.reduce((a, b) => (b.measures['sharpness.blur_px'] < a.measures['sharpness.blur_px'] ? b : a));
  assert.equal(first, `take-${sharp.take}`);
  await key('Escape');

  // What goes wrong is said in the page.
  const quiet = faults.splice(0);
  assert.deepEqual(quiet, [], 'the page has no faults of its own');
  await page.evaluate(() => { document.activeElement.blur(); });
  for (let n = 0; n < 12; n += 1) await key('u');
  await page.waitForSelector('#errors p');
  assert.match(await page.textContent('#errors'), /nothing here that could be taken back/);
  await shot('error');
  await page.click('#errors button');
  await key('?');
  await page.waitForSelector('#help[open]');
  await shot('help');
  await key('Escape');
  await page.setViewportSize({ width: 420, height: 900 });
  await page.waitForTimeout(300);
  await shot('narrow');
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 420, `it is ${wide} wide`);

  // The test that started this looks for it in the ledger.
  await key('g');
  await says('select');
  console.log(JSON.stringify({ chosen: (await shown()).takes.find((t) => t.standing.verdict === 'chosen').take }));
} finally {
  await browser.close();
}
