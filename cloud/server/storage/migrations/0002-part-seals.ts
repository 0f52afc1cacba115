/** A checksum in every part (part-seals.ts). Rows of the first version have none, and are taken as they are. */
export const PART_SEALS = `
ALTER TABLE parts ADD COLUMN seal INTEGER;
`;
