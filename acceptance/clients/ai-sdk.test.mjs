// npm ai with @ai-sdk/openai-compatible: text, streams, tool loops, objects, embeddings.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, embed, embedMany, generateObject, generateText, stepCountIs, streamObject, streamText, tool } from 'ai';
import { z } from 'zod';
import { slotsAreFree } from './support/paddler.mjs';
import { management, onlyPaddler, target } from './support/targets.mjs';
import { city, description, weather } from './support/weather.mjs';

const provider = (role) => createOpenAICompatible({
  name: 'paddler', baseURL: `${target(role).url}/v1`, includeUsage: true, supportsStructuredOutputs: true,
});
const chat = (role) => provider(role)(target(role).model);
const getWeather = tool({ description, inputSchema: z.object({ city: z.string() }), execute: async (given) => weather(given) });

test('generates text', async () => {
  const answer = await generateText({ model: chat('hello'), prompt: 'Say hello.' });
  assert.equal(answer.text, target('hello').text);
  assert.equal(answer.finishReason, 'stop');
  assert.ok(answer.usage.outputTokens > 0);
});

test('streams text with usage', async () => {
  const answer = streamText({ model: chat('hello'), prompt: 'Say hello.' });
  const pieces = [];
  for await (const piece of answer.textStream) pieces.push(piece);
  assert.equal(pieces.join(''), target('hello').text);
  assert.ok(pieces.length > 3, 'it came in pieces');
  assert.equal(await answer.finishReason, 'stop');
  assert.ok((await answer.usage).totalTokens > 0);
});

test('loops over a tool until it has an answer', async () => {
  const answer = await generateText({
    model: chat('tools'), prompt: 'How is the weather in Paris?', tools: { get_weather: getWeather }, stopWhen: stepCountIs(3),
  });
  assert.equal(answer.steps.length, 2);
  assert.deepEqual(answer.steps[0].toolCalls.map(({ toolName, input }) => ({ toolName, input })), [{ toolName: 'get_weather', input: { city } }]);
  assert.equal(answer.text, target('tools').text);
});

test('streams a loop over a tool', async () => {
  const answer = streamText({
    model: chat('tools'), prompt: 'How is the weather in Paris?', tools: { get_weather: getWeather }, stopWhen: stepCountIs(3),
  });
  let text = '';
  for await (const piece of answer.textStream) text += piece;
  assert.equal(text, target('tools').text);
  assert.equal((await answer.steps).length, 2);
});

test('streams an object by a schema', async () => {
  const schema = z.object({ city: z.string(), degrees: z.number() });
  const answer = streamObject({ model: chat('json'), schema, prompt: 'Weather as JSON.' });
  const parts = [];
  for await (const part of answer.partialObjectStream) parts.push(part);
  assert.ok(parts.length > 1, 'it came in pieces');
  assert.deepEqual(await answer.object, { city: 'Paris', degrees: 21 });
});

test('generates an object by a schema', async () => {
  const schema = z.object({ city: z.string(), degrees: z.number() });
  const answer = await generateObject({ model: chat('json'), schema, prompt: 'Weather as JSON.' });
  assert.deepEqual(answer.object, { city: 'Paris', degrees: 21 });
});

test('embeds', async () => {
  const model = provider('embedding').textEmbeddingModel(target('embedding').model);
  const one = await embed({ model, value: 'a slot' });
  const many = await embedMany({ model, values: ['a slot', 'an agent'] });
  assert.equal(many.embeddings.length, 2);
  assert.equal(one.embedding.length, many.embeddings[0].length);
  for (const [i, value] of one.embedding.entries()) assert.ok(Math.abs(value - many.embeddings[0][i]) < 1e-4);
  assert.notDeepEqual(many.embeddings[0], many.embeddings[1]);
});

test('an aborted stream gives its slot back', async () => {
  const stop = new AbortController();
  const answer = streamText({ model: chat('endless'), prompt: 'Go on.', maxOutputTokens: 100_000, abortSignal: stop.signal });
  let seen = 0;
  const kinds = new Set();
  for await (const part of answer.fullStream) {
    kinds.add(part.type);
    if (part.type === 'text-delta' && ++seen === 3) stop.abort();
  }
  assert.ok(kinds.has('abort'), [...kinds].join());
  if (management) await slotsAreFree(management, target('endless').model);
  assert.ok((await generateText({ model: chat('endless'), prompt: 'Short.', maxOutputTokens: 4 })).text);
});

test('an unknown model is raised, tried once', onlyPaddler, async () => {
  await assert.rejects(generateText({ model: provider('hello')('no-such-model'), prompt: 'Hi.' }), (error) => {
    assert.ok(APICallError.isInstance(error), `${error.name}: ${error.message}`);
    assert.equal(error.statusCode, 404);
    assert.equal(error.isRetryable, false);
    assert.match(error.message, /no-such-model/);
    const { type, code } = JSON.parse(error.responseBody).error;
    assert.deepEqual({ type, code }, { type: 'invalid_request_error', code: 'model_not_found' });
    return true;
  });
});

test('a wrong parameter is raised as a 400', async () => {
  const wrong = { paddler: { response_format: { type: 'poem' } } };
  await assert.rejects(generateText({ model: chat('hello'), prompt: 'Hi.', providerOptions: wrong }), (error) => {
    assert.ok(APICallError.isInstance(error), `${error.name}: ${error.message}`);
    assert.equal(error.statusCode, 400);
    return true;
  });
});
