// Asks a model behind Paddler one question through the official OpenAI client and prints the answer as it comes.
//
//   node ask.mjs ["What is an agent?"]      OPENAI_BASE_URL (default http://127.0.0.1:8061/v1), MODEL (default: the first)
import OpenAI from 'openai';

const client = new OpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? 'http://127.0.0.1:8061/v1',
  apiKey: process.env.OPENAI_API_KEY ?? 'unused',
});
const question = process.argv[2] ?? 'What is an agent?';
const model = process.env.MODEL ?? (await client.models.list()).data[0].id;
const answer = await client.chat.completions.create({
  model,
  messages: [{role: 'user', content: question}],
  stream: true,
});
for await (const chunk of answer) process.stdout.write(chunk.choices[0]?.delta?.content ?? '');
process.stdout.write('\n');
