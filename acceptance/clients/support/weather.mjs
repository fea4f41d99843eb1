// The tool that the scripted model calls.
export const city = 'Paris';
export const description = 'The weather in a city';

export const parameters = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};

/// As OpenAI's API takes it.
export const tools = [{ type: 'function', function: { name: 'get_weather', description, parameters } }];

export const weather = (given) => ({ city: given.city, sky: 'sunny', degrees: 21 });
