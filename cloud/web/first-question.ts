/**
 * Begins before the page: asks for the series that an address of the explorer names, while the scripts that draw them are still being
 * read. Small on purpose, without calendar, words or charts.
 */
import { askEarly } from './data/early.ts';
import { choiceOf } from './pages/explore/choice.ts';
import { exploreQuestion } from './pages/explore/question.ts';
import { rangeOf, zoneOf } from './range-address.ts';
import { keptSettings } from './shell/kept-settings.ts';
import { routeOf } from './shell/routes.ts';

if (routeOf(location.pathname).page === 'explore') ask();

function ask(): void {
  const query = new URLSearchParams(location.search);
  const range = rangeOf(query);
  const { zone: chosen, language } = keptSettings();
  const zone = zoneOf(range, chosen);
  const question = exploreQuestion(choiceOf(query), range, zone);
  if (question !== null) askEarly(question);
  // A browser reads its calendars and names when they are first used, for ten milliseconds: here, where it would only wait.
  new Date(0).toLocaleString(language, { timeZone: zone });
}
