// npm openai: chat, completions, embeddings, models, responses, errors.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI, { APIUserAbortError, BadRequestError, NotFoundError } from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { slotsAreBusy, slotsAreFree } from './support/paddler.mjs';
import { management, onlyPaddler, target } from './support/targets.mjs';
import { city, tools, weather } from './support/weather.mjs';

const hello = target('hello');
const messages = [{ role: 'user', content: 'Say hello.' }];
const client = (role, options = {}) => new OpenAI({ baseURL: `${target(role).url}/v1`, apiKey: 'unused', ...options });

test('lists the models', async () => {
  const models = await client('hello').models.list();
  const names = models.data.map((model) => model.id);
  assert.ok(names.includes(hello.model), `${hello.model} is not in ${names}`);
  for (const model of models.data) assert.equal(model.object, 'model');
});

test('retrieves one model', onlyPaddler, async () => {
  assert.equal((await client('hello').models.retrieve(hello.model)).id, hello.model);
});

test('chats', async () => {
  const answer = await client('hello').chat.completions.create({ model: hello.model, messages });
  assert.equal(answer.object, 'chat.completion');
  assert.equal(answer.model, hello.model);
  assert.equal(answer.choices[0].message.role, 'assistant');
  assert.equal(answer.choices[0].message.content, hello.text);
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test('chats with the demo model', async () => {
  const answer = await client('demo').chat.completions.create({
    model: target('demo').model, messages: [{ role: 'user', content: 'What is a slot?' }], temperature: 0,
  });
  assert.match(answer.choices[0].message.content, /slot/);
  assert.equal(answer.choices[0].finish_reason, 'stop');
});

test('chats with content in parts, and with fields that are new', async () => {
  const answer = await client('hello').chat.completions.create({
    model: hello.model,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Say hello.' }] }],
    store: false,
    prompt_cache_key: 'acceptance',
    metadata: { purpose: 'test' },
  });
  assert.equal(answer.choices[0].message.content, hello.text);
});

test('streams with usage', async () => {
  const stream = await client('hello').chat.completions.create({
    model: hello.model, messages, stream: true, stream_options: { include_usage: true },
  });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.equal(chunks[0].choices[0].delta.role, 'assistant');
  assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta?.content ?? '').join(''), hello.text);
  const finished = chunks.findIndex((chunk) => chunk.choices[0]?.finish_reason);
  assert.equal(chunks[finished].choices[0].finish_reason, 'stop');
  const last = chunks.at(-1);
  assert.equal(finished, chunks.length - 2, 'only the usage follows the finish reason');
  assert.deepEqual(last.choices, []);
  assert.ok(last.usage.completion_tokens > 0);
  assert.ok(chunks.every((chunk) => chunk.id === last.id), 'all chunks have one id');
});

test('answers with headers that the client shows', onlyPaddler, async () => {
  const { response, request_id } = await client('hello').chat.completions.create({ model: hello.model, messages }).withResponse();
  assert.match(request_id, /^\S{8,128}$/);
  assert.match(response.headers.get('content-type'), /^application\/json/);
});

test('goes through a tool call and its result', async () => {
  const { model, text } = target('tools');
  const question = [{ role: 'user', content: 'How is the weather in Paris?' }];
  const first = await client('tools').chat.completions.create({ model, messages: question, tools });
  assert.equal(first.choices[0].finish_reason, 'tool_calls');
  const [call] = first.choices[0].message.tool_calls;
  assert.equal(call.function.name, 'get_weather');
  assert.deepEqual(JSON.parse(call.function.arguments), { city });
  const second = await client('tools').chat.completions.create({
    model,
    tools,
    messages: [...question, first.choices[0].message, { role: 'tool', tool_call_id: call.id, content: JSON.stringify(weather({ city })) }],
  });
  assert.equal(second.choices[0].message.content, text);
  assert.equal(second.choices[0].finish_reason, 'stop');
});

test('streams a tool call', async () => {
  const { model } = target('tools');
  const stream = client('tools').chat.completions.stream({ model, messages: [{ role: 'user', content: 'Weather in Paris?' }], tools });
  const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0];
  assert.equal(finish_reason, 'tool_calls');
  assert.equal(message.tool_calls[0].function.name, 'get_weather');
  assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city });
});

test('runs tools by itself', async () => {
  const { model, text } = target('tools');
  const asked = [];
  const runner = client('tools').chat.completions.runTools({
    model,
    messages: [{ role: 'user', content: 'Weather in Paris?' }],
    tools: [{ type: 'function', function: { ...tools[0].function, parse: JSON.parse, function: (given) => (asked.push(given), weather(given)) } }],
  });
  assert.equal(await runner.finalContent(), text);
  assert.deepEqual(asked, [{ city }]);
});

test('parses an answer that follows a schema', async () => {
  const { model } = target('json');
  const schema = z.object({ city: z.string(), degrees: z.number() });
  const answer = await client('json').chat.completions.parse({
    model, messages: [{ role: 'user', content: 'Weather as JSON.' }], response_format: zodResponseFormat(schema, 'weather'),
  });
  assert.deepEqual(answer.choices[0].message.parsed, { city: 'Paris', degrees: 21 });
});

test('a schema binds a model that knows nothing of it', async () => {
  const { model } = target('random');
  const schema = z.object({ city: z.enum(['Paris', 'Oslo']), sunny: z.boolean() });
  const answer = await client('random').chat.completions.parse({
    model, max_tokens: 200, messages: [{ role: 'user', content: 'Weather as JSON.' }], response_format: zodResponseFormat(schema, 'weather'),
  });
  assert.ok(schema.safeParse(answer.choices[0].message.parsed).success, answer.choices[0].message.content);
});

test('embeds as base64, its default, and as floats: the same vectors', async () => {
  const { model } = target('embedding');
  const input = ['a slot', 'an agent'];
  const packed = await client('embedding').embeddings.create({ model, input });
  const plain = await client('embedding').embeddings.create({ model, input, encoding_format: 'float' });
  assert.equal(packed.data.length, 2);
  for (const [i, { embedding, index }] of packed.data.entries()) {
    assert.equal(index, i);
    assert.ok(embedding.length >= 8);
    for (const [k, value] of embedding.entries()) assert.ok(Math.abs(value - plain.data[i].embedding[k]) < 1e-6);
  }
  assert.notDeepEqual(packed.data[0].embedding, packed.data[1].embedding);
  assert.ok(packed.usage.prompt_tokens > 0);
});

test('completes a prompt, whole and streamed', async () => {
  const whole = await client('random').completions.create({ model: target('random').model, prompt: 'Once', max_tokens: 8 });
  assert.equal(whole.object, 'text_completion');
  assert.equal(whole.usage.completion_tokens, 8);
  assert.equal(whole.choices[0].finish_reason, 'length');
  const stream = await client('hello').completions.create({ model: hello.model, prompt: 'Hi', stream: true });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.text ?? '';
  assert.ok(text.length > 0);
});

test('speaks the responses API', async () => {
  const answer = await client('hello').responses.create({ model: hello.model, input: 'Say hello.', instructions: 'Be brief.' });
  assert.equal(answer.output_text, hello.text);
  assert.equal(answer.status, 'completed');
});

test('streams the responses API', async () => {
  const stream = await client('hello').responses.create({ model: hello.model, input: 'Say hello.', stream: true });
  const types = [];
  let text = '';
  for await (const event of stream) {
    types.push(event.type);
    if (event.type === 'response.output_text.delta') text += event.delta;
  }
  assert.equal(text, hello.text);
  assert.equal(types[0], 'response.created');
  assert.equal(types.at(-1), 'response.completed');
});

test('keeps eight requests apart on two slots', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, (_, i) =>
    client('hello').chat.completions.create({ model: hello.model, messages: [{ role: 'user', content: `Number ${i}.` }] })));
  for (const answer of answers) assert.equal(answer.choices[0].message.content, hello.text);
  assert.equal(new Set(answers.map((answer) => answer.id)).size, 8);
});

test('an aborted stream gives its slot back', async () => {
  const { model } = target('endless');
  const stop = new AbortController();
  const stream = await client('endless').chat.completions.create(
    { model, messages, stream: true, max_tokens: 100_000 }, { signal: stop.signal });
  let seen = 0;
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta?.content && ++seen === 3) stop.abort();
  }
  assert.ok(seen >= 3);
  if (management) await slotsAreFree(management, model);
  // Both slots serve again, also where nobody can be asked about them.
  await Promise.all([1, 2].map(() => client('endless').chat.completions.create({ model, messages, max_tokens: 4 })));
});

test('an aborted request gives its slot back', async () => {
  const { model } = target('endless');
  const stop = new AbortController();
  const request = client('endless').chat.completions.create({ model, messages, max_tokens: 100_000 }, { signal: stop.signal });
  const refused = assert.rejects(request, APIUserAbortError);
  if (management) await slotsAreBusy(management, model, 1);
  stop.abort();
  await refused;
  if (management) await slotsAreFree(management, model);
});

test('an unknown model is one honest 404, tried once', onlyPaddler, async () => {
  let tries = 0;
  const counting = (...request) => (tries++, fetch(...request));
  await assert.rejects(client('hello', { fetch: counting }).chat.completions.create({ model: 'scripted-helo', messages }), (error) => {
    assert.ok(error instanceof NotFoundError);
    assert.equal(error.status, 404);
    assert.equal(error.type, 'invalid_request_error');
    assert.equal(error.code, 'model_not_found');
    assert.match(error.message, /scripted-hello/, 'it suggests the name that was meant');
    assert.ok(error.requestID);
    return true;
  });
  assert.equal(tries, 1);
});

test('a wrong parameter is a 400 with words', async () => {
  for (const wrong of [{ messages: 'no list' }, { messages, max_tokens: 'many' }, { messages, response_format: { type: 'poem' } }]) {
    await assert.rejects(client('hello', { maxRetries: 0 }).chat.completions.create({ model: hello.model, ...wrong }), (error) => {
      assert.ok(error instanceof BadRequestError, `${JSON.stringify(wrong)} gave ${error.status} ${error.message}`);
      assert.equal(error.type, 'invalid_request_error');
      assert.ok(error.message.length > 10);
      return true;
    });
  }
});
