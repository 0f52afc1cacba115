/** What every page is given. */
export interface PageProps {
  /** The state's code, the household's or the edge's id of the address; undefined on the page of all of them. */
  id: string | undefined;
}
