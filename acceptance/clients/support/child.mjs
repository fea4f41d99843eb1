// Programs that a run starts and ends, with what they said.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { createWriteStream, mkdirSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';

const kept = 64 * 1024; // of each program's words, in characters

export class Child {
  #process;
  #said = '';

  /// Resolves with how it ended, once it did.
  ended;

  constructor(name, program, args, { folder, environment = {} }) {
    this.name = name;
    mkdirSync(folder, { recursive: true });
    const log = createWriteStream(join(folder, `${name}.log`));
    this.#process = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...environment },
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        log.write(text);
        this.#said = (this.#said + text).slice(-kept);
      });
    }
    this.ended = new Promise((resolve) => {
      this.#process.on('error', (error) => resolve(`could not be started: ${error.message}`));
      this.#process.on('close', (code, signal) => resolve(signal ? `ended by ${signal}` : `ended with ${code}`));
    }).then((how) => {
      log.end();
      return (this.how = how);
    });
  }

  get said() {
    return this.#said;
  }

  get pid() {
    return this.#process.pid;
  }

  /// The first match of `pattern` in its words; throws once it ended without.
  heard(pattern) {
    const match = this.#said.match(pattern);
    if (!match && this.how) throw new Error(`${this.name} ${this.how}; it said:\n${this.#said.slice(-4000)}`);
    return match;
  }

  signal(name) {
    this.#process.kill(name);
  }

  /// SIGTERM, and SIGKILL for who does not listen within `patience` ms.
  async stop(patience = 10_000) {
    if (this.how) return this.how;
    this.#process.kill('SIGTERM');
    const impatient = AbortSignal.timeout(patience);
    await Promise.race([this.ended, once(impatient, 'abort')]);
    if (!this.how) {
      process.stderr.write(`${this.name} did not end within ${patience / 1000} s of SIGTERM; killed\n`);
      this.#process.kill('SIGKILL');
    }
    return this.ended;
  }
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
