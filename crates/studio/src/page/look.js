// The viewer's page: the takes of a shot to compare and judge by keys. No library, and nothing loaded from elsewhere.
// What plays is in player.js, which is read after this.
'use strict';

const $ = (id) => document.getElementById(id);
const TOKEN = document.querySelector('meta[name="heirloom-token"]').content;
// The token has done its work in the address: the cookie bears it now.
history.replaceState(null, '', '/');

// ---------------------------------------------------------------- what is known

/** What the server says of the shot. */
let shot = { label: '', by: '', revision: 0, counts: {}, measures: [], takes: [] };
let takes = new Map();
/** Ids of the takes that are shown, in their order. */
let shown = [];
let current = null;
let held = null;

const NAMES = {
  open: 'unjudged', chosen: 'chosen', replaced: 'chosen before', rejected: 'rejected', shelved: 'shelved', culled: 'culled',
};
const MARKS = { chosen: '✓ chosen', replaced: 'was chosen', rejected: '✕ rejected', shelved: 'shelved', culled: 'culled' };

const called = (id) => (takes.has(id) ? `take ${takes.get(id).number}` : 'a take of another shot');
const fps = (take) => take.rate[0] / take.rate[1];
const plural = (n, word) => `${n} ${word}${n === 1 ? '' : 's'}`;
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function number(value) {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** A measure as people say it: "sharpness.blur_px" is "sharpness: blur". */
function measureName(measure) {
  const units = measure.unit ? ['_' + measure.unit.replace('%', 'percent').replace('/', '_')] : [];
  let name = measure.name;
  for (const unit of units) if (name.endsWith(unit)) name = name.slice(0, -unit.length);
  return name.replace('.', ': ').replaceAll('_', ' ');
}

// ---------------------------------------------------------------- words to the person

let clearing = 0;
function say(words) {
  const status = $('status');
  status.textContent = words;
  status.classList.remove('gone');
  clearTimeout(clearing);
  clearing = setTimeout(() => status.classList.add('gone'), 4000);
}

const MOST_ERRORS = 4;
/** Shows an error until it is put away; the same one once. */
function complain(words, key = words) {
  const there = [...$('errors').children].find((p) => p.dataset.key === key);
  if (there) { there.firstChild.textContent = words; return; }
  // The page is for takes: of many faults the newest few stay.
  while ($('errors').children.length >= MOST_ERRORS) $('errors').firstElementChild.remove();
  const p = document.createElement('p');
  p.dataset.key = key;
  const text = document.createElement('span');
  text.textContent = words;
  const away = document.createElement('button');
  away.type = 'button';
  away.textContent = 'Put away';
  away.addEventListener('click', () => p.remove());
  p.append(text, away);
  $('errors').append(p);
}
function settled(key) {
  for (const p of [...$('errors').children]) if (p.dataset.key === key) p.remove();
}

// ---------------------------------------------------------------- asking the server

async function ask(path, body) {
  const options = { headers: { 'x-heirloom-token': TOKEN } };
  if (body !== undefined) {
    options.method = 'POST';
    options.headers['content-type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  const answer = await fetch(path, options);
  if (answer.ok) return answer.json();
  let words = `the viewer answered ${answer.status}`;
  try { words = (await answer.json()).error || words; } catch { /* it was no JSON; the status says it */ }
  throw new Error(words);
}

let refreshing = null;
let again = false;
/** Reads the shot anew; asked for while it is being read, it is read once more. */
function refresh() {
  if (refreshing) { again = true; return refreshing; }
  refreshing = (async () => {
    do {
      again = false;
      take(await ask('/api/shot'));
    } while (again);
  })().finally(() => { refreshing = null; });
  return refreshing;
}

/** Takes in what the server says of the shot. */
function take(fresh) {
  const known = takes;
  shot = fresh;
  takes = new Map(shot.takes.map((one) => [one.take, one]));
  const fresher = shot.takes.filter((one) => !known.has(one.take)).length;
  if (known.size && fresher) say(`${plural(fresher, 'new take')}`);
  document.title = `${shot.label} – takes`;
  $('label').textContent = shot.label;
  orders();
  list();
}

/** Waits for news of the ledger, for as long as the page is open. */
async function listen() {
  for (;;) {
    try {
      const news = await ask(`/api/news?after=${shot.revision}`);
      if (news.ended) {
        complain('The viewer was stopped. Start `heirloom look` again and open the address that it prints.', 'gone');
        return;
      }
      if (news.revision !== shot.revision) await refresh();
      settled('gone');
    } catch {
      complain('The viewer does not answer; it is asked again. If it was stopped, start `heirloom look` anew.', 'gone');
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
}

// ---------------------------------------------------------------- the list

const tiles = new Map();
const filter = () => document.querySelector('input[name="filter"]:checked').value;

function orders() {
  const select = $('order');
  const wanted = select.value || 'oldest';
  const options = [['oldest', 'oldest first'], ['newest', 'newest first'], ['stars', 'stars'],
    ...shot.measures.map((m) => [m.name, `${measureName(m)}${m.better === 'more' ? ', most first' : ', least first'}`])];
  if (select.options.length === options.length) return;
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  select.value = options.some(([value]) => value === wanted) ? wanted : 'oldest';
}

function ordered(all) {
  const by = $('order').value;
  if (by === 'oldest') return all;
  if (by === 'newest') return [...all].reverse();
  if (by === 'stars') return [...all].sort((a, b) => (b.standing.stars || 0) - (a.standing.stars || 0) || a.number - b.number);
  const way = shot.measures.find((m) => m.name === by)?.better === 'more' ? -1 : 1;
  const of = (one) => (by in one.measures ? way * one.measures[by] : Infinity);
  // Those without the measure follow.
  return [...all].sort((a, b) => (of(a) === of(b) ? a.number - b.number : of(a) - of(b)));
}

/** The measure that stands below a picture: the one of the order, or the first of these that there is. */
function keyMeasure() {
  const by = $('order').value;
  const names = [by, 'sharpness.blur_px', 'flicker.frame_percent', 'motion.speed_percent_s'];
  return names.map((name) => shot.measures.find((m) => m.name === name)).find(Boolean);
}

function list() {
  const place = shown.indexOf(current);
  const wanted = filter();
  const let_through = (one) => wanted === 'all' || one.standing.verdict === wanted;
  shown = ordered(shot.takes.filter(let_through)).map((one) => one.take);
  for (const input of document.querySelectorAll('input[name="filter"]')) {
    const n = input.value === 'all' ? shot.takes.length : shot.counts[input.value] || 0;
    input.nextElementSibling.querySelector('b').textContent = n;
  }
  $('filter-culled').hidden = !shot.counts.culled && wanted !== 'culled';
  const key = keyMeasure();
  const elements = shown.map((id) => tile(takes.get(id), key));
  const grid = $('grid');
  const same = grid.children.length === elements.length && elements.every((e, n) => grid.children[n] === e);
  if (!same) {
    const focused = grid.contains(document.activeElement) ? document.activeElement : null;
    grid.replaceChildren(...elements);
    if (focused && grid.contains(focused)) focused.focus({ preventScroll: true });
  }
  $('none').hidden = shown.length > 0;
  $('none').textContent = shot.takes.length
    ? `None of the ${plural(shot.takes.length, 'take')} ${shot.takes.length === 1 ? 'is' : 'are'} ${NAMES[wanted]}.`
    : 'This shot has no takes yet. Those that are drawn appear here by themselves.';
  if (current && !shown.includes(current) && shown.length) go(shown[Math.min(Math.max(place, 0), shown.length - 1)]);
  else if (!current && shown.length) go((shot.takes.find((one) => one.standing.verdict === 'chosen') || takes.get(shown[0])).take);
  mark();
  about();
}

function tile(one, key) {
  let element = tiles.get(one.take);
  if (!element) {
    element = document.createElement('div');
    element.className = 'tile';
    element.id = `take-${one.take}`;
    element.setAttribute('role', 'option');
    element.tabIndex = -1;
    element.innerHTML = '<span class="poster"><img alt="" loading="lazy" decoding="async"><span class="number"></span>'
      + '<span class="mark"></span><span class="held">held</span></span>'
      + '<span class="below"><span class="line"><span class="stars"></span><span class="key"></span></span></span>';
    const image = element.querySelector('img');
    image.addEventListener('error', () => reasonFor(image.src, called(one.take)));
    image.src = `/takes/${one.take}/poster.jpg`;
    element.addEventListener('click', () => go(one.take));
    tiles.set(one.take, element);
  }
  const { verdict, stars } = one.standing;
  const value = key && key.name in one.measures
    ? `${measureName(key).split(': ').pop()} ${number(one.measures[key.name])} ${key.unit}` : '';
  const seed = one.seed === null ? '' : `seed ${one.seed}`;
  const says = JSON.stringify([one.number, verdict, stars, value, seed, key?.name]);
  if (element.dataset.says !== says) {
    element.dataset.says = says;
    const part = (name) => element.querySelector(`.${name}`);
    part('number').textContent = one.number;
    part('mark').textContent = MARKS[verdict] || '';
    part('mark').className = `mark ${verdict}`;
    part('mark').hidden = !MARKS[verdict];
    part('stars').textContent = stars ? '★'.repeat(stars) : seed;
    part('stars').classList.toggle('seed', !stars);
    part('key').textContent = value;
    part('key').title = key ? `${measureName(key)}: ${key.what}` : '';
    element.className = `tile ${verdict}`;
    element.setAttribute('aria-label', [`Take ${one.number}`, NAMES[verdict], stars ? plural(stars, 'star') : '', seed]
      .filter(Boolean).join(', '));
  }
  return element;
}

/** Shows in the list which take is looked at and which is held. */
function mark() {
  for (const id of shown) {
    const element = tiles.get(id);
    element.setAttribute('aria-selected', String(id === current));
    element.tabIndex = id === current ? 0 : -1;
    element.querySelector('.held').hidden = id !== held;
  }
}

/** Why a picture did not come: an image's own error bears no words. */
async function reasonFor(address, what) {
  try {
    const answer = await fetch(address, { headers: { 'x-heirloom-token': TOKEN } });
    if (answer.ok) { await answer.body?.cancel(); complain(`${capital(what)} can not be shown by this browser.`); return; }
    const words = await answer.json().then((json) => json.error, () => `the viewer answered ${answer.status}`);
    // Many takes may have the same fault: it is said once, of the last.
    complain(`${capital(what)}: ${words}`, words);
  } catch { /* the server is gone, and that is said already */ }
}

// ---------------------------------------------------------------- what is said and measured of the take

function line(...parts) {
  const p = document.createElement('p');
  p.append(...parts);
  return p;
}
function span(name, text) {
  const element = document.createElement('span');
  element.className = name;
  element.textContent = text;
  return element;
}
const when = (at) => new Date(at).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });

function about() {
  const here = takes.get(current);
  for (const pane of panes()) pane.tell();
  $('about').hidden = !here;
  if (!here) return;
  const { standing } = here;
  const verdict = line(span('verdict', capital(NAMES[standing.verdict])));
  verdict.className = standing.verdict;
  if (standing.said) verdict.append(span('by', ` by ${standing.by_cull ? 'a cull, ' : ''}${standing.said.by.name}, ${when(standing.said.at)}`));
  if (standing.reason) verdict.append(`: ${standing.reason}`);
  const kept = standing.kept ? [line(`Place ${standing.kept} among those that the last cull kept.`)] : [];
  const notes = standing.notes.map((note) => line(`“${note.text}”`, span('by', ` ${note.said.by.name}, ${when(note.said.at)}`)));
  $('said').replaceChildren(verdict, ...kept, ...notes);

  const facts = [
    ['Engine', here.engine], ['Seed', here.seed], ['Take', here.take.slice(0, 12)],
    ['Length', `${here.frames} frames at ${+fps(here).toFixed(3)} a second`],
    ['Prompt', here.prompt && (here.version > 1 ? `${here.prompt} (version ${here.version})` : here.prompt)],
    ['Grew from', here.parent && `${called(here.parent)}${here.parent_note ? `: ${here.parent_note}` : ''}`],
    ['Drawn', when(here.drawn_at)],
    ['Waited', here.waited_s === null ? null : `${number(here.waited_s)} s`],
    ['Cost', here.cost_usd === null ? null : `$ ${here.cost_usd.toFixed(2)}`],
  ];
  $('facts').replaceChildren(...facts.filter(([, value]) => value !== null && value !== '').flatMap(([name, value]) => {
    const [dt, dd] = [document.createElement('dt'), document.createElement('dd')];
    [dt.textContent, dd.textContent] = [name, value];
    return [dt, dd];
  }));
  measured(here);
  for (const [n, button] of [...document.querySelectorAll('#stars button')].entries()) {
    button.classList.toggle('on', n < (standing.stars || 0));
    button.setAttribute('aria-pressed', String(n + 1 === standing.stars));
  }
}

function measured(here) {
  const beside = mode !== 'one' && held !== current ? takes.get(held) : null;
  $('held-head').hidden = !beside;
  const rows = shot.measures.filter((m) => m.name in here.measures || (beside && m.name in beside.measures));
  $('measured').hidden = rows.length === 0;
  $('measured').querySelector('tbody').replaceChildren(...rows.map((m) => {
    const tr = document.createElement('tr');
    const cell = (tag, text) => { const c = document.createElement(tag); c.textContent = text; tr.append(c); return c; };
    const head = cell('th', measureName(m));
    head.scope = 'row';
    head.title = m.what;
    const text = (one_take) => (m.name in one_take.measures ? `${number(one_take.measures[m.name])} ${m.unit}` : '–');
    cell('td', text(here));
    if (beside) cell('td', text(beside));
    cell('td', rank(m, here));
    return tr;
  }));
}

/** Where a take stands among the shot's by a measure; nothing where neither more nor less is better. */
function rank(measure, here) {
  if (!measure.better || !(measure.name in here.measures)) return '';
  const value = here.measures[measure.name];
  const others = shot.takes.filter((t) => measure.name in t.measures).map((t) => t.measures[measure.name]);
  const ahead = others.filter((v) => (measure.better === 'more' ? v > value : v < value)).length;
  return `${ahead + 1} / ${others.length}`;
}

// ---------------------------------------------------------------- judging

async function judge(said, words, id = current) {
  if (!id) return;
  try {
    await ask(`/api/takes/${id}/judge`, said);
    say(`${capital(called(id))} ${words}`);
    await refresh();
  } catch (error) { complain(capital(error.message)); }
}

async function takeBack(way) {
  try {
    const done = await ask(`/api/${way}`, {});
    await refresh();
    const on = done.take && takes.has(done.take) ? ` of ${called(done.take)}` : '';
    say(way === 'undo' ? `Taken back: “${done.what}”${on}. Shift+U does it again.` : `In force again${on}.`);
    if (done.take && shown.includes(done.take)) go(done.take);
  } catch (error) { complain(capital(error.message)); }
}

/** Asks for words; nothing happens where none are given and `must` says there have to be some. */
function words(title, must) {
  const dialog = $('words');
  $('words-title').textContent = title;
  $('words-text').value = '';
  $('words-text').required = must;
  dialog.returnValue = '';
  dialog.showModal();
  $('words-text').focus();
  return new Promise((done) => {
    dialog.addEventListener('close', () => done(dialog.returnValue === 'ok' ? $('words-text').value.trim() : null), { once: true });
  });
}
/** Asks for words about the take that is looked at now, whatever is looked at when they come, and says them of it. */
async function because(title, must, said, done) {
  const id = current;
  if (!id) return;
  const given = await words(title.replace('TAKE', called(id)), must);
  if (given !== null) judge(said(given), done, id);
}
$('words').querySelector('form').addEventListener('submit', (event) => { event.preventDefault(); $('words').close('ok'); });
$('words-cancel').addEventListener('click', () => $('words').close(''));
$('words-text').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); $('words').querySelector('form').requestSubmit(); }
});

const ACTIONS = {
  play: () => play(!playing),
  back: () => stepFrame(-1),
  forward: () => stepFrame(1),
  first: () => { if (playing) play(false); seek(0); },
  last: () => { if (playing) play(false); seek(-1); },
  next: () => step(1),
  previous: () => step(-1),
  down: () => step(Math.min(columns(), Math.max(shown.length - 1 - shown.indexOf(current), 1))),
  up: () => step(-Math.min(columns(), Math.max(shown.indexOf(current), 1))),
  hold: () => hold(),
  swap: () => swap(),
  compare: () => look('two'),
  flicker: () => look('flicker'),
  alone: () => { if (mode !== 'one') look(mode); },
  choose: () => judge({ do: 'choose' }, 'is the shot’s select.'),
  shelve: () => judge({ do: 'shelve', reason: null }, 'is shelved.'),
  shelveWhy: () => because('Why is TAKE shelved?', false, (reason) => ({ do: 'shelve', reason }), 'is shelved.'),
  reject: () => because('Why will TAKE not do?', true, (reason) => ({ do: 'reject', reason }), 'is rejected.'),
  note: () => because('A note on TAKE', true, (text) => ({ do: 'note', text }), 'has a note.'),
  undo: () => takeBack('undo'),
  redo: () => takeBack('redo'),
  filter: () => document.querySelector('input[name="filter"]:checked').focus(),
  order: () => $('order').focus(),
  help: () => $('help').showModal(),
};
for (let n = 0; n <= 5; n += 1) ACTIONS[n] = () => judge({ do: 'star', stars: n }, n ? `has ${plural(n, 'star')}.` : 'has no stars.');

const KEYS = {
  ' ': 'play', ',': 'back', '.': 'forward', Home: 'first', End: 'last', j: 'next', k: 'previous', ArrowRight: 'next',
  ArrowLeft: 'previous', ArrowDown: 'down', ArrowUp: 'up', h: 'hold', w: 'swap', c: 'compare', f: 'flicker', Escape: 'alone',
  Enter: 'choose', g: 'choose', x: 'reject', s: 'shelve', S: 'shelveWhy', n: 'note', u: 'undo', U: 'redo', '/': 'filter',
  o: 'order', '?': 'help', 0: '0', 1: '1', 2: '2', 3: '3', 4: '4', 5: '5',
};
const MOVES = new Set(['play', 'back', 'forward', 'next', 'previous', 'down', 'up']);

document.addEventListener('keydown', (event) => {
  const at = event.target;
  // Keys that end a dialog come by here when it is closed already.
  if (at.closest('dialog') || document.querySelector('dialog[open]')) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const action = KEYS[event.key];
  if (at.matches('input[type="radio"], select')) {
    // They have keys of their own; these lead back to the takes.
    if (event.key === 'Enter' || event.key === 'Escape') { event.preventDefault(); (tiles.get(current) || document.body).focus(); at.blur(); }
    return;
  }
  if (at.matches('input[type="range"]') && /^(Arrow|Home|End|Page)/.test(event.key)) return;
  if (at.matches('button') && (event.key === 'Enter' || event.key === ' ')) return;
  if (!action || (event.repeat && !MOVES.has(action))) return;
  event.preventDefault();
  ACTIONS[action]();
});

document.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button?.dataset.do) ACTIONS[button.dataset.do]();
  // A button that was clicked does not keep the keys: space plays, wherever the mouse was.
  if (event.detail > 0) button?.blur();
});
$('scrub').addEventListener('input', () => { if (playing) play(false); seek(Number($('scrub').value)); });
$('filter').addEventListener('change', list);
$('order').addEventListener('change', list);
$('help-open').addEventListener('click', ACTIONS.help);
$('help-close').addEventListener('click', () => $('help').close());

// Once player.js is read too.
document.addEventListener('DOMContentLoaded', () => {
  refresh().catch((error) => complain(capital(error.message))).finally(listen);
  requestAnimationFrame(tick);
});
