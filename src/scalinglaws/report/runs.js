/* A point of a picture shows its run: the row of the table, near the pointer or by arrow keys. */
(function () {
'use strict';
const rows = [...document.querySelectorAll('#runs tbody tr')];
const heads = [...document.querySelectorAll('#runs thead th')].map(head => head.textContent);
const tip = document.getElementById('hover');
const reach = 12; // pixels from the pointer

function show(dot) {
  document.querySelectorAll('.hit').forEach(e => e.classList.remove('hit'));
  const row = dot && rows[Number(dot.dataset.run)];
  tip.hidden = !row;
  if (!row) return;
  dot.classList.add('hit');
  tip.replaceChildren(...[...row.cells].flatMap((cell, i) =>
    [heads[i] + ' ' + cell.textContent, document.createElement('br')]));
  const at = dot.getBoundingClientRect(), above = at.top - tip.offsetHeight - 8;
  tip.style.left = Math.max(4, Math.min(innerWidth - tip.offsetWidth - 4, at.left + 12)) + 'px';
  tip.style.top = (above > 0 ? above : at.bottom + 8) + 'px';
}

function nearest(dots, x, y) {
  let best = null, least = reach ** 2;
  for (const dot of dots) {
    const r = dot.getBoundingClientRect();
    const d = (r.left + r.width / 2 - x) ** 2 + (r.top + r.height / 2 - y) ** 2;
    if (d < least) [best, least] = [dot, d];
  }
  return best;
}

document.querySelectorAll('svg').forEach(picture => {
  const dots = [...picture.querySelectorAll('[data-run]')];
  if (!dots.length) return;
  let place = dots.length; // the first step back is to the largest run
  picture.tabIndex = 0;
  picture.addEventListener('pointermove', e => show(nearest(dots, e.clientX, e.clientY)));
  picture.addEventListener('pointerleave', () => show(null));
  picture.addEventListener('blur', () => show(null));
  picture.addEventListener('keydown', e => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (e.key === 'Escape') show(null);
    if (!step) return;
    e.preventDefault();
    place = Math.max(0, Math.min(dots.length - 1, place + step));
    show(dots[place]);
  });
});
})();
