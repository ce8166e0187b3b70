/** Exports for a browser, in one: opened as files, clicked at, typed into, and looked at. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { captureOutput } from '@oclif/test';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import Export from '../src/commands/export.js';
import type { CallRecord } from '../src/events/record.js';
import type { Opening } from '../src/recording/opening.js';
import {
  findChromium,
  launchChromium,
  openFile,
  shoot,
  stretchAt,
  textsOn,
  type CanvasText,
  type WatchedPage,
} from './browser.js';
import { hostile, hostileFlag, hostileOpening, hostileRecords } from './fixtures/hostile.js';
import { marked, read } from './fixtures/reads.js';
import { bare, record, withMarks } from './fixtures/recordings.js';
import { recordsOf } from './fixtures/records.js';

let browser: Browser;
let folder: string;
/** The last that was opened. */
let watched: WatchedPage;
let page: Page;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fsnoop-browser-'));
  browser = await launchChromium();
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await (browser as Browser | undefined)?.close();
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await shoot(page, `failed, ${task.name}`);
  if (!page.isClosed()) await page.close();
});

/** Runs `fsnoop export` on a recording of these records. Returns the file that it wrote. */
async function exported(to: string, opening: Opening, records: readonly CallRecord[]) {
  const recording = join(folder, 'recording');
  const output = join(folder, `exported.${to}`);
  writeFileSync(recording, record(opening, records));
  const argv = [recording, '--to', to, '--output', output];
  const { error } = await captureOutput(() => Export.run(argv, import.meta.dirname));
  if (error?.oclif?.exit !== 0) throw error ?? new Error('it does not tell its status');
  return output;
}

async function open(file: string, hash?: string): Promise<void> {
  watched = await openFile(browser, file, hash);
  ({ page } = watched);
}

/** Where something is written on a canvas, as the only or the first of its kind. */
async function placeOf(text: string, canvas = ''): Promise<CanvasText> {
  const texts = await textsOn(page);
  const found = texts.find((other) => other.canvas === canvas && other.text.startsWith(text));
  if (found === undefined) throw new Error(`${canvas} does not show ${text}`);
  return found;
}

/** A line a row, the head first. */
const tableRows = () =>
  page.$$eval('#functions tr', (rows) =>
    rows.map((row) => [...row.children].map((cell) => cell.textContent).join(' | ')),
  );
const textOf = (selector: string) => page.$eval(selector, (element) => element.textContent);
const flag = () => page.evaluate((name) => (window as never)[name] as unknown, hostileFlag);

describe('the page', () => {
  let file: string;
  beforeAll(async () => {
    file = await exported('html', hostileOpening, hostileRecords);
  });
  beforeEach(() => open(file));
  afterEach(() => {
    expect(watched.complaints).toEqual([]);
  });

  /** Of a failed call, and of what was not searched for. */
  const red = '231,85,85';
  const gray = '219,219,219';

  /** What a chart shows, a line a row, in the order from left to right. */
  async function rowsOf(canvas: string): Promise<string[]> {
    const rows = new Map<number, string[]>();
    for (const { canvas: its, text, y } of await textsOn(page)) {
      if (its !== canvas) continue;
      rows.set(y, [...(rows.get(y) ?? []), text]);
    }
    return [...rows].sort(([a], [b]) => a - b).map(([, texts]) => texts.join(' | '));
  }

  /** The colour of a call's box, and its place: above the middle, where no text is. */
  async function boxOf(text: string, canvas = 'timeline') {
    const { x, y } = await placeOf(text, canvas);
    return stretchAt(page, Math.max(x, 0) + 1, y - 7);
  }

  async function moveTo(text: string, canvas = 'timeline'): Promise<void> {
    const { x, y } = await placeOf(text, canvas);
    await page.mouse.move(Math.max(x, 0) + 5, y);
  }

  const names = async () => (await tableRows()).slice(1).map((row) => row.split(' | ')[0]);
  const sortBy = (title: string) => page.click(`::-p-xpath(//th[starts-with(., "${title}")])`);

  test('has a track for each task, and calls with the same callers in one', async () => {
    await shoot(page, 'page');
    const opened = `do_filp_open(pathname=${JSON.stringify(hostile.path)}, flags=2) = -ENOENT`;
    expect((await rowsOf('timeline')).slice(1)).toEqual([
      'cat 101:101',
      `vfs_read() = 131072 | ${opened}`,
      'rw_verify_area() = 0 | read_zero() = 131072',
      'security_file_permission() = 0',
      `ext4_readpage [${hostile.module}]() = true`,
      `${hostile.comm} 102:102`,
      'vfs_read() = -EIO',
      'rw_verify_area() = -EACCES',
      'dd 103:103',
      'vfs_read() = 1',
      '? (record lost)',
      'security_file_permission() = 0',
      'tail 104:105',
      'vfs_read() = not returned after 1.50 ms',
      'read_zero() = not returned after 1.30 ms',
      'sh 106:106',
      'do_filp_open(pathname="/etc/hostname", flags=2) = not returned after 1.00 ms',
    ]);
    expect((await rowsOf('flames')).slice(1)).toEqual([
      'vfs_read | do_filp_open',
      'read_zero | rw_verify_area | ? (record lost)',
      'security_file_permission | security_file_permission',
      `ext4_readpage [${hostile.module}]`,
    ]);
  });

  /** What is left of the last pixel parts a box from the next. */
  test('has boxes that are as long as the calls took', async () => {
    expect(await boxOf('vfs_read() = 131072')).toMatchObject({ from: 0, to: 599 });
    expect(await boxOf('rw_verify_area() = 0')).toMatchObject({ from: 60, to: 299 });
    expect(await boxOf('vfs_read', 'flames')).toMatchObject({ from: 0, to: 894 });
  });

  /** In degrees: red has 0. */
  function hueOf(color: string): number {
    const [red = 0, green = 0, blue = 0] = color.split(',').map(Number);
    const degrees = Math.atan2(Math.sqrt(3) * (green - blue), 2 * red - green - blue) / Math.PI;
    return (180 * degrees + 360) % 360;
  }

  test('has errors in red, and nothing else', async () => {
    for (const text of ['do_filp_open(pathname="/etc/<', 'vfs_read() = -EIO'])
      expect((await boxOf(text)).color).toBe(red);
    for (const text of ['vfs_read() = 131072', 'read_zero', 'rw_verify_area', 'ext4_', '? ']) {
      const hue = hueOf((await boxOf(text)).color);
      expect(Math.min(hue, 360 - hue)).toBeGreaterThan(25);
    }
  });

  test('zooms about the mouse, and back', async () => {
    const whole = await rowsOf('timeline');
    const [axis = ''] = whole;
    expect(axis).toMatch(/^0\.00 µs \| 285\.71 µs \|/);
    await moveTo('rw_verify_area() = 0');
    await page.mouse.wheel({ deltaY: -100 });
    const nearer = await boxOf('rw_verify_area() = 0');
    expect(nearer.to - nearer.from).toBeCloseTo(240 / 0.8, -1);
    expect((await rowsOf('timeline'))[0]).not.toBe(axis);
    await page.mouse.wheel({ deltaY: 100 });
    expect(await boxOf('rw_verify_area() = 0')).toMatchObject({ from: 60, to: 299 });
    expect(await rowsOf('timeline')).toEqual(whole);
  });

  test('shows a call alone when it is clicked at, moves with the mouse, and shows all again', async () => {
    const whole = await rowsOf('timeline');
    await moveTo('rw_verify_area() = 0');
    const { x, y } = await placeOf('rw_verify_area() = 0', 'timeline');
    await page.mouse.click(x + 5, y);
    expect(await boxOf('rw_verify_area() = 0')).toMatchObject({ from: 0, to: 1199 });
    await shoot(page, 'page zoomed');
    expect((await rowsOf('timeline')).join()).not.toContain('read_zero() = 131072');
    await page.mouse.move(1000, y);
    await page.mouse.down();
    await page.mouse.move(400, y, { steps: 3 });
    await page.mouse.up();
    expect((await boxOf('rw_verify_area() = 0')).to).toBe(599);
    await page.mouse.click(400, y, { count: 2 });
    expect(await rowsOf('timeline')).toEqual(whole);
  });

  test('finds functions, arguments and values as they are typed, and marks them', async () => {
    await page.click('#search');
    await page.keyboard.type('Read_Zero');
    expect(await textOf('#found')).toBe('2 calls');
    expect(await names()).toEqual(['read_zero']);
    await shoot(page, 'page searched');
    for (const canvas of ['timeline', 'flames']) {
      expect((await boxOf('read_zero', canvas)).color).not.toBe(gray);
      expect((await boxOf('vfs_read', canvas)).color).toBe(gray);
    }
    await page.keyboard.press('Escape');
    expect(await textOf('#found')).toBe('');
    expect((await boxOf('vfs_read')).color).not.toBe(gray);
    await page.keyboard.type('/etc/h');
    expect(await names()).toEqual(['do_filp_open']);
    expect((await boxOf('do_filp_open(pathname="/etc/h')).color).not.toBe(gray);
    expect((await boxOf('do_filp_open(pathname="/etc/<')).color).toBe(gray);
    expect(await textOf('#found')).toBe('1 call');
    await page.keyboard.press('Escape');
    await page.keyboard.type('nowhere');
    expect(await textOf('#found')).toBe('0 calls');
    expect(await names()).toEqual([]);
  });

  test('has a table of functions', async () => {
    expect(await tableRows()).toEqual([
      'Function | Calls | Errors | Total ▾ | Self | Mean | Max',
      'vfs_read | 4 | 1 | 4.10 ms | 1.30 ms | 1.02 ms | 1.50 ms',
      'read_zero | 2 | 0 | 1.70 ms | 1.70 ms | 850.00 µs | 1.30 ms',
      'do_filp_open | 2 | 1 | 1.40 ms | 1.40 ms | 700.00 µs | 1.00 ms',
      'rw_verify_area | 2 | 1 | 800.00 µs | 500.00 µs | 400.00 µs | 400.00 µs',
      'security_file_permission | 2 | 0 | 600.00 µs | 400.00 µs | 300.00 µs | 300.00 µs',
      `ext4_readpage [${hostile.module}] | 1 | 0 | 200.00 µs | 200.00 µs | 200.00 µs | 200.00 µs`,
    ]);
  });

  test('sorts the table by the column that is clicked at', async () => {
    await sortBy('Self');
    expect((await tableRows())[0]).toBe('Function | Calls | Errors | Total | Self ▾ | Mean | Max');
    expect((await names()).slice(0, 3)).toEqual(['read_zero', 'do_filp_open', 'vfs_read']);
    await sortBy('Errors');
    expect((await names()).slice(-3)).not.toContain('vfs_read');
    await sortBy('Function');
    expect((await names()).slice(0, 2)).toEqual([
      'do_filp_open',
      `ext4_readpage [${hostile.module}]`,
    ]);
  });

  test('searches for the function whose row is clicked at', async () => {
    await page.click('::-p-xpath(//td[. = "rw_verify_area"])');
    expect(await page.$eval('#search', (input) => (input as HTMLInputElement).value)).toBe(
      'rw_verify_area',
    );
    expect(await names()).toEqual(['rw_verify_area']);
    expect((await boxOf('rw_verify_area')).color).not.toBe(gray);
  });

  test('sorts and searches by keys alone', async () => {
    await page.focus('#functions th:nth-child(5) button');
    await page.keyboard.press('Enter');
    expect((await tableRows())[0]).toBe('Function | Calls | Errors | Total | Self ▾ | Mean | Max');
    expect(await page.$eval('th[aria-sort=descending]', (cell) => cell.textContent)).toBe('Self ▾');
    for (let cells = 0; cells < 3; cells++) await page.keyboard.press('Tab'); // Mean, Max, the first row
    await page.keyboard.press('Space');
    expect(await names()).toEqual(['read_zero']);
    await page.keyboard.press('Escape');
    expect(await names()).toHaveLength(6);
  });

  test('zooms, moves and shows all again by keys', async () => {
    const whole = await rowsOf('timeline');
    await page.focus('#timeline');
    for (let times = 0; times < 12; times++) await page.keyboard.press('+');
    const zoomed = await rowsOf('timeline');
    expect(zoomed).not.toEqual(whole);
    await page.keyboard.press('ArrowRight');
    expect(await rowsOf('timeline')).not.toEqual(zoomed);
    await page.keyboard.press('ArrowLeft');
    expect(await rowsOf('timeline')).toEqual(zoomed);
    await page.keyboard.press('-');
    expect(await rowsOf('timeline')).not.toEqual(zoomed);
    await page.keyboard.press('0');
    expect(await rowsOf('timeline')).toEqual(whole);
    for (let times = 0; times < 30; times++) await page.keyboard.press('ArrowLeft');
    expect(await rowsOf('timeline')).toEqual(whole);
  });

  test('tells of the call below the mouse what it took and returned', async () => {
    const isTold = () =>
      page.$eval('#tip', (element) => getComputedStyle(element).display !== 'none');
    const tip = () => page.$eval('#tip', (element) => (element as HTMLElement).innerText);
    await moveTo('do_filp_open(pathname="/etc/<');
    await shoot(page, 'page hovered');
    expect((await tip()).split('\n')).toEqual([
      `do_filp_open(pathname=${JSON.stringify(hostile.path)}, flags=2) = -ENOENT`,
      '400.00 µs, of which 400.00 µs in itself',
      'cat 101:101, cpu 0',
      `${hostile.label} = 42`,
    ]);
    await moveTo('read_zero() = not returned');
    expect((await tip()).split('\n')).toEqual([
      'read_zero() = not returned after 1.30 ms',
      '1.30 ms, of which 1.30 ms in itself',
      'tail 104:105, cpu 1',
    ]);
    await moveTo('? (record lost)');
    expect((await tip()).split('\n')).toEqual([
      '? (record lost)',
      'at least 300.00 µs',
      'dd 103:103, cpu 0',
      'lost of this tree: 1 call',
    ]);
    await page.mouse.wheel({ deltaY: -3000 });
    expect(await tip()).toMatch(/^\? \(record lost\)\n/);
    await page.mouse.move(5, (await placeOf('dd 103:103', 'timeline')).y);
    expect(await isTold()).toBe(false);
    await moveTo('rw_verify_area', 'flames');
    expect(await tip()).toBe(
      'rw_verify_area\n2 calls, 800.00 µs (14.5%), of which 500.00 µs in itself',
    );
    await page.mouse.move(600, 5);
    expect(await isTold()).toBe(false);
  });

  test('keeps what it shows on lines of their own, however long others are', async () => {
    const heights = await page.$$eval('header, #search, #functions tr', (all) =>
      all.map((element) => element.getBoundingClientRect().height),
    );
    const [header, search, ...rows] = heights;
    expect(header).toBeLessThan(50);
    expect(search).toBeLessThan(header ?? 0);
    expect(Math.max(...rows.slice(0, -1))).toBeLessThan(30);
    expect(await page.$eval('#search', ({ clientWidth }) => clientWidth)).toBeGreaterThan(250);
    expect(await page.$eval('#about', (about) => (about as HTMLElement).title)).toContain(
      hostile.word,
    );
  });

  test('follows the browser from light to dark', async () => {
    const color = async () => (await placeOf('cat 101:101', 'timeline')).color;
    expect(await color()).toBe('#1b1f24');
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
    await expect.poll(color).toBe('#dfe3ea');
    await shoot(page, 'page dark');
  });

  test('shows markup in names and values as text, and runs none of it', async () => {
    await moveTo('do_filp_open(pathname="/etc/<');
    expect(await textOf('#about')).toContain(hostile.word);
    expect(await textOf('#tip')).toContain(JSON.stringify(hostile.path));
    await page.click('::-p-xpath(//td[contains(., "ext4_readpage")])');
    expect(await textOf('#functions')).toContain(hostile.module);
    await moveTo('ext4_readpage');
    expect(await page.$$eval('script, img, b, hr', (all) => all.map(({ id }) => id))).toEqual([
      'trace',
      '',
    ]);
    expect(await flag()).toBeUndefined();
  });
});

describe('the page of another trace', () => {
  const show = async (opening: Opening, records: readonly CallRecord[]) => {
    await open(await exported('html', opening, records));
  };
  afterEach(() => {
    expect(watched.complaints).toEqual([]);
  });

  test('has as many tasks as there are: what is scrolled to is shown', async () => {
    const tasks = Array.from({ length: 1000 }, (_, tree) =>
      recordsOf(read, { tree, tid: tree + 1 }),
    );
    await show(bare, tasks.flat());
    await shoot(page, 'tasks');
    const first = await placeOf('cat 101:1', 'timeline');
    const { color } = await stretchAt(page, 300, first.y + 17 - 7);
    expect(color).not.toBe('255,255,255');
    await page.$eval('h2:nth-of-type(2)', (title) => {
      title.scrollIntoView({ block: 'end' });
    });
    const last = () => placeOf('cat 101:1000', 'timeline');
    await expect.poll(last).toMatchObject({ x: 4 });
    await shoot(page, 'tasks, at the end');
    const { y } = await last();
    expect((await stretchAt(page, 300, y + 17 - 7)).color).toBe(color);
    await page.mouse.move(300, y + 17);
    expect(await textOf('#tip')).toContain('cat 101:1000, cpu 0');
    await page.mouse.down();
    await page.mouse.move(300, y + 17 - 100, { steps: 3 });
    await page.mouse.up();
    await expect.poll(async () => (await last()).y).toBeCloseTo(y - 100, 0);
  });

  test('tells times apart, however short they are in a long trace', async () => {
    const late = { ...read, startNs: 1e10, calls: [] };
    await show(
      bare,
      [read, late].flatMap((call, tree) => recordsOf(call, { tree })),
    );
    await page.mouse.click(1199, (await placeOf('cat 101', 'timeline')).y + 17);
    await shoot(page, 'late');
    const axis = (await textsOn(page)).filter(({ text }) => /^[\d.]+ s$/.test(text));
    expect(axis.map(({ text }) => text).slice(0, 3)).toEqual([
      ...['9.99999900 s', '9.99999939 s', '9.99999978 s'],
    ]);
  });

  test('has tracepoints where they were come by', async () => {
    await show(withMarks, marked);
    await shoot(page, 'tracepoints');
    const { y } = await placeOf('security_file_permission', 'timeline');
    const x = Math.round((1200 * (1600 - 1000)) / 2738);
    const [red] = (await stretchAt(page, x, y + 17)).color.split(',');
    expect(Number(red)).toBeLessThan(150); // thinner than a pixel it is as pale as what is behind it
    await page.mouse.move(x, y + 17);
    expect(await textOf('#tip')).toBe('jbd2_handle_start [jbd2]()\ncat 101:101, cpu 0');
    expect((await tableRows()).at(-1)).toBe('jbd2_handle_start [jbd2] | 1 | 0 | – | – | – | –');
  });

  test('has no calls where there were none', async () => {
    await show(bare, []);
    await shoot(page, 'nothing');
    expect(await textsOn(page)).toEqual([]);
    expect(await page.$$eval('#functions tr', (rows) => rows.length)).toBe(1);
  });
});

describe('speedscope', () => {
  const require = createRequire(import.meta.url);
  const viewer = require.resolve('speedscope/dist/release/index.html');
  let hash: string;
  beforeAll(async () => {
    const file = await exported('speedscope', hostileOpening, hostileRecords);
    // as its command line gives its page a file
    const script = join(dirname(file), 'profile.js');
    const base64 = readFileSync(file).toString('base64');
    writeFileSync(script, `speedscope.loadFileFromBase64('exported', '${base64}')`);
    hash = `localProfilePath=${script}`;
  });
  beforeEach(async () => {
    await open(viewer, hash);
    await expect.poll(labels).toContain('vfs_read');
  });
  afterEach(async () => {
    expect(watched.complaints).toEqual([]);
    expect(await flag()).toBeUndefined();
  });

  const texts = () => page.$eval('body', ({ innerText }) => innerText);
  const click = (text: string) => page.click(`::-p-text(${text})`);

  /** The names in its charts, without those of the axes. */
  async function labels(): Promise<string[]> {
    const all = (await textsOn(page)).map(({ text }) => text);
    return all.filter((text) => !/^[\d.]+[nµm]s$/.test(text));
  }

  test('shows each task as a profile, with its calls in the order of time', async () => {
    await shoot(page, 'speedscope');
    expect(await texts()).toContain('cat 101 (1/5)');
    expect(await labels()).toEqual([
      ...['vfs_read', 'rw_verify_area', 'security_file_permission'],
      ...[expect.stringMatching(/^ext4_readpa.*…/) as string, 'read_zero', 'do_filp_open'],
    ]);
    const { x, y } = await placeOf('vfs_read');
    const { color } = await stretchAt(page, x + 1, y - 6);
    expect((await stretchAt(page, 740, y - 6)).color).toBe(color); // of 1400 µs, 1000
    expect((await stretchAt(page, 760, y - 6)).color).toBe('255,255,255');
  });

  test('puts the same calls together, the heaviest to the left', async () => {
    const before = await placeOf('do_filp_open');
    await click('Left Heavy');
    await expect.poll(async () => (await placeOf('do_filp_open')).x).toBeLessThan(before.x - 20);
    await shoot(page, 'speedscope left heavy');
    await click('Time Order');
    await expect.poll(() => placeOf('do_filp_open')).toEqual(before);
  });

  test('lists functions, with callers and callees of the one that is clicked at', async () => {
    await click('Sandwich');
    const rows = () =>
      page.$$eval('tr:has(td)', (all) =>
        all.map((row) => [...row.children].map((cell) => cell.textContent).join(' | ')),
      );
    await expect
      .poll(async () => (await rows()).slice(5).sort())
      .toEqual([
        '1.00ms (71%) | 200.00µs (14%) | vfs_read',
        `200.00µs (14%) | 200.00µs (14%) | ext4_readpage [${hostile.module}]`,
        '300.00µs (21%) | 100.00µs (7.1%) | security_file_permission',
        '400.00µs (29%) | 100.00µs (7.1%) | rw_verify_area',
        '400.00µs (29%) | 400.00µs (29%) | do_filp_open',
        '400.00µs (29%) | 400.00µs (29%) | read_zero',
      ]);
    expect(await labels()).toEqual([]);
    await click('security_file_permission');
    await expect.poll(labels).toContain('security_file_permission');
    await shoot(page, 'speedscope sandwich');
    const shown = await labels();
    expect(shown).toEqual(expect.arrayContaining(['vfs_read', 'rw_verify_area']));
    expect(shown).not.toContain('read_zero');
  });

  test('tells of the frame below the mouse', async () => {
    const { x, y } = await placeOf('read_zero');
    await page.mouse.move(x + 5, y);
    await expect.poll(texts).toMatch(/400\.00µs \(25%\)\s*read_zero/);
    await shoot(page, 'speedscope hovered');
  });

  test('shows markup in names as text, and runs none of it', async () => {
    await click('cat 101');
    await page.click('tbody tr:nth-child(2)');
    await expect.poll(texts).toContain(`${hostile.comm} 102 (2/5)`);
    await expect.poll(labels).toEqual(['vfs_read', 'rw_verify_area']);
    expect(await page.$$('img, b, hr')).toEqual([]);
    await shoot(page, 'speedscope hostile');
  });
});

test('a page that asks for something, or complains, is noticed', async () => {
  const file = join(folder, 'asking.html');
  const script = "console.error('no'); setTimeout(() => { throw new Error('failed') });";
  writeFileSync(file, `<img src="http://127.0.0.1:9/x"><script>${script} alert('hello')</script>`);
  await open(file);
  await expect
    .poll(() => [...watched.complaints].sort())
    .toEqual([
      ...['console: Failed to load resource: net::ERR_FAILED', 'console: no', 'dialog: hello'],
      ...['exception: Error: failed', 'request: http://127.0.0.1:9/x'],
    ]);
});

test('without Chromium it is said how to install it', () => {
  expect(() => findChromium('/nowhere:/usr/share')).toThrow(
    'There is no chromium on PATH. Install it: npm run setup -- browser',
  );
});
