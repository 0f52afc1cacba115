/** How every tooltip looks. */
import type { Colours } from './colours.ts';

export function tooltipLook(colours: Colours) {
  return {
    displayColors: false,
    backgroundColor: colours.text,
    titleColor: colours.surface,
    bodyColor: colours.surface,
    titleFont: { family: colours.font, size: 12 },
    bodyFont: { family: colours.font, size: 12 },
    padding: 9,
  };
}
