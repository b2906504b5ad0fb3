/// The script of the page: plain JavaScript, which writes what the model says as text only.
extension PlaygroundPage {
  /// The text is a list of items, a token each. `state` is what the server holds of it under the name `work`, or null.
  ///
  /// An item is `{text, logprob, top, by, run, size, count, glued}`. `size` is its number of tokens, `count` what an
  /// undo has to take back for it. Text that the server read anew, after a stop, may be cut into other tokens than it
  /// was made of. Then its first item counts for all, and the others are glued to it.
  static let script = #"""
    'use strict';
    const $ = id => document.getElementById(id);
    const FIELDS = [
      ['temperature', 'Temperature', 0.8, 0, 2, '0: most likely'],
      ['top_k', 'Top-k', 40, 0, null, '0: off'],
      ['top_p', 'Top-p', 0.95, 0, 1, '1: off'],
      ['min_p', 'Min-p', 0.05, 0, 1, '0: off'],
      ['typical', 'Typical', 1, 0, 1, '1: off'],
      ['repeat_penalty', 'Repeat penalty', 1.1, 0, null, '1: off'],
      ['max_tokens', 'Tokens', 128, 0, null, 'of a run, at most'],
      ['seed', 'Seed', '', 0, null, 'empty: random'],
    ];
    const TOP = 5;
    const LONGEST_ECHO = 4000; // characters of a first prompt whose tokens are shown too
    const DECADES = 3; // of probability, on the scale of the shades

    let props = null; // what /props tells, once the page is ready
    let eos = null; // the name of the token that ends a text
    let items = [];
    let state = null;
    let isKept = true;
    let work = sessionStorage.getItem('work') ?? newName();
    let controller = null; // of what runs now
    let isWriting = false;
    let writtenFrom = 0;
    let speed = null; // tokens per second of the last run
    let last = Promise.resolve();

    // What the server is asked

    function newName() {
      return 'page-' + Math.random().toString(36).slice(2, 12);
    }

    async function request(method, path, body, signal) {
      const headers = {'Content-Type': 'application/json'};
      const key = sessionStorage.getItem('key');
      if (key) headers.Authorization = `Bearer ${key}`;
      for (let attempt = 1; ; attempt++) {
        const answer = await fetch(path, {method, headers, signal, body: body && JSON.stringify(body)}).catch(error => {
          throw error.name === 'AbortError' ? error : new Error('The server does not answer');
        });
        if (answer.ok) return answer;
        const {error} = await answer.json().catch(() => ({}));
        // The server may take a moment to leave the state of an answer that was stopped.
        if (error?.code === 'state_in_use' && attempt < 10) {
          await new Promise(resolve => setTimeout(resolve, 50 * attempt));
          continue;
        }
        if (answer.status === 401) {
          $('key-form').hidden = false;
          $('key').focus();
        }
        const message = error?.message ?? `The server answered ${answer.status} ${answer.statusText}`;
        throw Object.assign(new Error(message), {code: error?.code});
      }
    }

    const json = async (...arguments_) => (await request(...arguments_)).json();
    const path = name => `v1/states/${encodeURIComponent(name)}`;

    async function* events(body, signal) {
      const answer = await request('POST', 'v1/completions', body, signal);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '';
      let isOver = false;
      for (;;) {
        const {done, value} = await reader.read();
        if (done && isOver) return;
        if (done) throw new Error('The server ended the answer too early');
        const lines = (rest + value).split(/\r?\n/);
        rest = lines.pop();
        for (const line of lines.filter(line => line.startsWith('data:'))) {
          const data = line.slice(5).trim();
          if (data === '[DONE]') { isOver = true; continue; }
          const event = JSON.parse(data);
          if (event.error) throw new Error(event.error.message);
          yield event;
        }
      }
    }

    // One thing at a time: what is asked for next stops what runs, and waits until that is put in order.
    function act(job) {
      controller?.abort();
      last = last.then(async () => {
        controller = new AbortController();
        paint();
        try {
          await job(controller.signal);
        } catch (error) {
          say(error.message, true);
        }
        controller = null;
        isWriting = false;
        if (props) store(sessionStorage, 'text', {items, tokens: state?.tokens ?? 0, isKept});
        paint();
      });
      return last;
    }

    // The text

    const textOf = some => some.map(item => item.by === 'end' ? '' : item.text).join('');
    const sum = (some, key) => some.reduce((total, item) => total + item[key], 0);
    const isUnknown = () => items[0]?.by === 'unknown';

    function push(item) {
      items.push({logprob: null, top: [], size: 1, count: item.size ?? 1, glued: false, ...item});
      render(items.length - 1);
    }

    // A token that is not whole characters comes as its bytes, <0xE2>.
    const isBytes = token => /^(<0x[0-9A-F]{2}>)+$/.test(token);
    const bytesOf = token => token.match(/[0-9A-F]{2}/g).map(byte => parseInt(byte, 16));

    function wholeText(token) {
      if (!isBytes(token)) return token;
      const text = new TextDecoder().decode(new Uint8Array(bytesOf(token)));
      return text.includes('\uFFFD') ? token : text;
    }

    // The tokens of one character are one item.
    function pushToken(token, logprob, top, by, run) {
      if (!isBytes(token)) return push({text: token, logprob, top, by, run});
      const found = bytesOf(token);
      const before = items.at(-1);
      const isOpen = before?.bytes && before.run === run && before.text.endsWith('\uFFFD');
      const goesOn = isOpen && (found[0] & 0xC0) === 0x80;
      const bytes = goesOn ? [...before.bytes, ...found] : found;
      const text = new TextDecoder().decode(new Uint8Array(bytes));
      if (!goesOn) return push({text, logprob, top, by, run, bytes});
      const size = before.size + 1;
      Object.assign(before, {text, bytes, size, count: size, logprob: before.logprob + logprob});
      render(items.length - 1);
    }

    function samplers() {
      const set = {};
      for (const [key, , standard] of FIELDS) {
        const value = $(key).value.trim();
        if (value !== '' || standard !== '') set[key] = value === '' ? standard : Number(value);
      }
      set.seed ??= Math.floor(Math.random() * 2 ** 31);
      $('seed-used').textContent = `last seed: ${set.seed}`;
      return set;
    }

    // Sends a prompt behind the state, and takes the answer in as it comes. Without a state it sends the whole text.
    // `picked` is what is known of a prompt that is an alternative.
    async function generate(prompt, picked, signal) {
      if (!state && isUnknown()) throw lost();
      isWriting = true;
      isKept = false;
      if (items.at(-1)?.by === 'end') shorten(items.length - 1);
      const [start, before] = [items.length, state?.tokens ?? 0];
      writtenFrom = start;
      const sent = state ? prompt : textOf(items) + prompt;
      const from = state ? start : 0;
      const run = (items.at(-1)?.run ?? 0) + 1;
      const isEchoed = !picked && start === 0 && prompt !== '' && prompt.length <= LONGEST_ECHO;
      if (prompt !== '' && !isEchoed) push({text: prompt, by: 'you', run, ...picked});
      let received = 0, first = 0, made = 0, usage = null, reason = null, failure = null;
      say('Generating');
      try {
        const options = {echo: isEchoed, logprobs: TOP, stream: true, stream_options: {include_usage: true}};
        const places = props.has_states ? {state: state ? work : undefined, save_state: work} : {};
        const body = {model: props.model, prompt: sent, ...samplers(), ...options, ...places};
        const echoed = isEchoed ? [...prompt].length : 0;
        let origin = null;
        for await (const event of events(body, signal)) {
          usage = event.usage ?? usage;
          const choice = event.choices[0];
          reason = choice?.finish_reason ?? reason;
          choice?.logprobs?.tokens.forEach((token, i) => {
            const {token_logprobs: logprobs, top_logprobs: tops, text_offset: offsets} = choice.logprobs;
            origin ??= offsets[i];
            // The first token of a text may have a space that the text does not have.
            const hasSpace = items.length > 0 || choice.text.startsWith(' ');
            const shown = name => hasSpace ? wholeText(name) : wholeText(name).replace(/^ /, '');
            const isYours = offsets[i] - origin < echoed;
            const top = Object.entries(tops?.[i] ?? {}).sort((a, b) => b[1] - a[1]);
            const tried = top.map(([text, logprob]) => [shown(text), logprob]);
            pushToken(shown(token), logprobs[i], tried, isYours ? 'you' : 'model', run);
            received += 1;
            if (isYours) return;
            made += 1;
            if (made === 1) first = performance.now();
            else speed = (made - 1) / (performance.now() - first) * 1000;
          });
        }
      } catch (error) {
        failure = error;
      }

      if (failure && received === 0) {
        shorten(start);
        if (state && failure.code === 'state_not_found') {
          state = null;
          return generate(prompt, picked, signal);
        }
        if (!picked) $('prompt').value ||= prompt;
        if (failure.name !== 'AbortError') throw failure;
        return say('Stopped');
      }
      if (reason === 'stop') Object.assign(items.at(-1), {by: 'end', size: 0, count: 0});
      if (isEchoed && usage) {
        let left = usage.prompt_tokens;
        for (const item of items.slice(start)) {
          if (item.by !== 'end') item.by = left > 0 ? 'you' : 'model';
          left -= item.size;
        }
      } else if (prompt !== '' && usage) {
        const size = Math.max(0, usage.prompt_tokens - sum(items.slice(from, start), 'size'));
        Object.assign(items[start], {size, count: size});
      }
      render(start);
      if (props.has_states && failure) {
        if (items.at(-1).text.endsWith('\uFFFD')) shorten(items.length - 1);
        // The server may have come to the end before it noticed the stop.
        if (state) state = await json('GET', path(work));
        if (state?.tokens > before) await takeBack(state.tokens - before);
        await read(from);
      } else if (props.has_states) {
        state = await json('GET', path(work));
        settle(from, state.tokens - before);
      }
      if (failure && failure.name !== 'AbortError') throw failure;
      const how = failure ? 'Stopped after' : reason === 'stop' ? 'The text ended after' : 'Wrote';
      say(`${how} ${tokens(made)}${made > 1 ? `, ${perSecond(speed)}` : ''}`);
    }

    // Lets the server read the items from an index on, behind the state, or the whole text if there is none.
    async function read(from) {
      if (!state && isUnknown()) throw lost();
      const [start, before] = state ? [from, state.tokens] : [0, 0];
      const body = {prompt: textOf(items.slice(start)), state: state ? work : undefined};
      state = await json('PUT', path(work), body);
      settle(start, state.tokens - before);
    }

    // Items from an index on are so many tokens in the state. The first text has BOS before it, if the model has one.
    function settle(from, total) {
      const block = items.slice(from);
      const size = sum(block, 'size');
      const isSame = size === total || (from === 0 && props.bos && size + 1 === total);
      block.forEach((item, i) => {
        item.glued = !isSame && i > 0;
        item.count = isSame ? item.size : i > 0 ? 0 : total;
      });
    }

    // Takes back the items from an index on.
    async function rewind(index) {
      if (index >= items.length) return;
      if (index === 0) return clear();
      isKept = false;
      let start = index;
      while (items[start].glued) start -= 1;
      const count = sum(items.slice(start), 'count');
      if (isUnknown() && !(count <= state?.undo_tokens)) throw lost();
      if (start === 0) state = null;
      else if (state && count > 0) await takeBack(count);
      shorten(index);
      if (props.has_states && (index > start || !state)) await read(start);
      say('');
    }

    // Undoes tokens in the state. It is given up if they are too many: then the text will be read from its beginning.
    async function takeBack(count) {
      state = count <= state.undo_tokens ? await json('POST', `${path(work)}/undo`, {tokens: count}) : null;
    }

    const lost = () => new Error('The server cannot go back that far, and the text is not known here');

    async function clear() {
      if (state) await request('DELETE', path(work));
      shorten(0);
      say('');
      state = null;
      isKept = true;
      speed = null;
    }

    function shorten(length) {
      items.length = length;
      render(length);
    }

    // Keeping and coming back

    async function keep(name) {
      if (!state) await read(0);
      await request('POST', `${path(work)}/fork`, {to: name});
      store(localStorage, textKey(name), {items, tokens: state.tokens});
      if (props.state_dir) await request('POST', `${path(name)}/save`, {});
      isKept = true;
      $('name').value = '';
      await list();
      say(`Kept as ${name}`);
    }

    async function comeBack(other) {
      if (!other.in_memory) await request('POST', `${path(other.id)}/load`, {});
      state = await json('PUT', path(work), {state: other.id});
      const stored = load(localStorage, textKey(other.id));
      items = stored?.tokens === state.tokens ? stored.items : [];
      if (items.length === 0) push({by: 'unknown', text: '', run: 0, size: state.tokens});
      isKept = true;
      speed = null;
      render(0);
      say(`Back at ${other.id}`);
    }

    async function remove(name) {
      await request('DELETE', path(name));
      localStorage.removeItem(textKey(name));
      await list();
    }

    const textKey = name => `text of ${props.model}: ${name}`;
    const mayLeave = () => isKept || items.length === 0 || confirm('Leave this text? It is not kept under a name.');

    function load(storage, key) {
      try { return JSON.parse(storage.getItem(key)); } catch { return null; }
    }

    // A long text may be more than a browser stores: then without alternatives, or not at all.
    function store(storage, key, value) {
      const bare = {...value, items: value.items?.map(item => ({...item, top: []}))};
      for (const form of [value, bare]) {
        try { return storage.setItem(key, JSON.stringify(form)); } catch { storage.removeItem(key); }
      }
    }

    // Beginning

    // Each page holds a lock on the name of its state. A copy of a tab takes another name. The states of pages that
    // are gone are deleted. Browsers lock names only over HTTPS and on this machine; elsewhere states stay.
    async function claim(states) {
      const known = load(localStorage, 'pages') ?? [];
      if (navigator.locks) {
        const hold = () => new Promise((resolve, reject) => {
          const signal = AbortSignal.timeout(1000);
          navigator.locks.request(work, {signal}, () => (resolve(), new Promise(() => {}))).catch(reject);
        });
        await hold().catch(() => { work = newName(); return hold(); });
        const held = (await navigator.locks.query()).held.map(lock => lock.name);
        for (const name of known.filter(name => !held.includes(name))) {
          if (states.some(other => other.id === name)) await request('DELETE', path(name));
        }
        store(localStorage, 'pages', [...new Set([...known, work])].filter(name => held.includes(name)));
      }
      sessionStorage.setItem('work', work);
    }

    async function begin() {
      const stored = load(sessionStorage, 'text');
      if (stored) ({items, isKept} = stored);
      render(0);
      const served = await json('GET', 'props');
      eos = (await json('GET', 'tokenizer_info')).eos_token;
      $('model').textContent = served.model;
      document.title = `${served.model} – RetNet`;
      $('size').textContent = served.state_bytes === null ? 'cache' : bytes(served.state_bytes);
      $('growth').textContent = served.state_bytes === null ? 'grows with the text' : 'the same for any length';
      $('states-here').hidden = !served.has_states;
      $('states-missing').hidden = served.has_states;
      if (served.has_states) {
        const states = await list();
        await claim(states);
        const found = states.find(other => other.id === work);
        if (found && found.tokens === stored?.tokens) state = found;
      }
      props = served;
      say('');
      $('prompt').focus({preventScroll: true});
    }
    """#
}
