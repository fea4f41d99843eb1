// npm @anthropic-ai/sdk: messages, streams, tools, counting, errors.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { slotsAreFree } from './support/paddler.mjs';
import { management, onlyPaddler, target } from './support/targets.mjs';
import { city, description, parameters, weather } from './support/weather.mjs';

const hello = target('hello');
const client = (role, options = {}) => new Anthropic({ baseURL: target(role).url, apiKey: 'unused', ...options });
const messages = [{ role: 'user', content: 'Say hello.' }];
const tools = [{ name: 'get_weather', description, input_schema: parameters }];

test('lists the models', onlyPaddler, async () => {
  const names = [];
  for await (const model of client('hello').models.list()) names.push(model.id);
  assert.ok(names.includes(hello.model), `${hello.model} is not in ${names}`);
  assert.equal((await client('hello').models.retrieve(hello.model)).id, hello.model);
});

test('creates a message', async () => {
  const answer = await client('hello').messages.create({ model: hello.model, max_tokens: 64, messages, system: 'Be brief.' });
  assert.equal(answer.type, 'message');
  assert.equal(answer.role, 'assistant');
  assert.deepEqual(answer.content.map(({ type, text }) => ({ type, text })), [{ type: 'text', text: hello.text }]);
  assert.equal(answer.stop_reason, 'end_turn');
  assert.ok(answer.usage.output_tokens > 0);
});

test('streams a message', async () => {
  const stream = client('hello').messages.stream({ model: hello.model, max_tokens: 64, messages });
  const types = [];
  stream.on('streamEvent', (event) => types.push(event.type));
  const answer = await stream.finalMessage();
  assert.equal(answer.content[0].text, hello.text);
  assert.equal(answer.stop_reason, 'end_turn');
  assert.equal(types[0], 'message_start');
  assert.equal(types.at(-1), 'message_stop');
  assert.ok(types.filter((type) => type === 'content_block_delta').length > 3, 'it came in pieces');
  assert.ok(answer.usage.output_tokens > 3 && answer.usage.input_tokens >= 0, JSON.stringify(answer.usage));
});

test('stops at max_tokens', async () => {
  const answer = await client('random').messages.create({ model: target('random').model, max_tokens: 4, messages });
  assert.equal(answer.stop_reason, 'max_tokens');
});

test('goes through a tool use and its result', async () => {
  const { model, text } = target('tools');
  const question = [{ role: 'user', content: 'How is the weather in Paris?' }];
  const first = await client('tools').messages.create({ model, max_tokens: 256, messages: question, tools });
  assert.equal(first.stop_reason, 'tool_use');
  const use = first.content.find((block) => block.type === 'tool_use');
  assert.equal(use.name, 'get_weather');
  assert.deepEqual(use.input, { city });
  const result = { type: 'tool_result', tool_use_id: use.id, content: JSON.stringify(weather(use.input)) };
  const second = await client('tools').messages.create({
    model, max_tokens: 64, tools, messages: [...question, { role: 'assistant', content: first.content }, { role: 'user', content: [result] }],
  });
  assert.equal(second.content.find((block) => block.type === 'text').text, text);
});

test('counts tokens', async () => {
  const few = await client('hello').messages.countTokens({ model: hello.model, messages });
  const more = await client('hello').messages.countTokens({ model: hello.model, messages: [...messages, { role: 'assistant', content: 'Hello.' }, ...messages] });
  assert.ok(few.input_tokens > 0 && more.input_tokens > few.input_tokens);
});

test('an aborted stream gives its slot back', async () => {
  const { model } = target('endless');
  const stream = client('endless').messages.stream({ model, max_tokens: 100_000, messages });
  let seen = 0;
  stream.on('text', () => {
    if (++seen === 3) stream.abort();
  });
  await assert.rejects(stream.finalMessage(), /abort/i);
  if (management) await slotsAreFree(management, model);
  assert.ok(await client('endless').messages.create({ model, max_tokens: 4, messages }));
});

test('an unknown model is raised in the shape of this API', onlyPaddler, async () => {
  await assert.rejects(client('hello').messages.create({ model: 'no-such-model', max_tokens: 4, messages }), (error) => {
    assert.ok(error instanceof Anthropic.NotFoundError, error.constructor.name);
    assert.equal(error.error.type, 'error');
    assert.equal(error.error.error.type, 'not_found_error');
    assert.match(error.error.error.message, /no-such-model/);
    assert.ok(error.headers.get('x-request-id'));
    return true;
  });
});

test('a wrong parameter is raised as a 400', async () => {
  await assert.rejects(client('hello').messages.create({ model: hello.model, max_tokens: 4, messages, temperature: 'hot' }), (error) => {
    assert.ok(error instanceof Anthropic.BadRequestError, error.constructor.name);
    assert.match(error.message, /temperature/);
    return true;
  });
});
