/// The other half of the script: what is drawn, and what buttons and keys do.
extension PlaygroundPage {
  /// Follows `script`, and begins.
  static let view = #"""
    // What is shown

    const element = (tag, text = '', properties = {}) =>
      Object.assign(document.createElement(tag), {textContent: text, ...properties});
    const number = new Intl.NumberFormat('en');
    const tokens = count => `${number.format(count)} ${count === 1 ? 'token' : 'tokens'}`;
    const perSecond = rate => `${number.format(rate < 100 ? Math.round(rate * 10) / 10 : Math.round(rate))} tokens/s`;
    const percent = logprob => {
      const value = Math.exp(logprob) * 100;
      return value < 0.001 ? 'below 0.001%' : `${Number(value.toPrecision(value < 99 ? 2 : 3))}%`;
    };
    const visible = text => text.replaceAll(' ', '␣').replaceAll('\n', '↵').replaceAll('\t', '⇥') || '(nothing)';

    function bytes(count) {
      const [unit, size] = count < 1e6 ? ['kB', 1e3] : count < 1e9 ? ['MB', 1e6] : ['GB', 1e9];
      return `${Number((count / size).toPrecision(2))} ${unit}`;
    }

    function describe(item) {
      if (item.by === 'unknown') return 'Its text is not stored in this browser';
      if (item.logprob === null) return 'Typed: no probability';
      return `Probability ${percent(item.logprob)}, surprise ${Math.abs(item.logprob).toFixed(2)} nats`;
    }

    function say(text, isBad = false) {
      $('note').textContent = text;
      $('note').classList.toggle('bad', isBad);
    }

    // Items that changed are drawn once a frame.
    let dirty = Infinity;
    function render(from) {
      if (dirty === Infinity) requestAnimationFrame(draw);
      dirty = Math.min(dirty, from);
    }

    function draw() {
      if (dirty === Infinity) return;
      const box = $('text');
      const isFollowed = overlap() < 40;
      while (box.childElementCount > Math.min(dirty, items.length)) box.lastChild.remove();
      box.append(...items.slice(box.childElementCount).map(drawn));
      dirty = Infinity;
      if (!box.querySelector('[tabindex="0"]') && box.lastChild) box.lastChild.tabIndex = 0;
      paint();
      if (isWriting && isFollowed) scrollBy({top: Math.max(0, overlap()), behavior: 'instant'});
    }

    function overlap() {
      const end = $('text').lastChild?.getBoundingClientRect().bottom ?? 0;
      return end - $('composer').getBoundingClientRect().top + 16;
    }

    function drawn(item) {
      const text = {unknown: `text of an earlier session: ${tokens(item.size)}`, end: 'end'}[item.by] ?? item.text;
      const node = element('span', text, {className: `token ${item.by === 'you' ? 'yours' : item.by}`, tabIndex: -1});
      node.role = 'button';
      node.title = describe(item);
      node.ariaLabel = `${text}. ${node.title}`;
      if (item.logprob !== null) {
        const surprise = Math.min(1, -item.logprob / Math.LN10 / DECADES);
        node.style.setProperty('--s', (surprise * 100).toFixed(1));
        node.classList.toggle('rare', item.logprob < Math.log(0.01));
      }
      node.classList.toggle('line', /^\s*\n\s*$/.test(text));
      return node;
    }

    function paint() {
      const isUnread = props?.has_states && !state && !isWriting && items.length > 0;
      const here = state ? items.slice(isWriting ? writtenFrom : items.length) : items;
      $('context').textContent = isUnread ? 'not read yet' : tokens((state?.tokens ?? 0) + sum(here, 'size'));
      $('speed').textContent = speed === null ? '–' : perSecond(speed);
      $('go').textContent = isWriting ? 'Stop' : items.length ? 'Continue' : 'Generate';
      $('go').disabled = !props || (controller !== null && !isWriting);
      $('undo-run').disabled = $('undo-token').disabled = items.length === 0 || items.at(-1).by === 'unknown';
      $('clear').disabled = items.length === 0;
      $('keep').querySelector('button').disabled = items.length === 0;
      $('text').classList.toggle('writing', isWriting);
      $('text').ariaBusy = String(isWriting);
    }

    async function list() {
      const {data} = await json('GET', 'v1/states');
      const named = data.filter(other => !other.id.startsWith('page-'));
      $('names').replaceChildren(...named.map(other => {
        const row = element('li');
        const about = element('div', other.id);
        const place = [other.in_memory && tokens(other.tokens), other.saved && 'saved'].filter(Boolean).join(', ');
        about.append(element('small', place));
        const back = element('button', 'Come back', {type: 'button', ariaLabel: `Come back to ${other.id}`});
        back.onclick = () => mayLeave() && act(() => comeBack(other));
        const away = element('button', 'Delete', {type: 'button', ariaLabel: `Delete ${other.id}`});
        away.onclick = () => confirm(`Delete the state ${other.id}?`) && act(() => remove(other.id));
        row.append(about, back, away);
        return row;
      }));
      return data;
    }

    // Alternatives of a token

    let open = -1;

    function showChoices(node) {
      open = [...$('text').children].indexOf(node);
      const item = items[open];
      $('choice-title').textContent = node.classList.contains('end') ? 'End of the text' : visible(item.text);
      $('choice-note').textContent = describe(item);
      $('choice-list').replaceChildren(...item.top.map(([text, logprob]) => {
        const isNow = text === item.text || (item.by === 'end' && logprob === item.logprob);
        const button = element('button', '', {type: 'button', className: isNow ? 'now' : ''});
        button.disabled = isNow || text === eos || isBytes(text); // the others can be a prompt
        button.style.setProperty('--p', `${Math.exp(logprob) * 100}%`);
        button.append(element('span', visible(text)), element('span', percent(logprob)));
        button.onclick = () => choose(open, text, {logprob, top: item.top, isPicked: true});
        const row = element('li');
        row.append(button);
        return row;
      }));
      $('cut').disabled = item.by === 'unknown';
      const place = node.getBoundingClientRect();
      const popup = $('choices');
      popup.showPopover();
      const below = place.bottom + 6;
      const fits = below + popup.offsetHeight < innerHeight;
      popup.style.setProperty('--x', `${Math.max(8, Math.min(place.left, innerWidth - popup.offsetWidth - 8))}px`);
      popup.style.setProperty('--y', `${fits ? below : Math.max(8, place.top - popup.offsetHeight - 6)}px`);
      node.classList.add('open');
      (popup.querySelector('li button:enabled') ?? $('cut')).focus({preventScroll: true});
    }

    function choose(index, text, picked) {
      $('choices').hidePopover();
      $('go').focus({preventScroll: true});
      act(async signal => {
        await rewind(index);
        await generate(text, picked, signal);
      });
    }

    $('choices').addEventListener('toggle', event => {
      if (event.newState === 'closed') document.querySelector('.token.open')?.classList.remove('open');
    });
    $('cut').onclick = () => {
      const index = open;
      $('choices').hidePopover();
      $('go').focus({preventScroll: true});
      act(() => rewind(index));
    };

    const tokenOf = event => event.target.closest?.('.token');
    $('text').addEventListener('click', event => {
      if (tokenOf(event) && getSelection().isCollapsed) showChoices(tokenOf(event));
    });
    $('text').addEventListener('focusin', event => {
      for (const node of $('text').querySelectorAll('[tabindex="0"]')) node.tabIndex = -1;
      event.target.tabIndex = 0;
    });
    $('text').addEventListener('keydown', event => {
      const node = tokenOf(event);
      const moves = {
        ArrowRight: () => node.nextElementSibling, ArrowLeft: () => node.previousElementSibling,
        ArrowDown: () => onNextLine(node, 1), ArrowUp: () => onNextLine(node, -1),
        Home: () => $('text').firstElementChild, End: () => $('text').lastElementChild,
      };
      if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key in moves) moves[event.key]()?.focus();
      else if (event.key === 'Enter' || event.key === ' ') showChoices(node);
      else return;
      event.preventDefault();
    });

    function onNextLine(node, step) {
      const from = node.getBoundingClientRect();
      const next = place => step > 0 ? place.nextElementSibling : place.previousElementSibling;
      for (let place = next(node); place; place = next(place)) {
        const to = place.getBoundingClientRect();
        if (step > 0 ? to.top > from.top + 4 && to.right > from.left : to.top < from.top - 4 && to.left <= from.left) {
          return place;
        }
      }
      return null;
    }

    // Buttons and keys

    function go() {
      const prompt = $('prompt').value;
      $('prompt').value = '';
      act(signal => generate(prompt, null, signal));
    }

    function undoRun() {
      act(async () => {
        const run = items.at(-1)?.run;
        const start = items.findIndex(item => item.run === run && item.by !== 'unknown');
        if (start < 0) return;
        const typed = textOf(items.slice(start).filter(item => item.by === 'you' && !item.isPicked));
        await rewind(start);
        $('prompt').value ||= typed;
      });
    }

    $('composer').onsubmit = event => {
      event.preventDefault();
      if (isWriting) controller.abort(); else go();
    };
    $('undo-run').onclick = undoRun;
    $('undo-token').onclick = () => act(async () => { if (items.length) await rewind(items.length - 1); });
    $('clear').onclick = () => mayLeave() && act(clear);
    $('keep').onsubmit = event => {
      event.preventDefault();
      act(() => keep($('name').value));
    };
    $('key-form').onsubmit = event => {
      event.preventDefault();
      sessionStorage.setItem('key', $('key').value);
      $('key').value = '';
      $('key-form').hidden = true;
      act(begin);
    };
    $('defaults').onclick = () => {
      for (const [key, , standard] of FIELDS) $(key).value = standard;
      saveSamplers();
    };
    document.addEventListener('keydown', event => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        if (!controller && props) go();
      } else if (event.key === 'Escape' && isWriting && !$('choices').matches(':popover-open')) {
        controller.abort();
      }
    });

    function saveSamplers() {
      store(localStorage, 'samplers', Object.fromEntries(FIELDS.map(([key]) => [key, $(key).value])));
    }

    function makeFields() {
      const stored = load(localStorage, 'samplers') ?? {};
      for (const [key, name, standard, min, max, hint] of FIELDS) {
        const label = element('label', name);
        const input = element('input', '', {id: key, type: 'number', step: 'any', min, max: max ?? ''});
        input.value = stored[key] ?? standard;
        input.onchange = saveSamplers;
        label.append(input, element('small', hint));
        $('fields').append(label);
      }
    }

    makeFields();
    if (matchMedia('(max-width:56rem)').matches) $('samplers').open = $('states').open = false;
    act(begin);
    """#
}
