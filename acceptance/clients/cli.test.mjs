// The program's own commands, as scripts use them: output, and exit codes.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Child } from './support/child.mjs';
import { Paddler, logs } from './support/paddler.mjs';
import { until } from './support/poll.mjs';
import { onlyPaddler, target } from './support/targets.mjs';

const binary = process.env.PADDLER_BINARY;

/// Runs a command to its end: { code, out, err }.
function paddler(args, input = '') {
  return new Promise((resolve) => {
    const child = execFile(binary, args, { timeout: 60_000 }, (error, out, err) => resolve({ code: error ? error.code : 0, out, err }));
    child.stdin.end(input);
  });
}

describe('get, apply and chat', onlyPaddler, () => {
  let server;
  let management;
  const document = (slots) => `agents:
  - id: worker
    desired_model: { source: local, path: ${target('hello').file} }
    slots: ${slots}
`;

  before(async () => {
    server = await new Paddler('cli').start();
    await server.agent('worker', { model: target('hello').file, slots: 1, context: 1024 }).ready();
    management = ['--management', server.management];
  });
  after(() => server.stop());

  test('get prints what the API says', async () => {
    const table = await paddler(['get', 'agents', ...management]);
    assert.equal(table.code, 0, table.err);
    assert.match(table.out, /^NAME +STATUS +MODEL .*\nworker +ready +scripted-hello +0\/1 /);
    assert.equal(table.err, '');
    const json = await paddler(['get', 'ag', '-o', 'json', ...management]);
    assert.equal(JSON.parse(json.out).items[0].id, 'worker');
    assert.equal((await paddler(['get', 'slots', '-o', 'name', ...management])).out, 'slots/worker/0\n');
    assert.equal((await paddler(['get', 'mo', 'scripted-hello', '-o', 'name', ...management])).out, 'models/scripted-hello\n');
  });

  test('get tells what it does not find by its exit code', async () => {
    const missing = await paddler(['get', 'agents/nobody', ...management]);
    assert.equal(missing.code, 4);
    assert.equal(missing.out, '');
    assert.match(missing.err, /there is no agent "nobody"/);
  });

  test('apply takes what get desired prints, and knows when nothing changes', async () => {
    const current = await paddler(['get', 'desired', ...management]);
    assert.match(current.out, /id: worker/);
    assert.match((await paddler(['apply', '-f', '-', ...management], current.out)).out, /^applied: revision \d+\n$/);
    assert.match((await paddler(['apply', '-f', '-', ...management], current.out)).out, /^unchanged: revision \d+\n$/);
    assert.equal((await paddler(['apply', '-f', '-', '--error-unchanged', ...management], current.out)).code, 3);
  });

  test('apply changes what runs', async () => {
    assert.equal((await paddler(['apply', '-f', '-', ...management], document(2))).code, 0);
    await until('the agent has two slots', async () => (await server.list('slots')).length === 2);
    await server.ready();
  });

  test('apply lists every mistake, with its line and the mend', async () => {
    const refused = await paddler(['apply', '-f', '-', ...management], document(2).replace('slots:', 'slot:') + 'model: []\n');
    assert.equal(refused.code, 7);
    assert.match(refused.err, /standard input:4: agents\[0\]\.slot: .*slots/);
    assert.match(refused.err, /standard input:5: model: .*models/);
    assert.match(refused.err, /nothing was changed/);
  });

  test('apply loses a race with a code of its own', async () => {
    const { revision } = await (await fetch(`${server.management}/management/v1/agents`)).json();
    assert.equal((await paddler(['apply', '-f', '-', '--if-revision', String(revision - 1), ...management], document(3))).code, 5);
    assert.equal((await paddler(['apply', '-f', '-', '--if-revision', String(revision), ...management], document(1))).code, 0);
    await server.ready();
  });

  test('chat prints the answer and nothing else', async () => {
    const inference = ['--inference', server.inference];
    const answer = await paddler(['chat', ...inference, 'Say', 'hello.']);
    assert.deepEqual(answer, { code: 0, out: `${target('hello').text}\n`, err: '' });
    assert.equal((await paddler(['chat', ...inference], 'From standard input.')).out, `${target('hello').text}\n`);
    const unknown = await paddler(['chat', '--model', 'nothing', ...inference, 'Hi.']);
    assert.equal(unknown.code, 4);
    assert.match(unknown.err, /there is no model `nothing`/);
  });

  test('version asks the balancer, too', async () => {
    assert.match((await paddler(['version', ...management])).out, /^paddler \S+\nbalancer \S+\n$/);
  });
});

describe('without a server', onlyPaddler, () => {
  test('says how to start one', async () => {
    for (const args of [['get', 'agents', '--management', '127.0.0.1:1'], ['chat', '--inference', '127.0.0.1:1', 'Hi.']]) {
      const { code, err } = await paddler(args);
      assert.equal(code, 6);
      assert.match(err, /paddler up/);
    }
  });

  test('a wrong word costs an explanation and exit code 2', async () => {
    const { code, out, err } = await paddler(['aply', '-f', 'x']);
    assert.deepEqual([code, out], [2, '']);
    assert.match(err, /Did you mean "apply"\?/);
  });

  test('a model that is none is refused before anything starts', async () => {
    const { code, out, err } = await paddler(['up', '--model', target('hello').file.replace('scripted-hello', 'bad-not-gguf')]);
    assert.deepEqual([code, out], [7, '']);
    assert.match(err, /not a GGUF file/);
  });
});

describe('up', onlyPaddler, () => {
  const state = mkdtempSync(join(tmpdir(), 'paddler-clients-'));
  const simulate = '--simulate=token-time=10ms,answer-tokens=1000000';
  const addresses = ['--inference-addr', '127.0.0.1:0', '--management-addr', '127.0.0.1:0', '--state-dir', state];
  let up;

  after(async () => {
    await up.stop();
    rmSync(state, { recursive: true, force: true });
  });

  async function started() {
    up = new Child('up', binary, ['up', simulate, ...addresses], { folder: logs });
    await until('it says what to try', () => up.heard(/Try, in another terminal/));
    return up.heard(/OpenAI API\s+(http:\S+)/)[1];
  }

  test('says where everything is, and ends when it is asked to', async () => {
    const url = await started();
    assert.match(up.said, /model +simulated, 4 slots, ready after/);
    assert.deepEqual((await (await fetch(`${url}/models`)).json()).data.map(({ id }) => id), ['simulated']);
    assert.equal(await up.stop(), 'ended with 0');
  });

  test('is cut short by a second signal', async () => {
    const url = await started();
    const body = JSON.stringify({ model: 'simulated', messages: [{ role: 'user', content: 'Go on.' }], stream: true });
    const answer = await fetch(`${url}/chat/completions`, { method: 'POST', body });
    const reader = answer.body.getReader();
    await reader.read();
    up.signal('SIGTERM');
    await until('it begins to stop', () => up.heard(/balancer\.stopping/));
    up.signal('SIGTERM');
    assert.equal(await up.ended, 'ended with 130');
    await reader.cancel().catch(() => {});
  });
});
