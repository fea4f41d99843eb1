// Which models the tests use, and where they are served. `run.mjs` hands it to the test files in the environment.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const models = join(process.env.PADDLER_BUILD, 'models');
const file = (name) => join(models, `${name}.gguf`);

/// Role → what serves it. `text` is what a scripted model says, whatever it is asked.
export const roles = {
  demo: { model: 'demo', file: join(root, 'models/demo.gguf') },
  hello: { model: 'scripted-hello', file: file('scripted-hello'), text: 'Hello! I am a scripted model, and I always say the same.' },
  tools: { model: 'scripted-tool-call', file: file('scripted-tool-call'), text: 'It is sunny in Paris, with 21 degrees.' },
  json: { model: 'scripted-json', file: file('scripted-json'), text: '{"city": "Paris", "degrees": 21}' },
  embedding: { model: 'random-embedding', file: file('random-embedding') },
  random: { model: 'random-small', file: file('random-small') }, // pseudo-words until max_tokens
  // Says words for hours: whoever ends sooner was ended. llama-server alone has no such model; its own is merely quick.
  endless: { model: 'endless', simulate: 'token-time=20ms,answer-tokens=1000000', file: file('random-small') },
};

export function checkFiles() {
  const missing = Object.values(roles).filter((role) => !existsSync(role.file));
  if (missing.length > 0) {
    throw new Error(`missing: ${missing.map((role) => role.file).join(', ')}. Build them: cmake --build --preset release --target paddler_test_models`);
  }
}

/// In a test file: { url: where the role's model is served, model: its name, text }. `url` is without /v1.
export function target(role) {
  return { ...roles[role], ...JSON.parse(process.env.PADDLER_TARGETS)[role] };
}

/// The management API, or nothing when the tests run against llama-server alone.
export const management = process.env.PADDLER_MANAGEMENT_URL;

/// For tests of what llama-server alone does not do.
export const onlyPaddler = { skip: management ? false : 'llama-server alone does not do this' };
