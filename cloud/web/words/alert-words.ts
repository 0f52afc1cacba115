/**
 * Words of alerts: what is raised, its figure, what to do. The English ones are the cloud's own; a test compares them, and the names of
 * alerts and figures.
 */
import type { Dictionary } from './dictionary.ts';

export const ALERT_WORDS = {
  'alert.title.edge-silent': { en: 'edge {subject} is silent', de: 'Edge {subject} meldet sich nicht' },
  'alert.title.household-silent': { en: 'household {subject} owes windows', de: 'Haushalt {subject} bleibt Fenster schuldig' },
  'alert.title.outbox-deep': { en: 'edge {subject} has a deep outbox', de: 'Edge {subject} hat einen vollen Ausgang' },
  'alert.title.outbox-old': { en: 'edge {subject} has an old window waiting', de: 'bei Edge {subject} wartet ein altes Fenster' },
  'alert.title.outbox-full': {
    en: 'edge {subject} takes in nothing more: its outbox is full',
    de: 'Edge {subject} nimmt nichts mehr auf: sein Ausgang ist voll bis zum Rand',
  },
  'alert.title.outbox-trimmed': {
    en: 'edge {subject} has dropped acknowledged rows early',
    de: 'Edge {subject} hat bestätigte Zeilen vorzeitig gelöscht',
  },
  'alert.title.household-parked': { en: 'edge {subject} holds households back', de: 'Edge {subject} hält Haushalte zurück' },
  'alert.title.household-waiting': {
    en: 'edge {subject} waits for households to be assigned',
    de: 'Edge {subject} wartet darauf, dass ihm Haushalte zugeteilt werden',
  },
  'alert.title.records-unreadable': {
    en: 'edge {subject} has set records of the topic aside',
    de: 'Edge {subject} hat Einträge des Topics beiseitegelegt',
  },
  'alert.title.outbox-damaged': {
    en: 'edge {subject} has found damage in its outbox',
    de: 'Edge {subject} hat Schäden in seinem Ausgangspuffer gefunden',
  },
  'alert.title.topic-damaged': {
    en: 'edge {subject} has a damaged topic, which was set aside',
    de: 'Edge {subject} hat ein beschädigtes Topic, das beiseitegelegt wurde',
  },
  'alert.title.names-left-out': {
    en: 'edge {subject} can not ask for households whose names are none',
    de: 'Edge {subject} kann Haushalte nicht anmelden, deren Namen keine sind',
  },
  'alert.title.edge-certificate-ending': {
    en: 'edge {subject} has a certificate that expires soon',
    de: 'Edge {subject} hat ein Zertifikat, das bald abläuft',
  },
  'alert.title.rows-refused': {
    en: 'cloud refuses rows that contradict what is stored, or make no sense',
    de: 'Cloud lehnt Zeilen ab, die dem Gespeicherten widersprechen oder keinen Sinn ergeben',
  },
  'alert.title.owner-refused': {
    en: 'cloud refuses an edge whose households belong to another',
    de: 'Cloud weist einen Edge ab, dessen Haushalte einem anderen gehören',
  },
  'alert.title.peers-refused': { en: 'cloud refuses peers at the link', de: 'Cloud weist Gegenstellen an der Verbindung ab' },
  'alert.title.certificate-ending': {
    en: 'cloud has a certificate that expires soon',
    de: 'Cloud hat ein Zertifikat, das bald abläuft',
  },
  'alert.title.requests-unusable': {
    en: 'cloud gets requests that it can not serve',
    de: 'Cloud bekommt Anfragen, die sie nicht bedienen kann',
  },
  'alert.title.gaps-declared': {
    en: 'cloud was told of readings that are missing for good',
    de: 'der Cloud wurden Messwerte gemeldet, die endgültig fehlen',
  },
  'alert.title.store-damaged': { en: 'cloud has stored parts that are damaged', de: 'Cloud hat gespeicherte Teile, die beschädigt sind' },
  'alert.title.records-damaged': {
    en: 'cloud has damaged records that it can not mend',
    de: 'Cloud hat beschädigte Einträge, die sie nicht heilen kann',
  },
  'alert.title.records-mended': {
    en: 'cloud found damaged records and mended them',
    de: 'Cloud hat beschädigte Einträge gefunden und geheilt',
  },
  'alert.title.duplicates-many': { en: 'cloud gets most rows twice', de: 'Cloud bekommt die meisten Zeilen doppelt' },
  'alert.title.redis-down': { en: 'cloud does not reach Redis', de: 'Cloud erreicht Redis nicht' },

  'alert.figure.not-heard': { en: 'not heard since this cloud started', de: 'nicht gehört, seit diese Cloud läuft' },
  'alert.figure.no-heartbeat': { en: 'no heartbeat comes any more', de: 'es kommt kein Lebenszeichen mehr' },
  'alert.figure.parts-of-households': {
    en: ['{n} part of {households} households', '{n} parts of {households} households'],
    de: ['{n} Teil von {households} Haushalten', '{n} Teile von {households} Haushalten'],
  },
  'alert.figure.windows-behind': {
    en: ['the oldest is {n} window behind the newest reading', 'the oldest is {n} windows behind the newest reading'],
    de: ['das älteste liegt {n} Fenster hinter dem neuesten Messwert', 'das älteste liegt {n} Fenster hinter dem neuesten Messwert'],
  },
  'alert.figure.parts-wait': { en: ['{n} part waits', '{n} parts wait'], de: ['{n} Teil wartet', '{n} Teile warten'] },
  'alert.figure.rows-dropped': { en: ['{n} row', '{n} rows'], de: ['{n} Zeile', '{n} Zeilen'] },
  'alert.figure.parked': { en: '{n} parked, {household}: {reason}', de: '{n} zurückgestellt, {household}: {reason}' },
  'alert.figure.parked-unnamed': { en: '{n} parked', de: '{n} zurückgestellt' },
  'alert.figure.waiting': { en: '{n}, the first is {household}', de: '{n}, der erste ist {household}' },
  'alert.figure.waiting-unnamed': { en: ['{n} waits', '{n} wait'], de: ['{n} wartet', '{n} warten'] },
  'alert.figure.records-aside': { en: ['{n} record', '{n} records'], de: ['{n} Eintrag', '{n} Einträge'] },
  'alert.figure.places-damaged': {
    en: ['{n} place of the outbox', '{n} places of the outbox'],
    de: ['{n} Stelle des Ausgangspuffers', '{n} Stellen des Ausgangspuffers'],
  },
  'alert.figure.topics-aside': {
    en: ['{n} damaged file is kept', '{n} damaged files are kept'],
    de: ['{n} beschädigte Datei liegt da', '{n} beschädigte Dateien liegen da'],
  },
  'alert.figure.names-none': {
    en: ['{n} household name', '{n} household names'],
    de: ['{n} Name eines Haushalts', '{n} Namen von Haushalten'],
  },
  'alert.figure.days-left': {
    en: ['{n} day until it expires', '{n} days until it expires'],
    de: ['{n} Tag, bis es abläuft', '{n} Tage, bis es abläuft'],
  },
  'alert.figure.rows-lately': {
    en: ['{n} row in {minutes} min', '{n} rows in {minutes} min'],
    de: ['{n} Zeile in {minutes} min', '{n} Zeilen in {minutes} min'],
  },
  'alert.figure.refusals-lately': {
    en: ['{n} refusal in {minutes} min', '{n} refusals in {minutes} min'],
    de: ['{n} Abweisung in {minutes} min', '{n} Abweisungen in {minutes} min'],
  },
  'alert.figure.requests-lately': {
    en: ['{n} request in {minutes} min', '{n} requests in {minutes} min'],
    de: ['{n} Anfrage in {minutes} min', '{n} Anfragen in {minutes} min'],
  },
  'alert.figure.readings-lately': {
    en: ['{n} reading in {minutes} min', '{n} readings in {minutes} min'],
    de: ['{n} Messwert in {minutes} min', '{n} Messwerte in {minutes} min'],
  },
  'alert.figure.duplicates-lately': { en: '{n} of {rows} rows in {minutes} min', de: '{n} von {rows} Zeilen in {minutes} min' },
  'alert.figure.parts-damaged': {
    en: ['{n} part whose checksum does not hold', '{n} parts whose checksum does not hold'],
    de: ['{n} Teil, dessen Prüfsumme nicht stimmt', '{n} Teile, deren Prüfsumme nicht stimmt'],
  },
  'alert.figure.rows-mended': {
    en: ['{n} row was damaged and is mended', '{n} rows were damaged and are mended'],
    de: ['{n} Zeile war beschädigt und ist geheilt', '{n} Zeilen waren beschädigt und sind geheilt'],
  },
  'alert.figure.rows-damaged': {
    en: ['{n} row is damaged and can’t be mended', '{n} rows are damaged and can’t be mended'],
    de: ['{n} Zeile ist beschädigt und kann nicht geheilt werden', '{n} Zeilen sind beschädigt und können nicht geheilt werden'],
  },
  'alert.figure.redis-alone': {
    en: 'the newest windows are in this process alone',
    de: 'die neuesten Fenster stehen nur in diesem Prozess',
  },
  'alert.figure.windows-owed': {
    en: ['{n} window expected and not there', '{n} windows expected and not there'],
    de: ['{n} Fenster erwartet und nicht da', '{n} Fenster erwartet und nicht da'],
  },
  'alert.figure.windows-owed-slowly': {
    en: ['{n} window expected and not there, one every {seconds} s', '{n} windows expected and not there, one every {seconds} s'],
    de: ['{n} Fenster erwartet und nicht da, eines alle {seconds} s', '{n} Fenster erwartet und nicht da, eines alle {seconds} s'],
  },
  'alert.figure.nothing-expected': {
    en: 'nothing is expected of it any more',
    de: 'von ihm wird nichts mehr erwartet',
  },
  'alert.ofHousehold': { en: '{figure} (household {household})', de: '{figure} (Haushalt {household})' },

  'alert.todo.edge-silent': {
    en: 'look whether edge and link run; its windows wait in its outbox and come by themselves',
    de: 'nachsehen, ob Edge und Verbindung laufen; seine Fenster warten im Ausgang und kommen von selbst',
  },
  'alert.todo.household-silent': {
    en: 'look at the meter and its way to the topic; the edge is heard, this household is not',
    de: 'Zähler und Weg zum Topic ansehen; der Edge ist zu hören, dieser Haushalt nicht',
  },
  'alert.todo.outbox-deep': {
    en: 'the link is down or slower than the meters: see the edge state, then the duplicates and the time that requests take',
    de: 'die Verbindung steht nicht oder ist langsamer als die Zähler: Zustand des Edge ansehen, dann Doppelte und Dauer der Anfragen',
  },
  'alert.todo.outbox-old': {
    en: 'one source waits while others go on: look at what the edge says is parked or waiting',
    de: 'eine Quelle wartet, andere gehen weiter: ansehen, was der Edge als zurückgestellt oder wartend nennt',
  },
  'alert.todo.outbox-full': {
    en: 'mend the link, or raise edge.outbox_quota_mb while the disk has room; the readings wait in the topic until its retention',
    de: 'Verbindung beheben, oder edge.outbox_quota_mb erhöhen, solange Platz ist; die Messwerte warten im Topic, so lange es sie aufhebt',
  },
  'alert.todo.outbox-trimmed': {
    en: 'a cloud restored from a backup older than what is left would lack them: raise edge.outbox_quota_mb, back up more often',
    de: 'einer Cloud aus einer Sicherung, die älter ist als der Rest, würden sie fehlen: edge.outbox_quota_mb erhöhen, öfter sichern',
  },
  'alert.todo.household-parked': {
    en: 'fogline parked list on the edge says why; mend that, then fogline parked resume HOUSEHOLD',
    de: 'fogline parked list auf dem Edge sagt den Grund; diesen beheben, dann fogline parked resume HAUSHALT',
  },
  'alert.todo.household-waiting': {
    en: 'the edge can not say hello: look at the link and at what this cloud refuses',
    de: 'der Edge kann sich nicht anmelden: Verbindung ansehen, und was diese Cloud abweist',
  },
  'alert.todo.records-unreadable': {
    en: 'fogline parked list on the edge shows the records; mend who writes them',
    de: 'fogline parked list auf dem Edge zeigt die Einträge; beheben, was sie schreibt',
  },
  'alert.todo.outbox-damaged': {
    en: 'look at its disk; its log says what was damaged, and is asked for anew; raised until the edge is started again',
    de: 'Platte des Edge ansehen; sein Protokoll sagt, was beschädigt war und neu erfragt wird; steht bis zum Neustart des Edge',
  },
  'alert.todo.topic-damaged': {
    en: 'look at its disk; a log there says what was lost and where the file is kept; raised until that folder is deleted',
    de: 'Platte des Edge ansehen; ein Protokoll dort sagt, was verloren ist und wo die Datei liegt; steht, bis der Ordner gelöscht ist',
  },
  'alert.todo.names-left-out': {
    en: 'its log names them; stop it, put its outbox aside, start it: cloud and topic are asked for what it held',
    de: 'sein Protokoll nennt sie; anhalten, Ausgangspuffer beiseitelegen, starten: Cloud und Topic werden nach dem Inhalt gefragt',
  },
  'alert.todo.edge-certificate-ending': {
    en: 'fogline certs rotate --edge makes a new bundle: put it in the place of the old one at the edge',
    de: 'fogline certs rotate --edge macht ein neues Bündel: beim Edge an die Stelle des alten setzen',
  },
  'alert.todo.rows-refused': {
    en: 'the households are parked at their edge, which says why: fogline parked list there',
    de: 'die Haushalte sind bei ihrem Edge zurückgestellt, der den Grund nennt: dort fogline parked list',
  },
  'alert.todo.owner-refused': {
    en: 'two edges have the same households or are copies of one: stop the one that should not run',
    de: 'zwei Edges haben dieselben Haushalte oder sind Kopien voneinander: den anhalten, der nicht laufen soll',
  },
  'alert.todo.peers-refused': {
    en: 'fogline_link_refused_total says why and the log from where: a certificate that ended, or somebody who tries',
    de: 'fogline_link_refused_total sagt, warum, das Protokoll, woher: ein abgelaufenes Zertifikat, oder jemand, der es versucht',
  },
  'alert.todo.certificate-ending': {
    en: 'fogline certs rotate makes another: copy cloud.pem to the cloud, nothing need be restarted',
    de: 'fogline certs rotate macht ein neues: cloud.pem zur Cloud kopieren, neu gestartet werden muss nichts',
  },
  'alert.todo.requests-unusable': {
    en: 'the log says why: a full disk here, another version or another site there; edges keep what was not stored',
    de: 'das Protokoll sagt, warum: hier eine volle Platte, dort andere Version oder Site; Edges behalten, was nicht gespeichert ist',
  },
  'alert.todo.gaps-declared': {
    en: 'GET /api/v1/households/ID/gaps says which and why; what turns up later is still taken',
    de: 'GET /api/v1/households/ID/gaps sagt, welche und warum; was später auftaucht, wird noch genommen',
  },
  'alert.todo.store-damaged': {
    en: 'fogline audit names the windows; look at the disk, stop the cloud, fogline restore a backup (--part cloud --force)',
    de: 'fogline audit nennt die Fenster; Platte ansehen, Cloud anhalten, Sicherung einspielen (fogline restore --part cloud --force)',
  },
  'alert.todo.records-damaged': {
    en: 'the log names household and row; stop the cloud, fogline restore a backup, start it; then at the edge: fogline parked resume',
    de: 'Protokoll nennt Haushalt und Zeile; Cloud anhalten, fogline restore mit einer Sicherung, starten; am Edge: fogline parked resume',
  },
  'alert.todo.records-mended': {
    en: 'nothing is lost; look at the disk: what flipped these bits flips others, and not all can be mended',
    de: 'nichts ist verloren; die Platte ansehen: was diese Bits gekippt hat, kippt auch andere, und nicht alle sind zu heilen',
  },
  'alert.todo.duplicates-many': {
    en: 'acknowledgements get lost or come after link.data_deadline_seconds: nothing is counted twice, but the link is spent',
    de: 'Bestätigungen gehen verloren oder kommen nach link.data_deadline_seconds: nichts zählt doppelt, aber die Verbindung leidet',
  },
  'alert.todo.redis-down': {
    en: 'fogline doctor says why; storing goes on, only other cloud processes show older values',
    de: 'fogline doctor sagt den Grund; gespeichert wird weiter, nur andere Cloud-Prozesse zeigen ältere Werte',
  },
} as const satisfies Dictionary;
