// Fills the page as results come. The server sends each result as the same HTML that it puts on the page (made safe by its
// templates); this script only finds the place for it. Without it the page is complete as of its loading.
'use strict';

(() => {
  const maxRows = 40;
  const maxCards = 96;
  const flushAfter = 200; // ms: what comes within is shown at once, so that a fast stream does not repaint for each result
  const sayAfter = 4000;  // ms between sentences for screen readers

  const main = document.getElementById('live');
  const link = document.getElementById('link');
  const linkWord = document.getElementById('link-word');
  const queue = document.getElementById('queue');
  const say = document.getElementById('say');

  let pending = [];
  let flushing = 0;
  let refreshing = false;
  let again = false; // something was missed while the page was being read
  let clockSkew = Date.parse(main.dataset.now) - Date.now();
  let saidAt = 0;

  const byId = (id) => document.getElementById(id);

  function element(html) {
    const template = document.createElement('template');
    template.innerHTML = html;
    return template.content.firstElementChild;
  }

  const find = (list, name, value) => value === '' ? undefined : [...list.children].find((li) => li.dataset[name] === value);

  function show(result) {
    const { device } = main.dataset;
    if (device && device !== result.device) return;
    showCard(result);
    showRow(result);
  }

  function showCard(result) {
    const cards = byId('cards');
    const old = find(cards, 'device', result.device);
    if (old && old.dataset.at > result.at) return; // results may overtake each other; the card shows the newest picture
    const card = element(result.card);
    card.classList.add('fresh');
    if (old) {
      keepSight(old, card);
      old.replaceWith(card);
      return;
    }
    if (cards.children.length >= maxCards) return;
    const next = [...cards.children].find((li) => li.dataset.device > result.device);
    cards.insertBefore(card, next || null);
  }

  // keepSight shows the last picture until the new one has come, so that a card does not blink.
  function keepSight(old, card) {
    const before = old.querySelector('img'), after = card.querySelector('img');
    if (!before || !after) return;
    const picture = new Image();
    const source = after.getAttribute('src');
    after.src = before.src;
    picture.onload = picture.onerror = () => { after.src = source; };
    picture.src = source;
  }

  function showRow(result) {
    const rows = byId('rows');
    const row = element(result.row);
    const old = find(rows, 'id', result.id);
    if (old) {
      old.replaceWith(row);
      return;
    }
    row.classList.add('fresh');
    rows.prepend(row);
  }

  function flush() {
    flushing = 0;
    if (refreshing || !pending.length) return;
    const batch = pending;
    pending = [];
    for (const e of batch.slice(-maxRows)) {
      const result = JSON.parse(e.data);
      if (result) show(result);
    }
    main.dataset.seq = batch[batch.length - 1].lastEventId;
    tidy();
    tell(batch[batch.length - 1]);
    tick();
  }

  function tidy() {
    const rows = byId('rows'), cards = byId('cards');
    while (rows.children.length > maxRows) rows.lastElementChild.remove();
    byId('results').hidden = !rows.children.length;
    byId('devices').hidden = !cards.children.length;
    const empty = byId('empty');
    if (empty && rows.children.length) empty.remove();
  }

  function tell(e) {
    const result = JSON.parse(e.data);
    const device = main.dataset.device;
    if (!result || device && device !== result.device || Date.now() - saidAt < sayAfter) return;
    saidAt = Date.now();
    say.textContent = result.say;
  }

  // refresh reads the page anew after something was missed. Results that come meanwhile wait and are shown on top.
  async function refresh() {
    if (refreshing) {
      again = true;
      return;
    }
    refreshing = true;
    again = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: 'text/html' }, cache: 'no-store' });
      if (answer.status === 401) location.reload();
      if (!answer.ok) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('live');
      main.replaceChildren(...fresh.childNodes);
      Object.assign(main.dataset, { seq: fresh.dataset.seq, now: fresh.dataset.now });
      clockSkew = Date.parse(fresh.dataset.now) - Date.now();
    } catch {
      setTimeout(refresh, 3000);
    } finally {
      refreshing = false;
      flush();
      if (again) refresh();
    }
  }

  function showQueue(depth) {
    queue.replaceChildren();
    if (!depth) {
      queue.append('queue not known');
      return;
    }
    for (const [n, word] of [[depth.waiting, 'waiting'], [depth.dead, 'dead']]) {
      const part = document.createElement('span'), number = document.createElement('b');
      number.textContent = n;
      part.append(number, ' ' + word);
      if (word === 'dead' && n) part.className = 'has-dead';
      queue.append(part, ' ');
    }
  }

  function ago(ms) {
    const s = Math.floor(ms / 1000);
    if (s < 5) return 'just now';
    if (s < 60) return `${s} s ago`;
    if (s < 3600) return `${Math.floor(s / 60)} min ago`;
    if (s < 48 * 3600) return `${Math.floor(s / 3600)} h ago`;
    return `${Math.floor(s / 86400)} days ago`;
  }

  function tick() {
    const now = Date.now() + clockSkew;
    for (const time of document.querySelectorAll('time.ago')) {
      const words = ago(now - Date.parse(time.dateTime));
      if (time.textContent !== words) time.textContent = words;
    }
  }

  function state(name, word) {
    link.dataset.state = name;
    linkWord.textContent = word;
  }

  const events = new EventSource('/events');
  events.addEventListener('hello', (e) => {
    state('live', 'live');
    if (JSON.parse(e.data) !== main.dataset.seq) refresh();
  });
  events.addEventListener('result', (e) => {
    pending.push(e);
    if (pending.length > 4 * maxRows) pending.splice(0, pending.length - maxRows);
    if (!flushing) flushing = setTimeout(flush, flushAfter);
  });
  events.addEventListener('queue', (e) => showQueue(JSON.parse(e.data)));
  events.addEventListener('error', () => {
    state('lost', 'connecting …');
    if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000); // refused, not merely cut
  });
  setInterval(tick, 5000);
})();
