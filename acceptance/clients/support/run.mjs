// Starts what the tests need, runs them, stops what it started.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child, freePort } from './child.mjs';
import { Paddler } from './paddler.mjs';
import { until } from './poll.mjs';
import { checkFiles, roles } from './targets.mjs';

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const words = process.argv.slice(2);
const control = words.includes('--control');
const wanted = words.filter((word) => !word.startsWith('--'));
const stops = []; // newest first

/// One balancer, one agent for each role.
async function startPaddler() {
  const paddler = new Paddler('clients');
  stops.unshift(() => paddler.stop());
  await paddler.start();
  for (const [role, { file, model, simulate }] of Object.entries(roles)) {
    paddler.agent(role, { model: simulate ? model : file, simulate, slots: 2, context: 2048 });
  }
  await paddler.ready();
  const targets = Object.fromEntries(Object.keys(roles).map((role) => [role, { url: paddler.inference }]));
  return { PADDLER_TARGETS: JSON.stringify(targets), PADDLER_MANAGEMENT_URL: paddler.management };
}

/// One llama-server for each role.
async function startControl() {
  const program = process.env.PADDLER_LLAMA_SERVER ?? join(process.env.PADDLER_BUILD, 'bin', 'llama-server');
  const targets = {};
  for (const [role, { file, model }] of Object.entries(roles)) {
    const port = await freePort();
    const args = ['--model', file, '--alias', model, '--host', '127.0.0.1', '--port', String(port), '--threads', '1', '-np', '2', '-c', '4096', '--jinja'];
    if (role === 'embedding') args.push('--embeddings');
    const server = new Child(`control-${role}`, program, args, { folder: join(process.env.PADDLER_BUILD, 'acceptance', 'clients') });
    stops.unshift(() => server.stop());
    targets[role] = { url: `http://127.0.0.1:${port}` };
    await until(`llama-server serves ${model}`, async () => {
      server.heard(/$^/);
      return (await fetch(`${targets[role].url}/health`)).ok;
    });
  }
  return { PADDLER_TARGETS: JSON.stringify(targets) };
}

function testFiles() {
  const all = readdirSync(here).filter((name) => name.endsWith('.test.mjs')).sort();
  const chosen = wanted.length > 0 ? all.filter((name) => wanted.includes(name.replace('.test.mjs', ''))) : all;
  if (chosen.length === 0) throw new Error(`no such tests; there are: ${all.join(', ')}`);
  return chosen;
}

async function runTests(environment) {
  const args = ['--test', '--test-concurrency=1', '--test-reporter=spec', ...testFiles()];
  const tests = spawn(process.execPath, args, { cwd: here, stdio: 'inherit', env: { ...process.env, ...environment } });
  const [code] = await once(tests, 'close');
  return code ?? 1;
}

async function stopAll() {
  for (const stop of stops.splice(0)) await stop().catch((error) => process.stderr.write(`${error.stack}\n`));
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => stopAll().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143)));
}

try {
  checkFiles();
  const environment = control ? await startControl() : await startPaddler();
  process.exitCode = await runTests(environment);
} catch (error) {
  process.stderr.write(`clients: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await stopAll();
}
