/**
 * Words of problems: by what the API says in particular, else by their kind, which the API's own English follows. A test compares the codes
 * and kinds with the API's.
 */
import type { Dictionary } from './dictionary.ts';

export const PROBLEM_WORDS = {
  'problem.household-unknown': { en: 'no household {household} is known', de: 'der Haushalt {household} ist nicht bekannt' },
  'problem.edge-unknown': { en: 'no edge {edge} is known', de: 'der Edge {edge} ist nicht bekannt' },
  'problem.state-unknown': { en: 'no state {state}: there are {states}', de: 'kein Land {state}: es gibt {states}' },
  'problem.field-unknown': {
    en: 'no field {field} is stored; there are {fields}',
    de: 'ein Feld {field} ist nicht gespeichert; es gibt {fields}',
  },
  'problem.field-unknown-yet': {
    en: 'no field {field} is stored; nothing is stored yet',
    de: 'ein Feld {field} ist nicht gespeichert; noch ist nichts gespeichert',
  },
  'problem.field-of-another': { en: '{household} has no field {field}', de: '{household} hat kein Feld {field}' },
  'problem.series-field-unknown': {
    en: '{series}: no field {field} is stored; there are {fields}',
    de: '{series}: ein Feld {field} ist nicht gespeichert; es gibt {fields}',
  },
  'problem.series-field-unknown-yet': {
    en: '{series}: no field {field} is stored; nothing is stored yet',
    de: '{series}: ein Feld {field} ist nicht gespeichert; noch ist nichts gespeichert',
  },
  'problem.series-unknown': { en: '{series} is not stored', de: '{series} ist nicht gespeichert' },
  'problem.some-series-unknown': {
    en: ['{n} of {asked} series is not stored: {names}', '{n} of {asked} series are not stored: {names}'],
    de: ['{n} von {asked} Reihen ist nicht gespeichert: {names}', '{n} von {asked} Reihen sind nicht gespeichert: {names}'],
  },
  'problem.not-an-id': {
    en: '{parameter} is not an id: up to 128 of A-Z a-z 0-9 _ -',
    de: '{parameter} ist keine Kennung: bis zu 128 Zeichen aus A-Z a-z 0-9 _ -',
  },
  'problem.not-a-zone': {
    en: '{parameter} is not a time zone: write its IANA name, e.g. Europe/Berlin or UTC',
    de: '{parameter} ist keine Zeitzone: den IANA-Namen angeben, etwa Europe/Berlin oder UTC',
  },
  'problem.not-a-time': {
    en: '{parameter} is not a time: write it with its zone, e.g. 2019-12-24T06:00:00Z, or as in latest-24h',
    de: '{parameter} ist keine Zeit: mit Zeitzone angeben, etwa 2019-12-24T06:00:00Z, oder wie in latest-24h',
  },
  'problem.time-without-zone': {
    en: '{parameter} has no zone: write it with its zone, e.g. 2019-12-24T06:00:00Z or 2019-12-24T07:00:00+01:00',
    de: '{parameter} fehlt die Zeitzone: mit Zeitzone angeben, etwa 2019-12-24T06:00:00Z oder 2019-12-24T07:00:00+01:00',
  },
  'problem.from-after-to': { en: '{parameter} lies after to: swap them', de: '{parameter} liegt nach to: beide vertauschen' },
  'problem.over-a-year': {
    en: '{parameter} lies more than a year before to: take a shorter range',
    de: '{parameter} liegt mehr als ein Jahr vor to: einen kürzeren Zeitraum wählen',
  },
  'problem.not-a-power': {
    en: '{parameter} is not a power: a profile is made of a field in W',
    de: '{parameter} ist keine Leistung: ein Profil entsteht aus einem Feld in W',
  },
  'problem.too-many-buckets': {
    en: '{resolution} would give more than {most} buckets: take {coarser}, or a shorter range',
    de: '{resolution} ergäbe mehr als {most} Abschnitte: {coarser} oder einen kürzeren Zeitraum wählen',
  },
  'problem.not-whole-windows': {
    en: 'this resolution is not whole windows of {seconds} s by the clocks of {zone}: take another resolution or zone',
    de: 'diese Auflösung geht nach den Uhren von {zone} nicht in Fenstern von {seconds} s auf: andere Auflösung oder Zone wählen',
  },
  'problem.too-many-numbers': {
    en: 'this would be {n} numbers, and one answer has no more than {most}: take fewer series or a coarser resolution',
    de: 'das wären {n} Zahlen, und eine Antwort hat höchstens {most}: weniger Reihen oder eine gröbere Auflösung wählen',
  },
  'problem.too-much-to-read': {
    en: 'this would read {n} buckets, and one answer reads up to {most}: take a coarser resolution or a shorter range',
    de: 'dafür wären {n} Abschnitte zu lesen, und eine Antwort liest höchstens {most}: gröbere Auflösung oder kürzeren Zeitraum wählen',
  },
  'problem.part-damaged': {
    en: 'the window {start} of {household}, {device} is damaged: ask for the time around it, or for a coarser resolution',
    de: 'das Fenster {start} von {household}, {device} ist beschädigt: die Zeit davor und danach oder eine gröbere Auflösung wählen',
  },
  'problem.bucket-damaged': {
    en: 'the figures from {start} of {household}, {device}, {field} are damaged: ask for the time around it, or for another resolution',
    de: 'die Werte ab {start} von {household}, {device}, {field} sind beschädigt: die Zeit darum herum oder eine andere Auflösung wählen',
  },
  'problem.forgotten': {
    en: 'what is kept every {seconds} s begins at {start}: take a coarser resolution or a later time',
    de: 'was alle {seconds} s aufbewahrt ist, beginnt {start}: eine gröbere Auflösung oder eine spätere Zeit wählen',
  },
  'problem.reads-wait': {
    en: '{n} questions wait already, which is all that may: ask again in a while',
    de: '{n} Anfragen warten schon, mehr dürfen es nicht sein: in einer Weile noch einmal versuchen',
  },
  'problem.streams-taken': {
    en: 'all {n} live streams are taken: ask again in a while',
    de: 'alle {n} Live-Verbindungen sind vergeben: in einer Weile noch einmal versuchen',
  },
  'problem.too-many-requests': {
    en: 'more than {n} requests in a minute: wait a while',
    de: 'mehr als {n} Anfragen in einer Minute: eine Weile warten',
  },
  'problem.server-fault': {
    en: 'this is a fault of the server; its log says more. Asking again may work',
    de: 'das ist ein Fehler des Servers; sein Protokoll sagt mehr. Noch einmal zu fragen kann helfen',
  },

  'problem.kind.bad-parameter': { en: '{detail}', de: 'so lässt sich das nicht fragen: {detail}' },
  'problem.kind.bad-request': { en: '{detail}', de: 'der Server kann die Anfrage nicht lesen: {detail}' },
  'problem.kind.busy': { en: '{detail}', de: 'der Server ist ausgelastet: {detail}' },
  'problem.kind.damaged': { en: '{detail}', de: 'was gespeichert ist, ist hier beschädigt: {detail}' },
  'problem.kind.forgotten': { en: '{detail}', de: 'so lange wird es nicht aufbewahrt: {detail}' },
  'problem.kind.internal': { en: '{detail}', de: 'das ist ein Fehler des Servers: {detail}' },
  'problem.kind.method-not-allowed': { en: '{detail}', de: 'diese Art der Anfrage gibt es hier nicht: {detail}' },
  'problem.kind.no-token': { en: '{detail}', de: 'dafür braucht es ein Token: {detail}' },
  'problem.kind.no-such-edge': { en: '{detail}', de: 'diesen Edge gibt es nicht: {detail}' },
  'problem.kind.no-such-field': { en: '{detail}', de: 'dieses Feld gibt es nicht: {detail}' },
  'problem.kind.no-such-household': { en: '{detail}', de: 'diesen Haushalt gibt es nicht: {detail}' },
  'problem.kind.no-such-series': { en: '{detail}', de: 'diese Reihe gibt es nicht: {detail}' },
  'problem.kind.no-such-state': { en: '{detail}', de: 'dieses Land gibt es nicht: {detail}' },
  'problem.kind.not-found': { en: '{detail}', de: 'das gibt es hier nicht: {detail}' },
  'problem.kind.page-not-built': { en: '{detail}', de: 'die Seiten sind nicht gebaut: {detail}' },
  'problem.kind.store-unavailable': { en: '{detail}', de: 'der Speicher antwortet nicht: {detail}' },
  'problem.kind.too-large': { en: '{detail}', de: 'die Anfrage ist zu groß: {detail}' },
  'problem.kind.too-many-requests': { en: '{detail}', de: 'zu viele Anfragen: {detail}' },
  'problem.kind.unsupported-media-type': { en: '{detail}', de: 'diese Form nimmt der Server nicht: {detail}' },
  'problem.kind.wrong-host': { en: '{detail}', de: 'unter diesem Namen antwortet der Server nicht: {detail}' },
  'problem.kind.wrong-origin': { en: '{detail}', de: 'diese Anfrage kommt von einer anderen Seite: {detail}' },
} as const satisfies Dictionary;
