// A Paddler of a test's own: one balancer, agents, and its management API.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from './child.mjs';
import { until } from './poll.mjs';

const binary = process.env.PADDLER_BINARY;
export const logs = process.env.PADDLER_TEST_LOGS ?? join(process.env.PADDLER_BUILD, 'acceptance', 'clients');

export class Paddler {
  #name;
  #balancer;
  #agents = [];
  #state;

  constructor(name) {
    this.#name = name;
    this.#state = mkdtempSync(join(tmpdir(), 'paddler-clients-'));
  }

  /// Starts the balancer; `inference` and `management` are then its addresses, as in http://127.0.0.1:4711.
  async start(flags = []) {
    this.#balancer = new Child(`${this.#name}-balancer`, binary, [
      'balancer', '--inference-addr', '127.0.0.1:0', '--management-addr', '127.0.0.1:0', '--state-dir', this.#state, ...flags,
    ], { folder: logs });
    const said = (pattern) => until('the balancer says where it listens', () => this.#balancer.heard(pattern), 30_000);
    this.inference = (await said(/OpenAI API\s+(http:\S+?)\/v1\s/))[1];
    this.management = (await said(/management\s+(http:\S+)/))[1];
    return this;
  }

  /// Adds an agent that serves `model`, a GGUF file or the name of a simulated one.
  agent(name, { model, simulate, slots, context }) {
    const args = ['agent', '--balancer', this.management.replace('http://', ''), '--name', name, '--model', model];
    if (simulate !== undefined) args.push(`--simulate=${simulate}`);
    if (slots) args.push('--slots', String(slots));
    if (context) args.push('--context', String(context));
    args.push('--threads', '1');
    this.#agents.push(new Child(`${this.#name}-agent-${name}`, binary, args, { folder: logs }));
    return this;
  }

  /// Waits until every agent's engine serves.
  async ready() {
    await until('all agents are ready', async () => {
      for (const agent of this.#agents) agent.heard(/$^/);
      const views = await this.list('agents');
      return views.length === this.#agents.length && views.every((each) => each.status === 'ready' && each.connected);
    });
    return this;
  }

  async list(kind) {
    const answer = await fetch(`${this.management}/management/v1/${kind}`, { signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) throw new Error(`GET ${kind}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()).items;
  }

  /// SIGTERM; says how it ended.
  stopBalancer() {
    return this.#balancer.stop();
  }

  async stop() {
    await Promise.all(this.#agents.map((agent) => agent.stop()));
    await this.#balancer?.stop();
    rmSync(this.#state, { recursive: true, force: true });
  }
}

async function slotsOf(management, model) {
  const answer = await fetch(`${management}/management/v1/slots`);
  return (await answer.json()).items.filter((slot) => slot.model === model);
}

/// Returns once `count` slots of `model` are busy.
export async function slotsAreBusy(management, model, count) {
  await until(`${count} slots of ${model} are busy`, async () =>
    (await slotsOf(management, model)).filter((slot) => slot.status === 'busy').length === count);
}

/// Throws unless every slot of `model` becomes free before the deadline.
export async function slotsAreFree(management, model, deadline = 5_000) {
  await until(`the slots of ${model} are free`, async () => {
    const slots = await slotsOf(management, model);
    return slots.length > 0 && slots.every((slot) => slot.status === 'idle');
  }, deadline);
}
