/**
 * The search for series: a combobox with a list below it. Typing narrows, arrow keys move, Enter adds or takes away, Escape closes. The
 * list stays open, so that several can be chosen.
 */
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { say } from '../../shell/clipboard.ts';
import { useLocale } from '../../shell/locale.ts';
import { type Option, optionsFor } from './catalogue.ts';
import { type Choice, refusalOf, SERIES_MAX, UNITS_MAX, unitOf } from './choice.ts';
import type { LabelOf } from './series-label.ts';
import { change } from './use-choice.ts';
import type { KnownCatalogue } from './use-catalogue.ts';

/** No option is active yet. */
const NOWHERE = -1;

interface PickerProps {
  choice: Choice;
  label: LabelOf;
  known: KnownCatalogue;
  text: string;
  setText: (text: string) => void;
  /** The reader is about to choose. */
  onOpen: () => void;
}

export function SeriesPicker(props: PickerProps) {
  const { choice, label, known, text, setText, onOpen } = props;
  const locale = useLocale();
  const { t } = locale;
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const [isOpen, setOpen] = useState(false);
  const [at, setAt] = useState(NOWHERE);
  const [refusal, setRefusal] = useState('');
  const wordsOf = (option: Option) =>
    option.kind === 'each' ? t('explore.each', { n: option.refs.length }) : label(option.refs[0] ?? option.key);
  const { options, more } = optionsFor(known.catalogue, text, wordsOf);
  const active = isOpen ? options[Math.min(at, options.length - 1)] : undefined;
  useEffect(() => {
    if (active !== undefined) document.getElementById(`${id}-${active.key}`)?.scrollIntoView({ block: 'nearest' });
  }, [active?.key]);
  const open = () => {
    onOpen();
    setOpen(true);
  };
  const close = () => {
    setOpen(false);
    setAt(NOWHERE);
  };
  const toggle = (option: Option) => setRefusal(toggled(choice, option, locale));
  const onKeyDown = keysOf({ isOpen, at, setAt, open, close, options, text, setText, toggle });
  const leave = ({ relatedTarget }: FocusEvent) => {
    if (!(relatedTarget instanceof Node && box.current?.contains(relatedTarget) === true)) close();
  };
  const onInput = (typed: string) => {
    setText(typed);
    setAt(NOWHERE);
    open();
  };
  return (
    <div class="picker" ref={box} onFocusOut={leave}>
      <label class="hidden" for={id}>
        {t('explore.add')}
      </label>
      <input
        id={id}
        type="text"
        role="combobox"
        data-search=""
        autocomplete="off"
        spellcheck={false}
        placeholder={t('explore.search')}
        aria-expanded={isOpen}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-describedby={`${id}-refusal`}
        {...(active === undefined ? {} : { 'aria-activedescendant': `${id}-${active.key}` })}
        value={text}
        onFocus={open}
        onClick={open}
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <div class="options" hidden={!isOpen}>
        <Options id={id} choice={choice} options={isOpen ? options : []} active={active} wordsOf={wordsOf} toggle={toggle} />
        <p class="lead" role="status">
          {noteOf({ known, shown: options.length, more }, locale)}
        </p>
      </div>
      <p class="refusal" id={`${id}-refusal`} role="alert">
        {refusal}
      </p>
    </div>
  );
}

interface OptionsProps {
  id: string;
  choice: Choice;
  options: readonly Option[];
  active: Option | undefined;
  wordsOf: (option: Option) => string;
  toggle: (option: Option) => void;
}

function Options({ id, choice, options, active, wordsOf, toggle }: OptionsProps) {
  const { t } = useLocale();
  return (
    <ul role="listbox" id={`${id}-list`} aria-label={t('explore.series')} aria-multiselectable="true">
      {options.map((option) => (
        <li
          key={option.key}
          id={`${id}-${option.key}`}
          role="option"
          aria-selected={isChosen(choice, option)}
          title={option.key}
          data-active={option === active}
          // The field keeps the focus.
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => toggle(option)}
        >
          <span>{wordsOf(option)}</span>
          <small>{option.kind === 'each' ? '' : unitOf(option.key)}</small>
        </li>
      ))}
    </ul>
  );
}

interface Keyed {
  isOpen: boolean;
  at: number;
  setAt: (at: number) => void;
  open: () => void;
  close: () => void;
  options: readonly Option[];
  text: string;
  setText: (text: string) => void;
  toggle: (option: Option) => void;
}

function keysOf({ isOpen, at, setAt, open, close, options, text, setText, toggle }: Keyed): (event: KeyboardEvent) => void {
  return (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!isOpen) open();
      const next = event.key === 'ArrowDown' ? at + 1 : Math.max(at, 0) - 1;
      if (options.length > 0) setAt((next + options.length) % options.length);
    } else if (event.key === 'Enter' && isOpen) {
      event.preventDefault();
      // What was searched for and not yet walked to: the first that was found.
      const chosen = options[at] ?? (text.trim() === '' ? undefined : options[0]);
      if (chosen !== undefined) toggle(chosen);
    } else if (event.key === 'Escape') {
      if (isOpen) close();
      else setText('');
    }
  };
}

function isChosen({ refs }: Pick<Choice, 'refs'>, option: Option): boolean {
  return option.refs.every((ref) => refs.includes(ref));
}

/** @returns why it can't be shown, empty when it is */
function toggled({ refs, hidden }: Choice, option: Option, { t }: ReturnType<typeof useLocale>): string {
  if (isChosen({ refs }, option)) {
    const gone = new Set(option.refs);
    change({ refs: refs.filter((ref) => !gone.has(ref)), hidden: new Set([...hidden].filter((ref) => !gone.has(ref))) });
    return '';
  }
  const next = [...refs];
  for (const ref of option.refs) {
    if (next.includes(ref)) continue;
    const refusal = refusalOf(next, ref);
    if (refusal === 'thirdUnit') return t('explore.thirdUnit', { unit: unitOf(ref) || '?', most: UNITS_MAX });
    if (refusal === 'tooMany') {
      if (next.length > refs.length) break;
      return t('explore.tooMany', { most: SERIES_MAX });
    }
    next.push(ref);
  }
  change({ refs: next });
  say(t('explore.chosen', { n: next.length }));
  return '';
}

function noteOf(
  { known, shown, more }: { known: KnownCatalogue; shown: number; more: number },
  { t }: ReturnType<typeof useLocale>,
): string {
  if (known.failure !== undefined) return t('chart.failed');
  if (known.isLoading) return t('shell.loading');
  if (shown === 0) return t('explore.nothingFound');
  return more > 0 ? t('explore.more', { n: more }) : '';
}
