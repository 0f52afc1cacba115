/** What the cloud or an edge says; where it is English in a page that is not, a screen reader hears so. */
import { type Told, toldText } from '../live/told.ts';

export function ToldText({ told: { text, isEnglish, quoted } }: { told: Told }) {
  return (
    <>
      {isEnglish ? <span lang="en">{text}</span> : text}
      {quoted !== undefined && <ToldText told={quoted} />}
    </>
  );
}

/** For a table of words. */
export function toldCell(told: Told) {
  return { text: toldText(told), content: <ToldText told={told} /> };
}
