/** The pixels of a canvas as drawn, by the colours of the style sheet: what a picture really shows. */
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';

/** Sum over red, green and blue. Lines have blurred edges, areas none. */
export const LINE_TOLERANCE = 60;
export const AREA_TOLERANCE = 6;
/** Out of 255. */
const OPAQUE_LEAST = 100;

export interface Area {
  /** Of the canvas' own. */
  pixels: number;
  /** Their middle on the page. */
  x: number;
  y: number;
}

export interface ColourMap {
  width: number;
  height: number;
  /** Canvas' own pixels for one of the page. */
  scale: number;
  /** Pixels of the colour in each column, from left to right. */
  columns: number[];
  /** And in each row, from the top. */
  rows: number[];
  area: Area;
}

/** @param colourNames variables of the style sheet, `--series-1` */
export async function pixelsOf(
  page: Page,
  canvas: string,
  colourNames: readonly string[],
  tolerance = LINE_TOLERANCE,
): Promise<ColourMap[]> {
  // As text: this runs in the page, whose types the tests do not know.
  return page.evaluate(`(() => {
    const canvas = document.querySelector(${JSON.stringify(canvas)});
    const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
    const context = copy.getContext('2d', { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
    const box = canvas.getBoundingClientRect();
    const probe = document.body.appendChild(document.createElement('span'));
    const maps = ${JSON.stringify(colourNames)}.map((name) => {
      probe.style.color = 'var(' + name + ')';
      const [red, green, blue] = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
      const [columns, rows] = [Array(width).fill(0), Array(height).fill(0)];
      let [pixels, x, y] = [0, 0, 0];
      for (let at = 0; at < data.length; at += 4) {
        const off = Math.abs(data[at] - red) + Math.abs(data[at + 1] - green) + Math.abs(data[at + 2] - blue);
        if (off > ${tolerance} || data[at + 3] < ${OPAQUE_LEAST}) continue;
        const [column, row] = [(at / 4) % width, Math.floor(at / 4 / width)];
        columns[column]++;
        rows[row]++;
        pixels++;
        x += column;
        y += row;
      }
      const area = { pixels, x: box.x + (x / pixels) * (box.width / width), y: box.y + (y / pixels) * (box.height / height) };
      return { width, height, scale: width / canvas.clientWidth, columns, rows, area };
    });
    probe.remove();
    return maps;
  })()`) as Promise<ColourMap[]>;
}

const ATTEMPTS = 50;
const ATTEMPT_MS = 100;

/** A colour once something of it is there: the figures come after the page. */
export async function drawnPixels(page: Page, canvas: string, colourName: string): Promise<ColourMap> {
  await page.locator(canvas).waitFor();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const [map] = await pixelsOf(page, canvas, [colourName]);
    if (map !== undefined && map.area.pixels > 0) return map;
    await page.waitForTimeout(ATTEMPT_MS);
  }
  return assert.fail(`nothing of ${colourName} was drawn`);
}
