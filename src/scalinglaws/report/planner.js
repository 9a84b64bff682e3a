/* The planner: reads plans from the tables in the page, and writes them as sentence, rows, picture.
   A table has axes, [first, step, count], and columns of numbers; sizes and tokens are logarithms. */
(function () {
'use strict';
const $ = id => document.getElementById(id);
const data = JSON.parse($('data').textContent);
if (!data) return;

/* --- numbers as people write them --- */
const suffixes = { k: 1e3, m: 1e6, b: 1e9, g: 1e9, t: 1e12, q: 1e15 };
const pattern = /^\s*((?:\d{1,3}(?:[,_ ]\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:e([-+]?\d+))?\s*([kmbgtq]?)\s*$/i;

function parse(text) {
  const m = pattern.exec(text);
  if (!m) return NaN;
  return Number(m[1].replace(/[,_ ]/g, '') + 'e' + (m[2] || 0)) * (suffixes[m[3].toLowerCase()] || 1);
}

const rounded = (v, digits) => Number(v.toPrecision(digits));

function power(v, digits = 3) {
  const [mantissa, exponent] = v.toExponential(digits - 1).split('e');
  return Number(mantissa) + 'e' + Number(exponent);
}

function count(v, digits = 3) {
  for (const [size, letter] of [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e3, 'K']])
    if (v >= size * .9995 && v < 1e15) return rounded(v / size, digits) + letter;
  return v < 1e3 ? String(rounded(v, digits)) : power(v, digits);
}

function amount(v) { // hours and money
  if (v < 1e-3 || v > 1e12) return power(v, 2);
  if (v < 100) return String(rounded(v, 2));
  return Math.round(rounded(v, 2)).toLocaleString('en').replace(/,/g, '\u202f');
}

/* so many decimals that the half-width keeps two digits, and one more in the rows */
function metric(v, half, more = 0) {
  const decimals = half > 0 ? 1 - Math.floor(Math.log10(half)) + more : 4;
  if (Math.abs(v) >= 1e6 || decimals > 8) return String(rounded(v, 4));
  return v.toFixed(Math.max(0, decimals));
}

const span = (low, high, write) => isFinite(low + high) ? write(low) + ' to ' + write(high) : '';
const per_cent = share => Math.round(100 * share) + ' %';

/* --- cubic interpolation --- */
function weights([first, step, count], x) {
  const place = Math.min(Math.max((x - first) / step, 0), count - 1);
  const start = Math.min(Math.max(Math.floor(place) - 1, 0), count - 4), t = place - start;
  return [start, [-(t - 1) * (t - 2) * (t - 3) / 6, t * (t - 2) * (t - 3) / 2,
    -t * (t - 1) * (t - 3) / 2, t * (t - 1) * (t - 2) / 6]];
}

function interpolate(table, name, at) {
  const column = table.columns[name];
  if (!column) return NaN;
  const value = k => column[k] === null ? NaN : column[k];
  const [i, u] = weights(table.axes[0], at[0]);
  if (at.length === 1) return u.reduce((sum, w, k) => sum + w * value(i + k), 0);
  const width = table.axes[1][2], [j, v] = weights(table.axes[1], at[1]);
  return u.reduce((sum, w, k) =>
    sum + w * v.reduce((part, q, l) => part + q * value((i + k) * width + j + l), 0), 0);
}

const logged = /^(N|D|smallest|largest)/;
const read = (table, name, at) =>
  logged.test(name) ? Math.exp(interpolate(table, name, at)) : interpolate(table, name, at);
const last = axis => axis[0] + axis[1] * (axis[2] - 1);

/* --- the plan that is asked for --- */
const state = { mode: 'plan', C: data.first, S: 1e12, U: 5e11, P: 2, M: 40 };
const level = rounded(100 * data.level, 4) + ' %';

function place() { // where to read it: the table and its coordinates, or why there is none
  const lnC = Math.log(state.C), plain = { table: data.plan, at: [lnC] };
  if (state.mode === 'plan') return plain;
  const table = data[state.mode], axis = table.axes[1], served = state.mode === 'served';
  const u = Math.log(served ? state.S : state.U) - interpolate(data.plan, 'D', [lnC]);
  if (served && u > last(axis))
    return { why: 'Serving so many tokens takes nearly the whole budget; this page has no plan for it.' };
  if (!served && u < axis[0])
    return { why: 'With so few unique tokens the data would be repeated more than about fifty times; this page has no plan for it.' };
  return (served ? u < axis[0] : u >= 0) ? plain : { table, at: [lnC, u] };
}

/* --- elements --- */
function svg(name, attributes, text) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const key in attributes) e.setAttribute(key, attributes[key]);
  if (text !== undefined) e.textContent = text;
  return e;
}

function html(name, text, style) {
  const e = document.createElement(name);
  e.textContent = text;
  if (style) e.className = style;
  return e;
}

function row(name, key, value, text, note) {
  const cell = html('dd', ''), number = html('data', text);
  number.value = String(value);
  number.id = 'v-' + key;
  cell.append(number);
  $('rows').append(html('dt', name), cell, html('dd', note, 'i'));
}

/* --- the picture: law and forecast at other sizes on the same budget --- */
function valley(best) {
  const box = $('valley');
  box.replaceChildren();
  if (state.mode !== 'plan' || !data.around) return;
  const lnC = Math.log(state.C), axis = data.around.axes[1], first = axis[0], end = last(axis), steps = 56;
  const points = Array.from({ length: steps + 1 }, (_, i) => {
    const u = first + (end - first) * i / steps, get = name => read(data.around, name, [lnC, u]);
    return { u, law: get('law'), forecast: get('forecast'), low: get('forecast_low'),
      high: get('forecast_high'), lawLow: get('law_low'), lawHigh: get('law_high') };
  });
  const middle = points[steps / 2], has = isFinite(middle.forecast);
  const low = p => has ? p.low : p.lawLow, high = p => has ? p.high : p.lawHigh;
  const seen = points.slice(10, -10).flatMap(p => [p.law, low(p), high(p)]).filter(isFinite);
  const least = Math.min(...seen), most = Math.max(...seen), pad = .05 * (most - least) || 1;

  const W = Math.max(280, Math.min(640, box.clientWidth || 560)), H = 220;
  const left = 44, right = W - 12, top = 20, foot = H - 34;
  const X = u => left + (u - first) / (end - first) * (right - left);
  const Y = v => top + (most + pad - v) / (most - least + 2 * pad) * (foot - top);
  const path = ends => 'M' + ends.filter(([, v]) => isFinite(v))
    .map(([u, v]) => X(u).toFixed(1) + ' ' + Y(v).toFixed(1)).join('L');
  const curve = (value, style) => svg('path', { class: style, d: path(points.map(p => [p.u, value(p)])) });
  const label = (x, y, text, style = 't', anchor = 'middle') =>
    svg('text', { class: style, x, y, 'text-anchor': anchor }, text);

  const clip = svg('clipPath', { id: 'panel' }), panel = svg('g', { 'clip-path': 'url(#panel)' });
  clip.append(svg('rect', { x: left, y: top, width: right - left, height: foot - top }));
  const picture = svg('svg', { viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: 'img',
    'aria-label': 'Law and forecast against parameters at this budget' });

  const flat = ['smallest', 'largest'].map(name => interpolate(data.plan, name, [lnC]) - Math.log(best))
    .map(u => X(Math.min(Math.max(u, first), end)));
  if (isFinite(flat[0] + flat[1])) {
    panel.append(svg('rect', { class: 'flat', x: flat[0], y: top, width: flat[1] - flat[0], height: foot - top }));
    picture.append(label(flat[0] + 6, foot - 8, 'within 1 % of the best', 't', 'start'));
  }
  const upper = points.map(p => [p.u, high(p)]), lower = points.map(p => [p.u, low(p)]).reverse();
  panel.append(svg('path', { class: has ? 'bl' : 'lb', d: path([...upper, ...lower]) + 'Z' }));
  panel.append(curve(p => p.law, 'case'), curve(p => p.law, 'law'));
  if (has) panel.append(curve(p => p.forecast, 'case'), curve(p => p.forecast, 'fc'));

  const step = [1, 2, 5, 10].map(m => m * 10 ** Math.floor(Math.log10((most - least) / 4)))
    .find(s => (most - least) / s <= 5);
  for (let v = Math.ceil(least / step) * step; v < most; v += step)
    picture.prepend(svg('path', { class: 'grid', d: `M${left} ${Y(v)}H${right}` }),
      label(left - 6, Y(v) + 4, String(rounded(v, 4)), 't', 'end'));
  picture.prepend(clip, panel);
  picture.append(svg('path', { class: 'mkl', d: `M${X(0)} ${top}V${foot}` }),
    svg('circle', { class: 'mkc', cx: X(0), cy: Y(has ? middle.forecast : middle.law), r: 4.5 }));
  for (let e = -12, before = -99; e < 22; e++) for (const m of [1, 3]) {
    const u = Math.log(m * 10 ** e / best);
    if (u < first || u > end || X(u) - before < 46) continue;
    before = X(u);
    picture.append(svg('path', { class: 'axis', d: `M${before} ${foot}v4` }),
      label(before, foot + 16, count(m * 10 ** e)));
  }
  picture.append(label(0, 11, 'at this budget', 't', 'start'), label((left + W) / 2, H - 2, 'parameters N'));
  const p = points[steps - 6], above = has && p.forecast < p.law;
  picture.append(label(X(p.u), Y(p.law) + (above || !has ? -7 : 16), 'law', 'lab lawt'));
  if (has) picture.append(label(X(p.u), Y(p.forecast) + (above ? 17 : -7), 'forecast', 'lab fct'));
  box.append(picture);
}

/* --- the mark in the main pictures --- */
function mark(C, value, low, high, law) {
  document.querySelectorAll('svg[data-x]').forEach(picture => {
    const group = picture.querySelector('.mark');
    if (!group) return;
    const [a, b, left, right] = picture.dataset.x.split(',').map(Number);
    const [least, most, foot, top] = picture.dataset.y.split(',').map(Number);
    const scale = least > 0 ? Math.log : v => v;
    const x = left + (Math.min(Math.max(Math.log(C), a), b) - a) / (b - a) * (right - left);
    const share = v => (scale(v) - scale(least)) / (scale(most) - scale(least));
    const Y = v => Math.min(foot, Math.max(top, foot + share(v) * (top - foot)));
    const bar = group.querySelector('.mki'), dot = group.querySelector('circle'), text = group.querySelector('text');
    group.querySelector('.mkl').setAttribute('d', `M${x} ${top + 18}V${foot}`);
    if (bar) bar.setAttribute('d', isFinite(low + high) ? `M${x} ${Y(low)}V${Y(high)}` : '');
    dot.setAttribute('cx', x);
    dot.setAttribute('cy', Y(value));
    const highest = Math.min(...[value, high, law].filter(isFinite).map(Y));
    text.setAttribute('x', x);
    text.setAttribute('y', Math.max(highest - 9, top + 26));
    text.textContent = metric(value, (high - low) / 2);
  });
}

/* --- everything at once --- */
function refuse(why) {
  $('valley').replaceChildren();
  $('msg').className = 'msg warn';
  $('msg').append(html('b', 'No plan: '), why);
}

function warn(get, has) {
  const message = $('msg');
  if (has && get('usable') < .5) {
    message.className = 'msg warn';
    message.append(html('b', 'Not usable: '), 'the forecast is too wide or too far here; do not plan on this number.');
  } else if (get('disputed') > .5) {
    message.className = 'msg warn';
    message.append(html('b', 'Disputed: '), 'law and forecast differ by more than their intervals allow. '
      + 'N and D are the law’s; the expected value is the forecast’s.');
  } else if (has && isFinite(get('law'))) message.append('Law and forecast agree here.');
}

function code() {
  const cost = data.cost === 6 ? '' : `, cost=${data.cost}`, C = power(state.C);
  return {
    plan: `sl.optimal(fit, C="${C}"${cost})`,
    served: `sl.serving(fit, served="${count(state.S)}", budget="${C}"${cost})`,
    unique: `sl.limited_data(fit, C="${C}", unique="${count(state.U)}"${cost})`,
  }[state.mode];
}

function update() {
  for (const id of ['ans', 'rows', 'msg', 'code']) $(id).replaceChildren();
  $('msg').className = 'msg';
  document.querySelectorAll('[data-mode]').forEach(e => { e.hidden = e.dataset.mode !== state.mode; });
  const { table, at, why } = place();
  if (why) return refuse(why);
  const get = name => read(table, name, at), N = get('N'), D = get('D');
  if (!isFinite(N + D)) return refuse('the law has no optimum at this budget.');

  const training = data.cost * N * D, hours = state.C / (data.peak * state.M / 100 * 3600);
  const law = get('law'), forecast = get('forecast'), has = isFinite(forecast);
  const value = has ? forecast : law, [low, high] = ['_low', '_high'].map(end => get((has ? 'forecast' : 'law') + end));
  const half = (high - low) / 2;
  $('ans').append('Train ', html('b', count(N, 2) + ' parameters'), ' on ', html('b', count(D, 2) + ' tokens'),
    '. Expect ', html('b', metric(value, half)),
    isFinite(half) ? ` (${level}: ${metric(low, half)} to ${metric(high, half)})` : '',
    ', for about ', html('b', amount(hours * state.P)), ' at this price.');

  const near = state.mode === 'plan' && span(get('smallest'), get('largest'), v => count(v, 2));
  const sizes = [span(get('N_low'), get('N_high'), count), near && 'within 1 % of the best: ' + near];
  row('parameters', 'N', N, count(N), sizes.filter(Boolean).join('; '));
  const tokens = [span(get('D_low'), get('D_high'), count), rounded(D / N, 3) + ' a parameter'];
  row('tokens', 'D', D, count(D), tokens.filter(Boolean).join('; '));
  if (has) row('forecast', 'forecast', forecast, metric(forecast, half, 1),
    span(low, high, v => metric(v, half, 1)) + ', of a new run');
  if (isFinite(law)) {
    const [from, to] = [get('law_low'), get('law_high')], narrow = (to - from) / 2;
    row('law', 'law', law, metric(law, narrow, 1),
      isFinite(from) ? span(from, to, v => metric(v, narrow, 1)) + ', of the curve' : '');
  }
  const times = training / data.largest;
  row('beyond the runs', 'beyond', times, times > 1 ? rounded(times, 2) + '×' : 'no',
    times > 1 ? 'the compute of the largest run' : 'inside the range of the runs');
  row('H100 hours', 'hours', hours, amount(hours), `at ${state.M} % of ${rounded(data.peak / 1e12, 3)} TFLOP/s`);
  if (state.mode === 'served') {
    const share = 1 - training / state.C, plain = read(data.plan, 'N', at.slice(0, 1));
    row('of it served', 'share', share, per_cent(share),
      `2N FLOP for each of ${count(state.S)} tokens; ${rounded(plain / N, 2)}× smaller than without`);
  }
  if (state.mode === 'unique') {
    const epochs = Math.max(1, D / state.U);
    row('epochs', 'epochs', epochs, String(rounded(epochs, 3)), 'repeated tokens by the constants of Muennighoff 2023');
  }
  warn(get, has);
  if (data.around) $('code').textContent = code();
  valley(N);
  mark(training, value, low, high, law);
}

/* --- controls: every slider has a text beside it --- */
const axis = data.plan.axes[0], least = axis[0] / Math.LN10, most = last(axis) / Math.LN10;
const ten = v => 10 ** v, same = v => v, plain = v => String(rounded(v, 3));
const controls = [ // name, from and to the slider, writing, and range
  ['C', ten, Math.log10, v => power(v), [.999 * 10 ** least, 1.001 * 10 ** most]],
  ['S', ten, Math.log10, v => count(v), [1e3, 1e20]],
  ['U', ten, Math.log10, v => count(v), [1e3, 1e20]],
  ['P', same, same, plain, [1e-6, 1e9]],
  ['M', same, same, plain, [1, 100]],
];
$('Cr').min = Math.ceil(100 * least) / 100;
$('Cr').max = Math.floor(100 * most) / 100;
$('C0').textContent = power(10 ** least, 2);
$('C1').textContent = power(10 ** most, 2);

for (const [name, from, to, write, [low, high]] of controls) {
  const slider = $(name + 'r'), text = $(name + 't');
  const refresh = () => {
    text.value = write(state[name]);
    slider.value = to(state[name]);
    slider.setAttribute('aria-valuetext', write(state[name]));
    text.removeAttribute('aria-invalid');
  };
  slider.addEventListener('input', () => {
    state[name] = from(Number(slider.value));
    refresh();
    update();
  });
  text.addEventListener('change', () => {
    const value = parse(text.value);
    if (!(value >= low && value <= high)) return text.setAttribute('aria-invalid', 'true');
    state[name] = value;
    refresh();
    update();
  });
  refresh();
}

$('modes').hidden = !data.served && !data.unique;
document.querySelectorAll('input[name=mode]').forEach(choice => {
  choice.closest('label').hidden = choice.value !== 'plan' && !data[choice.value];
  choice.addEventListener('change', () => {
    state.mode = choice.value;
    update();
  });
});
let width = innerWidth;
addEventListener('resize', () => {
  if (innerWidth === width) return;
  width = innerWidth;
  update();
});
$('planner').hidden = false;
update();
})();
