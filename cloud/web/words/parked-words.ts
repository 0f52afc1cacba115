/** Why households are held back. The English ones are those of the edge and the cloud; a test compares them. */
import type { Dictionary } from './dictionary.ts';

export const PARKED_WORDS = {
  'parked.taken-over': {
    en: 'another edge has taken it over; restart this edge to claim it again',
    de: 'ein anderer Edge hat ihn übernommen; diesen Edge neu starten, um ihn zurückzuholen',
  },
  'parked.not-allowed': {
    en: 'edge {edge} may not own it: the operator of the cloud allows it (fogline certs allow {edge}), then: fogline parked resume',
    de: 'Edge {edge} darf ihn nicht führen: der Betreiber der Cloud erlaubt es (fogline certs allow {edge}), danach: fogline parked resume',
  },
  'parked.records-damaged': {
    en: "the cloud's records of it are damaged: fogline restore a backup of the cloud; then, at the edge: fogline parked resume: {fault}",
    de: 'Einträge der Cloud zu ihm sind beschädigt: Sicherung einspielen (fogline restore), dann am Edge fogline parked resume: {fault}',
  },
  'parked.device-damaged': {
    en: "the cloud's records of it are damaged: start the cloud server anew, it looks through them: {fault}",
    de: 'die Einträge der Cloud über ihn sind beschädigt: den Cloud-Server neu starten, er sieht sie durch: {fault}',
  },
  'parked.name-unusable': {
    en: 'its name is not an id: bring edge and cloud to one version, then: fogline parked resume',
    de: 'sein Name ist keine Kennung: Edge und Cloud auf eine Version bringen, danach: fogline parked resume',
  },
  'parked.generation-unusable': {
    en: "its generation is not a count: the edge's outbox is damaged: stop the edge, put its outbox aside, start it",
    de: 'seine Generation ist keine Anzahl: der Ausgang des Edge ist beschädigt: den Edge anhalten, den Ausgang beiseitelegen, ihn starten',
  },
  'parked.row-damaged': { en: 'outbox row {row} is damaged: {fault}', de: 'Zeile {row} des Ausgangs ist beschädigt: {fault}' },
  'parked.conflict': {
    en: 'conflict at seq {from}..{to}: the cloud has other readings under these numbers',
    de: 'unter den Nummern {from} bis {to} sind schon andere Messwerte gespeichert',
  },
  'parked.second-source': {
    en: 'rejected at seq {from}..{to}: second source: a new source of a device must begin later than the earlier one ended',
    de: 'abgelehnt bei Nummer {from} bis {to}: eine neue Quelle eines Geräts muss später beginnen, als die frühere geendet hat',
  },
  'parked.rejected': { en: 'rejected at seq {from}..{to}: {fault}', de: 'abgelehnt bei Nummer {from} bis {to}: {fault}' },
} as const satisfies Dictionary;
