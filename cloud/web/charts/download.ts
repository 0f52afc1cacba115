/** Saves what the page made as a file of the reader's. */
import { after } from '../page-clock.ts';

/** The browser has begun the download by then. */
const DOWNLOAD_BEGUN_MS = 10_000;

export function download(name: string, type: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  savePicture(name, address);
  after(DOWNLOAD_BEGUN_MS, () => URL.revokeObjectURL(address));
}

/** @param address a data: or blob: address */
export function savePicture(name: string, address: string): void {
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
}
