// What the Vercel AI SDK does on Responses: it names items of earlier answers
// by their id. GATEWAY_URL and GATEWAY_KEY say where the gateway is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';

const sent = [];
const openai = createOpenAI({
  baseURL: `${process.env.GATEWAY_URL}/v1`,
  apiKey: process.env.GATEWAY_KEY,
  fetch: (to, options) => {
    sent.push(JSON.parse(options.body));
    return fetch(to, options);
  },
});

for (const model of ['loopback', 'messages-case-01-plain']) {
  test(`two turns with ${model}`, async () => {
    const first = [{ role: 'user', content: 'one' }];
    const one = await generateText({ model: openai(model), messages: first });
    const messages = [...first, ...one.response.messages, { role: 'user', content: 'two' }];
    const two = await generateText({ model: openai(model), messages });
    assert.ok(one.text && two.text);
    assert.ok(sent.at(-1).input.some((item) => item.type === 'item_reference'));
    let streamed = '';
    for await (const piece of streamText({ model: openai(model), messages }).textStream) streamed += piece;
    assert.equal(streamed, two.text);
  });
}

test('a tool', async () => {
  const weather = tool({ description: 'weather', inputSchema: jsonSchema({ type: 'object', properties: {} }), execute: async () => 'sunny' });
  const r = await generateText({ model: openai('loopback:tool=weather'), prompt: 'Hi', tools: { weather }, stopWhen: stepCountIs(3) });
  assert.deepEqual([r.steps.length, r.text], [2, '[loopback] The tool weather returned: sunny']);
});
