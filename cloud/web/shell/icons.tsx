/** Small drawings of our own, 20 × 20, in the colour of the text beside them. */

const PATHS = {
  overview: 'M3 9.5 10 4l7 5.5V16a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1zM8 17v-5h4v5',
  states: 'm3 5 5-2 4 2 5-2v12l-5 2-4-2-5 2zM8 3v12M12 5v12',
  households: 'M2.5 9 7 5.2 11.500 9v7h-9zM11.500 16h6V7.500L14 4.500l-2 1.700M5.700 16v-3.500h2.600V16',
  explore: 'M3 16.500h14M3 13l4-5 3.500 3L16 4.500',
  fleet: 'M3.500 4h13v4.500h-13zM3.500 11.500h13V16h-13zM6.300 6.200h.01M6.300 13.800h.01M9 6.200h4.500M9 13.800h4.500',
  previous: 'm12 4-6 6 6 6',
  next: 'm8 4 6 6-6 6',
  down: 'm5 8 5 5 5-5',
  calendar: 'M3.500 5h13v11.500h-13zM3.500 8.500h13M7 3v3.500M13 3v3.500',
  export: 'M10 3v9M6.500 8.800 10 12.300l3.500-3.500M3.500 13v3.500h13V13',
  link: 'M8.500 11.500a3 3 0 0 0 4.200 0l3-3a3 3 0 0 0-4.200-4.200l-1 1M11.500 8.500a3 3 0 0 0-4.200 0l-3 3a3 3 0 0 0 4.200 4.200l1-1',
  settings: 'M3 6h8M15 6h2M3 14h2M9 14h8M13 3.800v4.400M7 11.800v4.400',
  help: 'M7.300 7.500a2.700 2.700 0 1 1 3.900 2.400c-.8.4-1.200.9-1.200 1.900M10 15.200h.01',
  close: 'm5 5 10 10M15 5 5 15',
  pause: 'M7 4.500v11M13 4.500v11',
  play: 'm6 4 9.500 6L6 16z',
  table: 'M3 4.500h14v11H3zM3 8.200h14M3 11.900h14M8 4.500v11',
  chart: 'M3 16.500h14M5.500 13.500v-4M10 13.500v-8M14.500 13.500V8',
  zoomBack: 'M13 13l4 4M8.500 14a5.500 5.500 0 1 0 0-11 5.500 5.500 0 0 0 0 11zM6 8.500h5',
  compare: 'M3 7h11l-3-3M17 13H6l3 3',
  warning: 'M10 3.500 17.500 16.500h-15zM10 8.500v4M10 14.500h.01',
} as const;

export type IconName = keyof typeof PATHS;

/** Always beside a word or inside something that has a name: hidden from screen readers. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
