// npm @langchain/openai: chat models with streams, tools and structured answers; embeddings.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { z } from 'zod';
import { slotsAreFree } from './support/paddler.mjs';
import { management, onlyPaddler, target } from './support/targets.mjs';
import { city, description, weather } from './support/weather.mjs';

const chat = (role, options = {}) => new ChatOpenAI({
  model: target(role).model, apiKey: 'unused', configuration: { baseURL: `${target(role).url}/v1` }, ...options,
});
const getWeather = tool((given) => JSON.stringify(weather(given)), { name: 'get_weather', description, schema: z.object({ city: z.string() }) });

test('invokes', async () => {
  const answer = await chat('hello').invoke('Say hello.');
  assert.equal(answer.content, target('hello').text);
  assert.equal(answer.response_metadata.finish_reason, 'stop');
  assert.ok(answer.usage_metadata.output_tokens > 0);
});

test('streams with usage', async () => {
  let whole;
  for await (const chunk of await chat('hello').stream('Say hello.')) whole = whole ? whole.concat(chunk) : chunk;
  assert.equal(whole.content, target('hello').text);
  assert.ok(whole.usage_metadata.total_tokens > 0);
});

test('serves a batch', async () => {
  const answers = await chat('hello').batch(['one', 'two', 'three', 'four']);
  for (const answer of answers) assert.equal(answer.content, target('hello').text);
});

test('goes through a tool call and its result', async () => {
  const model = chat('tools').bindTools([getWeather]);
  const messages = [new HumanMessage('How is the weather in Paris?')];
  const asked = await model.invoke(messages);
  assert.equal(asked.tool_calls.length, 1);
  assert.equal(asked.tool_calls[0].name, 'get_weather');
  assert.deepEqual(asked.tool_calls[0].args, { city });
  const given = await getWeather.invoke(asked.tool_calls[0]);
  assert.ok(given instanceof ToolMessage);
  const answer = await model.invoke([...messages, asked, given]);
  assert.equal(answer.content, target('tools').text);
});

test('streams a tool call', async () => {
  let whole;
  for await (const chunk of await chat('tools').bindTools([getWeather]).stream('Weather in Paris?')) whole = whole ? whole.concat(chunk) : chunk;
  assert.deepEqual(whole.tool_calls.map(({ name, args }) => ({ name, args })), [{ name: 'get_weather', args: { city } }]);
});

test('structures an answer by a schema', async () => {
  const schema = z.object({ city: z.string(), degrees: z.number() });
  const model = chat('json').withStructuredOutput(schema, { name: 'weather', method: 'jsonSchema' });
  assert.deepEqual(await model.invoke('Weather as JSON.'), { city: 'Paris', degrees: 21 });
});

test('embeds', async () => {
  const { model, url } = target('embedding');
  const embeddings = new OpenAIEmbeddings({ model, apiKey: 'unused', configuration: { baseURL: `${url}/v1` } });
  const one = await embeddings.embedQuery('a slot');
  const many = await embeddings.embedDocuments(['a slot', 'an agent']);
  assert.equal(many.length, 2);
  assert.equal(many[0].length, one.length);
  for (const [i, value] of one.entries()) assert.ok(Math.abs(value - many[0][i]) < 1e-4);
});

test('an aborted stream gives its slot back', async () => {
  const stop = new AbortController();
  const stream = await chat('endless', { maxTokens: 100_000 }).stream('Go on.', { signal: stop.signal });
  let seen = 0;
  await assert.rejects(async () => {
    for await (const chunk of stream) if (chunk.content && ++seen === 3) stop.abort();
  }, /abort/i);
  if (management) await slotsAreFree(management, target('endless').model);
  assert.ok((await chat('endless', { maxTokens: 4 }).invoke('Short.')).content);
});

test('an unknown model is raised with its status and code', onlyPaddler, async () => {
  await assert.rejects(chat('hello', { model: 'no-such-model' }).invoke('Hi.'), (error) => {
    assert.equal(error.status, 404);
    assert.equal(error.code, 'model_not_found');
    assert.equal(error.type, 'invalid_request_error');
    assert.match(error.message, /no-such-model/);
    return true;
  });
});

test('a wrong parameter is raised as a 400', async () => {
  await assert.rejects(chat('hello', { modelKwargs: { response_format: { type: 'poem' } } }).invoke('Hi.'), (error) => {
    assert.equal(error.status, 400);
    assert.equal(error.type, 'invalid_request_error');
    return true;
  });
});
