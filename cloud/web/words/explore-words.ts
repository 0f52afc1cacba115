/** Words of the page Explorer. */
import type { Dictionary } from './dictionary.ts';

export const EXPLORE_WORDS = {
  'explore.title': { en: 'Explorer', de: 'Explorer' },
  'explore.all': { en: 'all households', de: 'alle Haushalte' },
  'explore.each': {
    en: ['{n} household · power', 'each of {n} households · power'],
    de: ['{n} Haushalt · power', 'jeder von {n} Haushalten · power'],
  },
  'explore.series': { en: 'Series', de: 'Reihen' },
  'explore.add': { en: 'Add a series', de: 'Reihe hinzufügen' },
  'explore.search': { en: 'Add a series: household, device, state, field', de: 'Reihe hinzufügen: Haushalt, Gerät, Land, Messgröße' },
  'explore.nothingFound': { en: 'No series has all these words.', de: 'Keine Reihe enthält alle diese Wörter.' },
  'explore.more': {
    en: ['{n} more: type to narrow it down', '{n} more: type to narrow it down'],
    de: ['{n} weitere: durch Tippen eingrenzen', '{n} weitere: durch Tippen eingrenzen'],
  },
  'explore.chosen': { en: ['{n} series', '{n} series'], de: ['{n} Reihe', '{n} Reihen'] },
  'explore.thirdUnit': {
    en: 'Not added: its unit ({unit}) would need a third axis. A chart has up to {most} units; remove the series of one first.',
    de: 'Nicht hinzugefügt: Die Einheit ({unit}) bräuchte eine dritte Achse. Ein Diagramm hat bis zu {most} Einheiten.',
  },
  'explore.tooMany': { en: 'Not added: a chart has up to {most} series.', de: 'Nicht hinzugefügt: Ein Diagramm hat bis zu {most} Reihen.' },
  'explore.notStored': {
    en: 'Nothing is stored of {names}: gone, mistyped, or not there yet. The others are shown.',
    de: 'Nichts gespeichert ist von {names}: fort, vertippt oder noch nicht da. Die anderen sind gezeigt.',
  },
  'explore.noneStored': {
    en: 'Nothing is stored of {names}: gone, mistyped, or not there yet.',
    de: 'Nichts gespeichert ist von {names}: fort, vertippt oder noch nicht da.',
  },
  'explore.refused': {
    en: ['{n} series is not drawn: a chart has up to {most} units.', '{n} series are not drawn: a chart has up to {most} units.'],
    de: [
      '{n} Reihe wird nicht gezeichnet: Ein Diagramm hat bis zu {most} Einheiten.',
      '{n} Reihen werden nicht gezeichnet: Ein Diagramm hat bis zu {most} Einheiten.',
    ],
  },
  'explore.show': { en: 'Show', de: 'Einblenden' },
  'explore.hide': { en: 'Hide', de: 'Ausblenden' },
  'explore.remove': { en: 'Remove {label}', de: '{label} entfernen' },
  'explore.removeAll': { en: 'Remove all', de: 'Alle entfernen' },
  'explore.pick': { en: 'Add a series to begin.', de: 'Fügen Sie eine Reihe hinzu.' },
  'explore.resolution': { en: 'Resolution', de: 'Auflösung' },
  'explore.res.auto': { en: 'auto', de: 'automatisch' },
  'explore.res.raw': { en: 'raw (windows)', de: 'roh (Fenster)' },
  'explore.toAuto': { en: 'Let the resolution be chosen', de: 'Auflösung wählen lassen' },
  'explore.statistic': { en: 'Statistic', de: 'Kennwert' },
  'explore.stat.mean': { en: 'mean', de: 'Mittel' },
  'explore.stat.min': { en: 'minimum', de: 'Minimum' },
  'explore.stat.max': { en: 'maximum', de: 'Maximum' },
  'explore.stat.last': { en: 'last', de: 'letzter Wert' },
  'explore.stat.sum': { en: 'sum of window means', de: 'Summe der Fenstermittel' },
  'explore.stat.count': { en: 'readings', de: 'Messwerte' },
  'explore.stat.energy': { en: 'energy', de: 'Energie' },
  'explore.stacked': { en: 'Stacked', de: 'Gestapelt' },
  'explore.noStack': {
    en: 'Only for two or more series of one unit of which none is a part of another, and not beside another period',
    de: 'Nur für mehrere Reihen einer Einheit, von denen keine Teil einer anderen ist, und nicht neben einem anderen Zeitraum',
  },
  'explore.normalised': { en: 'Normalised', de: 'Normiert' },
  'explore.normalisedNote': {
    en: 'Each series in percent of its own greatest value in the range',
    de: 'Jede Reihe in Prozent ihres eigenen größten Werts im Zeitraum',
  },
  'explore.chart': { en: 'Chart of the chosen series', de: 'Diagramm der gewählten Reihen' },
  'explore.keys': {
    en: 'Left and right arrow keys move from point to point, plus and minus zoom.',
    de: 'Pfeiltasten links und rechts gehen von Punkt zu Punkt, Plus und Minus zoomen.',
  },
  'explore.others': { en: ['and {n} more series', 'and {n} more series'], de: ['und {n} weitere Reihe', 'und {n} weitere Reihen'] },
  'explore.strip': { en: 'The whole recording', de: 'Die ganze Aufzeichnung' },
  'explore.brush': { en: 'Range shown', de: 'Gezeigter Zeitraum' },
  'explore.brushFrom': { en: 'Begin of the range shown', de: 'Beginn des gezeigten Zeitraums' },
  'explore.brushTo': { en: 'End of the range shown', de: 'Ende des gezeigten Zeitraums' },
  'explore.figures': { en: 'Figures of the chart', de: 'Zahlen des Diagramms' },
  'explore.moreRows': { en: ['Show {n} more row', 'Show {n} more rows'], de: ['{n} weitere Zeile zeigen', '{n} weitere Zeilen zeigen'] },
  'explore.noExtremes': {
    en: [
      '{n} series is a sum: its extremes and last reading are known only raw.',
      '{n} series are sums: their extremes and last readings are known only raw.',
    ],
    de: [
      '{n} Reihe ist eine Summe: Extremwerte und letzter Messwert sind nur roh bekannt.',
      '{n} Reihen sind Summen: Extremwerte und letzte Messwerte sind nur roh bekannt.',
    ],
  },
  'explore.noEnergy': {
    en: ['{n} series is no power: it has no energy.', '{n} series are no power: they have no energy.'],
    de: ['{n} Reihe ist keine Leistung: Sie hat keine Energie.', '{n} Reihen sind keine Leistung: Sie haben keine Energie.'],
  },
  'explore.statistics': { en: 'Statistics', de: 'Kennzahlen' },
  'explore.statisticsNote': {
    en: 'Of the points shown ({statistic}), weighted by the data there is. Least and greatest are single readings where known.',
    de: 'Über die gezeigten Punkte ({statistic}), nach vorhandenen Daten gewichtet. Min. und Max. sind Messwerte, wo bekannt.',
  },
  'explore.points': { en: 'points', de: 'Punkte' },
  'explore.p95': { en: 'p95', de: 'P95' },
  'explore.total': { en: ['Total of {n}', 'Total of {n}'], de: ['Summe von {n}', 'Summe von {n}'] },
  'explore.ndjson': { en: 'NDJSON', de: 'NDJSON' },
  'explore.fixedLink': { en: 'Copy link to these instants', de: 'Link auf diese Zeitpunkte kopieren' },
  'explore.r': { en: 'Copy as R', de: 'Als R kopieren' },
} as const satisfies Dictionary;
