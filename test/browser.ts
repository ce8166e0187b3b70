/** Chromium, and pages in it that are watched: what they ask for, complain of, and write on canvases. */
/// <reference lib="dom" />
import { mkdirSync, mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { launch, type Browser, type Page } from 'puppeteer-core';

/** As it was written last: `x` and `y` of its left middle, from the corner of the window. */
export interface CanvasText {
  readonly canvas: string;
  readonly text: string;
  readonly x: number;
  readonly y: number;
  /** As canvases spell it: `#1b1f24`. */
  readonly color: string;
}

export interface WatchedPage {
  readonly page: Page;
  /** Errors of its console, exceptions, dialogs, and what it asked for that is no file of this machine. */
  readonly complaints: readonly string[];
}

/**
 * @param path as PATH is
 * @throws {Error} when there is none: it says how to install it
 */
export function findChromium(path = process.env['PATH'] ?? ''): string {
  const found = path
    .split(delimiter)
    .map((folder) => join(folder, 'chromium'))
    .find((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
  if (found === undefined)
    throw new Error('There is no chromium on PATH. Install it: npm run setup -- browser');
  return found;
}

/** @throws {Error} when there is no Chromium, or it does not start */
export async function launchChromium(): Promise<Browser> {
  return launch({
    executablePath: findChromium(),
    pipe: true,
    // its sandbox refuses to be root's
    args: ['--force-color-profile=srgb', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
    defaultViewport: { width: 1200, height: 800 },
  });
}

/**
 * Opens a file, and waits until it is loaded.
 * @param hash what stands behind `#`
 */
export async function openFile(browser: Browser, file: string, hash = ''): Promise<WatchedPage> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`exception: ${String(error)}`));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    if (/^(?:file|data|blob):/.test(request.url())) {
      void request.continue();
      return;
    }
    complaints.push(`request: ${request.url()}`);
    void request.abort();
  });
  await page.evaluateOnNewDocument(recordTexts);
  const url = pathToFileURL(file);
  url.hash = hash;
  await page.goto(url.href);
  return { page, complaints };
}

/** Texts by their canvas, which forgets them as it is cleared. */
type Written = Map<HTMLCanvasElement, Omit<CanvasText, 'canvas'>[]>;

/** Runs in the page before its own scripts. */
function recordTexts(): void {
  const written: Written = new Map();
  Object.assign(window, { written });
  type Draw = (this: CanvasRenderingContext2D, ...parts: [string, number, number]) => void;
  const before = (name: 'fillText' | 'clearRect', look: Draw): void => {
    const { prototype } = CanvasRenderingContext2D;
    const draw = Reflect.get(prototype, name) as Draw;
    const both: Draw = function (...parts) {
      look.apply(this, parts);
      draw.apply(this, parts);
    };
    Reflect.set(prototype, name, both);
  };
  before('fillText', function (text, x, y) {
    const { a, d, e, f } = this.getTransform();
    const scale = window.devicePixelRatio;
    const texts = written.get(this.canvas) ?? [];
    written.set(this.canvas, texts);
    const place = { x: (a * x + e) / scale, y: (d * y + f) / scale };
    texts.push({ text, ...place, color: typeof this.fillStyle === 'string' ? this.fillStyle : '' });
  });
  before('clearRect', function () {
    written.delete(this.canvas);
  });
  // setting the width of a canvas clears it
  const canvas = HTMLCanvasElement.prototype;
  const width = Object.getOwnPropertyDescriptor(canvas, 'width') ?? {};
  Object.defineProperty(canvas, 'width', {
    ...width,
    set(this: HTMLCanvasElement, value: number) {
      written.delete(this);
      width.set?.call(this, value);
    },
  });
}

/** All that canvases of a page show as text now. */
export async function textsOn(page: Page): Promise<CanvasText[]> {
  return page.evaluate(() => {
    const { written } = window as unknown as { readonly written: Written };
    const there = [...written].filter(([canvas]) => canvas.isConnected);
    return there.flatMap(([canvas, texts]) => {
      const { left, top } = canvas.getBoundingClientRect();
      return texts.map(({ x, y, ...text }) => ({
        ...{ canvas: canvas.id, ...text },
        ...{ x: left + x, y: top + y },
      }));
    });
  });
}

/** A stretch of one colour, from left to right. */
export interface Stretch {
  /** `231,85,85`: red, green and blue. */
  readonly color: string;
  readonly from: number;
  readonly to: number;
}

/** What is on the screen at a place of the window, and how far it goes to both sides. */
export async function stretchAt(page: Page, x: number, y: number): Promise<Stretch> {
  const image = await page.screenshot({ encoding: 'base64' });
  return page.evaluate(findStretch, image, Math.round(x), Math.round(y));
}

/** Runs in the page, which can read images. */
async function findStretch(image: string, x: number, y: number): Promise<Stretch> {
  const bytes = Uint8Array.from(atob(image), (character) => character.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes]));
  const { width } = bitmap;
  const context = new OffscreenCanvas(width, 1).getContext('2d');
  if (context === null) throw new Error('there is no canvas');
  context.drawImage(bitmap, 0, -y);
  const { data } = context.getImageData(0, 0, width, 1);
  const colorAt = (place: number) => data.slice(4 * place, 4 * place + 3).join();
  const color = colorAt(x);
  let from = x;
  let to = x + 1;
  while (from > 0 && colorAt(from - 1) === color) from--;
  while (to < width && colorAt(to) === color) to++;
  return { color, from, to };
}

let folder: string | undefined;

/** Keeps what a page looks like: in the folder FSNOOP_SCREENSHOTS, or in a new one, which is told. */
export async function shoot(page: Page, name: string): Promise<void> {
  folder ??= process.env['FSNOOP_SCREENSHOTS'] ?? makeFolder();
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: `${join(folder, name)}.png` });
}

function makeFolder(): string {
  const made = mkdtempSync(join(tmpdir(), 'fsnoop-screenshots-'));
  console.log(`screenshots: ${made}`);
  return made;
}
