// The player: one take, or two side by side or in turn. What is known of takes, and the words, are look.js's.
'use strict';

/** The take that was looked at before this one. */
let before = null;
/** `one`, `two` side by side, or `flicker`. */
let mode = 'one';
let playing = true;
/** The frame that is shown, from 0. */
let frame = 0;

/** One picture of the player: a clip that plays, and over it the exact frame where it stands still. */
class Pane {
  constructor(figure) {
    this.figure = figure;
    this.video = figure.querySelector('video');
    this.still = figure.querySelector('.still');
    this.waiting = figure.querySelector('.waiting');
    this.caption = figure.querySelector('figcaption');
    this.id = null;
    this.loading = 0;
    this.video.addEventListener('loadeddata', () => { this.waiting.hidden = true; this.seek(frame); if (playing) this.play(); });
    this.video.addEventListener('error', () => {
      if (!this.video.getAttribute('src')) return;
      this.waiting.hidden = true;
      reasonFor(this.video.src, called(this.id));
    });
    this.still.addEventListener('load', () => { this.still.hidden = playing; });
    this.still.addEventListener('error', () => { if (this.still.getAttribute('src')) reasonFor(this.still.src, called(this.id)); });
  }

  get take() { return takes.get(this.id); }

  show(id) {
    if (id !== this.id) {
      this.id = id;
      clearTimeout(this.loading);
      this.still.hidden = true;
      this.still.removeAttribute('src');
      this.video.removeAttribute('src');
      this.video.poster = `/takes/${id}/poster.jpg`;
      this.video.load();
      this.waiting.hidden = true;
      // Not at once: who leafs through takes does not want every clip made.
      this.loading = setTimeout(() => {
        this.waiting.hidden = false;
        this.video.src = `/takes/${id}/clip.mp4`;
      }, 130);
      if (!playing) this.exact();
    }
    this.tell();
  }

  tell() {
    const one = this.take;
    if (!one) return;
    const strong = document.createElement('strong');
    strong.textContent = capital(called(this.id));
    const { verdict, stars } = one.standing;
    const rest = [NAMES[verdict], stars ? '★'.repeat(stars) : '', mode !== 'one' && this.id === held ? 'held' : ''];
    this.caption.replaceChildren(strong, ` ${rest.filter(Boolean).join(' · ')}`);
  }

  /** This take's frame for a frame of the player: a shorter one begins again. */
  frameFor(n) { return this.take ? n % this.take.frames : 0; }

  seek(n) {
    if (!this.take || this.video.readyState < 1) return;
    // The middle of the frame, so that no rounding shows the one beside it.
    this.video.currentTime = (this.frameFor(n) + 0.5) / fps(this.take);
  }

  play() {
    this.still.hidden = true;
    // A clip that is not there yet begins when it is; one that is let go of meanwhile says so here, and need not be heard.
    if (this.video.getAttribute('src')) this.video.play().catch(() => {});
  }

  pause() { this.video.pause(); }

  /** Shows the frame itself, not that of the compressed clip. */
  exact() {
    if (!this.take) return;
    const address = `/takes/${this.id}/frames/${this.frameFor(frame)}.png`;
    if (this.still.getAttribute('src') === address) { this.still.hidden = false; return; }
    this.still.hidden = true;
    this.still.src = address;
  }

  /** The frame that is on the screen while it plays. */
  get at() {
    const n = Math.floor(this.video.currentTime * fps(this.take) + 1e-3);
    return Math.min(Math.max(n, 0), this.take.frames - 1);
  }
}

const one = new Pane($('pane-a'));
const other = new Pane($('pane-b'));
const panes = () => (mode === 'one' ? [one] : [one, other]);

function go(id) {
  if (!takes.has(id)) return;
  if (id !== current) { before = current; current = id; }
  frame = Math.min(frame, takes.get(id).frames - 1);
  one.show(id);
  const element = tiles.get(id);
  element?.scrollIntoView({ block: 'nearest' });
  if ($('grid').contains(document.activeElement)) element?.focus({ preventScroll: true });
  mark();
  about();
  told();
}

function step(by) {
  const at = shown.indexOf(current);
  if (!shown.length) return;
  const to = at < 0 ? 0 : at + by;
  if (to < 0 || to >= shown.length) { say(by < 0 ? 'This is the first take shown.' : 'This is the last take shown.'); return; }
  go(shown[to]);
}

/** How many tiles stand in a row. */
function columns() {
  return getComputedStyle($('grid')).gridTemplateColumns.split(' ').length;
}

function play(on) {
  playing = on;
  for (const pane of panes()) {
    if (on) { pane.seek(frame); pane.play(); } else pane.pause();
  }
  if (!on) seek(frame);
  told();
}

/** Stands at a frame. */
function seek(n) {
  const count = takes.get(current)?.frames || 1;
  frame = ((n % count) + count) % count;
  for (const pane of panes()) { pane.seek(frame); if (!playing) pane.exact(); }
  told();
}

function stepFrame(by) {
  if (playing) play(false);
  seek(frame + by);
}

function told() {
  const one_take = takes.get(current);
  if (!one_take) return;
  $('play-word').textContent = playing ? 'Pause' : 'Play';
  $('scrub').max = one_take.frames - 1;
  $('scrub').value = frame;
  // Counted from 1 for people, from 0 in addresses.
  const words = `${frame + 1} / ${one_take.frames}`;
  $('scrub').setAttribute('aria-valuetext', `frame ${words}`);
  if ($('frame').textContent !== words) $('frame').textContent = words;
}

let turned = 0;
/** Once for every frame of the screen: follows the clip, keeps two together, and takes turns in a flicker. */
function tick(now) {
  requestAnimationFrame(tick);
  if (playing && one.take && !one.video.paused && one.video.readyState >= 2) {
    frame = one.at;
    told();
    if (mode !== 'one' && other.take && other.video.readyState >= 2 && Math.abs(other.at - other.frameFor(frame)) > 2) {
      other.video.currentTime = other.frameFor(frame) / fps(other.take) + (one.video.currentTime % (1 / fps(one.take)));
    }
  }
  // Slower than three turns a second, for the eyes' sake.
  if (mode === 'flicker' && now - turned > 420) {
    turned = now;
    const ready = playing || (!one.still.hidden && !other.still.hidden);
    const under = ready ? !other.figure.classList.contains('under') : true;
    other.figure.classList.toggle('under', under);
    one.figure.classList.toggle('under', !under);
  }
}

/** One take, two side by side, or two in turn. */
function look(wanted) {
  const next = mode === wanted ? 'one' : wanted;
  if (next !== 'one' && (!held || !takes.has(held))) {
    const select = shot.takes.find((t) => t.standing.verdict === 'chosen' && t.take !== current);
    const beside = shown[shown.indexOf(current) + 1] || shown[shown.indexOf(current) - 1];
    held = [select?.take, before, beside].find((id) => id && id !== current && takes.has(id)) || null;
    if (!held) { say('There is no other take to compare with.'); return; }
  }
  mode = next;
  $('stage').className = mode;
  other.figure.hidden = mode === 'one';
  for (const pane of [one, other]) pane.figure.classList.remove('under');
  if (mode === 'one') other.pause();
  else { other.show(held); if (held === current) say(`Both are ${called(held)}: go to another with j or k.`); }
  for (const [name, button] of [['two', 'compare'], ['flicker', 'flicker']]) {
    document.querySelector(`[data-do="${button}"]`).setAttribute('aria-pressed', String(mode === name));
  }
  if (playing) for (const pane of panes()) pane.play();
  seek(frame);
  mark();
  about();
  one.tell();
}

function hold() {
  if (!current) return;
  held = held === current ? null : current;
  say(held ? `${capital(called(held))} is held: compare others with it by c or f.` : 'No take is held.');
  if (mode !== 'one' && held) { other.show(held); seek(frame); } else if (mode !== 'one') look('one');
  mark();
  about();
}

function swap() {
  if (mode === 'one' || !held || held === current) return;
  const was = current;
  current = null;
  go(held);
  held = was;
  other.show(held);
  one.tell();
  mark();
  about();
}
