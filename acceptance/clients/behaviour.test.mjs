// What waits, is refused, breaks or is shut down, as three clients see it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, streamText } from 'ai';
import OpenAI, { APIError, InternalServerError } from 'openai';
import { Paddler, slotsAreBusy, slotsAreFree } from './support/paddler.mjs';
import { until } from './support/poll.mjs';
import { onlyPaddler } from './support/targets.mjs';
import { watchingFetch } from './support/watching_fetch.mjs';

const messages = [{ role: 'user', content: 'Go on.' }];
const comment = /^:/m;

/// The clients as functions: stream an answer's text through `fetch` and hand each piece to `piece`.
const clients = {
  'openai': async ({ url, model, fetch, signal, piece, text = 'Go on.' }) => {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused', maxRetries: 0, fetch });
    for await (const chunk of await client.chat.completions.create({ model, messages: [{ role: 'user', content: text }], stream: true }, { signal })) {
      piece(chunk.choices[0]?.delta?.content ?? '');
    }
  },
  '@langchain/openai': async ({ url, model, fetch, signal, piece, text = 'Go on.' }) => {
    const client = new ChatOpenAI({ model, apiKey: 'unused', maxRetries: 0, configuration: { baseURL: `${url}/v1`, fetch } });
    for await (const chunk of await client.stream(text, { signal })) piece(chunk.content);
  },
  'ai': async ({ url, model, fetch, signal, piece, text = 'Go on.' }) => {
    const provider = createOpenAICompatible({ name: 'paddler', baseURL: `${url}/v1`, fetch });
    const answer = streamText({ model: provider(model), prompt: text, maxRetries: 0, abortSignal: signal, onError: () => {} });
    for await (const part of answer.fullStream) {
      if (part.type === 'text-delta') piece(part.text);
      if (part.type === 'error') throw part.error;
    }
  },
};

/// Streams with a client of its own until it is told to stop; `begun` resolves with the first word.
function occupy(paddler, model) {
  const stop = new AbortController();
  const { promise: begun, resolve } = withResolvers();
  const ended = clients.openai({ url: paddler.inference, model, signal: stop.signal, piece: (text) => text && resolve() })
    .then(() => undefined, (error) => error);
  return { begun, ended, stop: () => (stop.abort(), ended) };
}

function withResolvers() {
  const out = {};
  out.promise = new Promise((resolve, reject) => Object.assign(out, { resolve, reject }));
  return out;
}

describe('one slot for many', onlyPaddler, () => {
  let paddler;
  const endless = 'token-time=10ms,answer-tokens=1000000';

  before(async () => {
    paddler = await new Paddler('queue').start(['--max-queue', '1', '--keep-alive', '200ms']);
    await paddler.agent('slow', { model: 'slow', simulate: endless, slots: 1 }).ready();
  });
  after(() => paddler.stop());

  for (const [name, stream] of Object.entries(clients)) {
    test(`${name} waits for a slot through comments`, async () => {
      const occupant = occupy(paddler, 'slow');
      await occupant.begun;
      const fetch = watchingFetch();
      const stop = new AbortController();
      let words = 0;
      const waiting = stream({
        url: paddler.inference, model: 'slow', fetch, signal: stop.signal, piece: (text) => text && ++words === 5 && stop.abort(),
      }).catch((error) => error);
      await fetch.saw(comment);
      assert.equal(words, 0, 'nothing but comments while it waits');
      assert.deepEqual(fetch.seen.statuses, [200]);
      assert.doesNotMatch(fetch.seen.text, /^event:/m, 'named events break two of the clients');
      await occupant.stop();
      await waiting;
      assert.ok(words >= 5, `got ${words} words after the wait`);
      await slotsAreFree(paddler.management, 'slow');
    });
  }

  test('a full queue is a 503 that clients try again', async () => {
    const occupant = occupy(paddler, 'slow');
    await occupant.begun;
    const queued = occupy(paddler, 'slow');
    await until('one request waits', async () => (await paddler.list('requests')).some((request) => request.status === 'queued'));
    const fetch = watchingFetch();
    const client = new OpenAI({ baseURL: `${paddler.inference}/v1`, apiKey: 'unused', maxRetries: 2, fetch });
    await assert.rejects(client.chat.completions.create({ model: 'slow', messages }), (error) => {
      assert.ok(error instanceof InternalServerError);
      assert.equal(error.status, 503);
      assert.equal(error.code, 'server_is_overloaded');
      assert.ok(Number(error.headers.get('retry-after-ms') ?? error.headers.get('retry-after')) > 0, 'it says when to come back');
      return true;
    });
    assert.deepEqual(fetch.seen.statuses, [503, 503, 503]);
    const provider = createOpenAICompatible({ name: 'paddler', baseURL: `${paddler.inference}/v1` });
    await assert.rejects(generateText({ model: provider('slow'), prompt: 'Hi.', maxRetries: 1 }), /Failed after 2 attempts/);
    await occupant.stop();
    await queued.begun; // its turn came
    await queued.stop();
    await slotsAreFree(paddler.management, 'slow');
  });

  test('who leaves the queue is forgotten', async () => {
    const occupant = occupy(paddler, 'slow');
    await occupant.begun;
    const gone = occupy(paddler, 'slow');
    const isQueued = async () => (await paddler.list('requests')).some((request) => request.status === 'queued');
    await until('one request waits', isQueued);
    await gone.stop();
    await until('nobody waits', async () => !(await isQueued()));
    await occupant.stop();
    await slotsAreFree(paddler.management, 'slow');
  });
});

// Its streams go on with the next engine, which dies of them too.
describe('an engine that dies', onlyPaddler, () => {
  let paddler;

  before(async () => {
    paddler = await new Paddler('crash').start();
    await paddler.agent('fragile', { model: 'fragile', simulate: 'token-time=5ms,answer-tokens=100,crash-at=8', slots: 1 }).ready();
  });
  after(() => paddler.stop());

  for (const [name, stream] of Object.entries(clients)) {
    test(`${name} raises what broke in the middle of a stream`, async () => {
      await paddler.ready();
      const fetch = watchingFetch();
      let words = 0;
      const text = `${name}, go on.`; // the same body would be refused at once
      await assert.rejects(stream({ url: paddler.inference, model: 'fragile', fetch, text, piece: (word) => (words += word ? 1 : 0) }), (error) => {
        assert.doesNotMatch(error.message, /terminated|fetch failed/, 'the connection was not cut');
        assert.match(error.message, /engines end when they are given this request/);
        return true;
      });
      assert.ok(words >= 1, 'what came before stays');
      const frames = fetch.seen.text.trim().split('\n\n');
      assert.equal(JSON.parse(frames.at(-1).replace(/^data: /, '')).error.code, 'request_kills_engines');
      assert.doesNotMatch(fetch.seen.text, /\[DONE\]/);
    });
  }

  test('it is back each time, without a person', async () => {
    await until('it was started again three times', async () => (await paddler.list('agents'))[0].engine_restarts >= 3);
    await paddler.ready();
  });

  test('what engines die of before its first byte is a 422, and is not run again', async () => {
    const client = new OpenAI({ baseURL: `${paddler.inference}/v1`, apiKey: 'unused' });
    for (const code of ['request_kills_engines', 'request_quarantined'])
      await assert.rejects(client.chat.completions.create({ model: 'fragile', messages }), (error) => {
        assert.ok(error instanceof APIError);
        assert.equal(error.status, 422);
        assert.equal(error.code, code);
        assert.equal(error.headers.get('x-should-retry'), 'false');
        return true;
      });
  });
});

describe('a balancer that stops', onlyPaddler, () => {
  for (const [name, stream] of Object.entries(clients)) {
    test(`${name} is told`, async () => {
      const paddler = await new Paddler('stop').start();
      try {
        await paddler.agent('slow', { model: 'slow', simulate: 'token-time=10ms,answer-tokens=1000000', slots: 1 }).ready();
        const { promise: begun, resolve } = withResolvers();
        const told = assert.rejects(stream({ url: paddler.inference, model: 'slow', piece: (text) => text && resolve() }), (error) => {
          assert.doesNotMatch(error.message, /terminated|fetch failed/, 'the connection was not cut');
          return true;
        });
        await begun;
        await slotsAreBusy(paddler.management, 'slow', 1);
        assert.match(await paddler.stopBalancer(), /ended with 0/);
        await told;
      } finally {
        await paddler.stop();
      }
    });
  }
});
