// Official JavaScript clients through a running gateway, against upstreams of
// every protocol. GATEWAY_URL and GATEWAY_KEY say where it is.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { ApiError, GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';

const url = process.env.GATEWAY_URL;
const apiKey = process.env.GATEWAY_KEY;
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: `${url}/anthropic`, apiKey, maxRetries: 0 });
const messages = [{ role: 'user', content: 'Hello' }];
const google = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url } });
const upstreams = ['chat', 'messages', 'gemini'];
const tools = [
  { name: 'get_weather', schema: { type: 'object', properties: { city: { type: 'string' }, unit: { type: 'string' } } } },
  { name: 'get_time', schema: { type: 'object', properties: {} } },
];
const openaiTools = tools.map((t) => ({ type: 'function', function: { name: t.name, parameters: t.schema } }));
const anthropicTools = tools.map((t) => ({ name: t.name, input_schema: t.schema }));
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

for (const up of upstreams) {
  describe(`openai on ${up}`, () => {
    test('whole answer', async () => {
      const r = await openai.chat.completions.create({ model: `${up}-case-01-plain`, messages });
      assert.equal(r.choices[0].message.content, '你好，世界！🚀 Hello.');
      assert.equal(r.choices[0].finish_reason, 'stop');
      assert.deepEqual([r.usage.prompt_tokens, r.usage.completion_tokens, r.usage.total_tokens], [24, 12, 36]);
    });
    test('stream', async () => {
      const stream = openai.chat.completions.stream({
        model: `${up}-case-01-plain`, messages, stream_options: { include_usage: true },
      });
      const r = await stream.finalChatCompletion();
      assert.equal(r.choices[0].message.content, '你好，世界！🚀 Hello.');
      assert.equal(r.usage.total_tokens, 36);
    });
    test('no usage chunk unless asked for', async () => {
      const stream = await openai.chat.completions.create({ model: `${up}-case-01-plain`, messages, stream: true });
      for await (const chunk of stream) {
        assert.equal(chunk.choices.length, 1);
        assert.ok(!chunk.usage);
      }
    });
    test('parallel tools, streamed', async () => {
      const stream = openai.chat.completions.stream({ model: `${up}-case-05-parallel-tools`, messages, tools: openaiTools });
      const calls = (await stream.finalChatCompletion()).choices[0].message.tool_calls;
      assert.deepEqual(calls.map((c) => [c.id, c.function.name, JSON.parse(c.function.arguments)]), [
        ['call_p1', 'get_weather', { city: 'Oslo' }], ['call_p2', 'get_weather', { city: 'Rome' }], ['call_p3', 'get_time', {}],
      ]);
    });
    test('tool call, whole', async () => {
      const r = await openai.chat.completions.create({ model: `${up}-case-03-tool-call`, messages, tools: openaiTools });
      assert.equal(r.choices[0].finish_reason, 'tool_calls');
      assert.deepEqual(JSON.parse(r.choices[0].message.tool_calls[0].function.arguments), { city: 'Zürich', unit: 'c' });
    });
    test('images', async () => {
      const r = await openai.chat.completions.create({
        model: `${up}-case-10-images`,
        messages: [{ role: 'user', content: [{ type: 'text', text: 'What?' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } }] }],
      });
      assert.equal(r.choices[0].message.content, 'A pixel and a cat.');
    });
    test('errors have their class', async () => {
      const failing = (name) => openai.chat.completions.create({ model: `${up}-error-${name}`, messages });
      await assert.rejects(failing('rate_limit'), (e) => e instanceof OpenAI.RateLimitError && e.headers.get('retry-after') === '7');
      await assert.rejects(failing('invalid_request'), OpenAI.BadRequestError);
      await assert.rejects(failing('model_not_found'), OpenAI.NotFoundError);
      await assert.rejects(failing('authentication'), (e) => e instanceof OpenAI.InternalServerError && e.status === 502);
      await assert.rejects(failing('overloaded'), (e) => e instanceof OpenAI.InternalServerError && e.status === 503);
    });
    test('an error in mid-stream is an error', async () => {
      await assert.rejects(async () => {
        const stream = await openai.chat.completions.create({ model: `${up}-midway`, messages, stream: true });
        for await (const chunk of stream) assert.ok(chunk);
      }, OpenAI.APIError);
    });
    test('responses, streamed', async () => {
      const stream = openai.responses.stream({ model: `${up}-case-01-plain`, input: 'Hello', store: false });
      const r = await stream.finalResponse();
      assert.equal(r.output_text, '你好，世界！🚀 Hello.');
      assert.equal(r.usage.total_tokens, 36);
    });
    test('responses, whole, with a tool', async () => {
      const r = await openai.responses.create({
        model: `${up}-case-03-tool-call`, input: 'Hello', store: false,
        tools: tools.map((t) => ({ type: 'function', name: t.name, parameters: t.schema, strict: false })),
      });
      const call = r.output.find((item) => item.type === 'function_call');
      assert.equal(call.call_id, 'call_w1');
      assert.deepEqual(JSON.parse(call.arguments), { city: 'Zürich', unit: 'c' });
    });
  });

  describe(`anthropic on ${up}`, () => {
    const ask = (model, more = {}) => ({ model: `${up}-${model}`, max_tokens: 1000, messages, ...more });
    test('whole answer', async () => {
      const r = await anthropic.messages.create(ask('case-01-plain'));
      assert.equal(r.content[0].text, '你好，世界！🚀 Hello.');
      assert.deepEqual([r.stop_reason, r.usage.input_tokens, r.usage.output_tokens], ['end_turn', 24, 12]);
    });
    test('stream', async () => {
      const r = await anthropic.messages.stream(ask('case-01-plain')).finalMessage();
      assert.equal(r.content[0].text, '你好，世界！🚀 Hello.');
      assert.deepEqual([r.usage.input_tokens, r.usage.output_tokens], [24, 12]);
    });
    test('parallel tools, streamed', async () => {
      const r = await anthropic.messages.stream(ask('case-05-parallel-tools', { tools: anthropicTools })).finalMessage();
      assert.deepEqual(r.content.filter((b) => b.type === 'tool_use').map((b) => [b.id, b.name, b.input]), [
        ['call_p1', 'get_weather', { city: 'Oslo' }], ['call_p2', 'get_weather', { city: 'Rome' }], ['call_p3', 'get_time', {}],
      ]);
      assert.equal(r.stop_reason, 'tool_use');
    });
    test('images', async () => {
      const r = await anthropic.messages.create(ask('case-10-images', {
        messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } }, { type: 'text', text: 'What?' }] }],
      }));
      assert.equal(r.content[0].text, 'A pixel and a cat.');
    });
    test('errors have their class', async () => {
      const failing = (name) => anthropic.messages.create(ask(`error-${name}`));
      await assert.rejects(failing('rate_limit'), (e) => e instanceof Anthropic.RateLimitError && e.headers.get('retry-after') === '7');
      await assert.rejects(failing('invalid_request'), Anthropic.BadRequestError);
      await assert.rejects(failing('model_not_found'), Anthropic.NotFoundError);
      await assert.rejects(failing('authentication'), (e) => e instanceof Anthropic.InternalServerError && e.status === 502);
      await assert.rejects(failing('overloaded'), (e) => e.status === 529);
    });
    test('an error in mid-stream is an error', async () => {
      await assert.rejects(anthropic.messages.stream(ask('midway')).finalMessage(), Anthropic.APIError);
    });
  });
}

for (const up of upstreams) {
  describe(`google on ${up}`, () => {
    const contents = 'Hello';
    const declared = [{ functionDeclarations: tools.map((t) => ({ name: t.name, parametersJsonSchema: t.schema })) }];
    const drain = async (stream) => {
      const chunks = [];
      for await (const chunk of stream) chunks.push(chunk);
      return chunks;
    };
    test('whole answer', async () => {
      const r = await google.models.generateContent({ model: `${up}-case-01-plain`, contents });
      assert.equal(r.text, '你好，世界！🚀 Hello.');
      assert.deepEqual([r.usageMetadata.promptTokenCount, r.usageMetadata.candidatesTokenCount], [24, 12]);
      assert.equal(r.candidates[0].finishReason, 'STOP');
    });
    test('stream', async () => {
      const chunks = await drain(await google.models.generateContentStream({ model: `${up}-case-01-plain`, contents }));
      assert.equal(chunks.map((c) => c.text ?? '').join(''), '你好，世界！🚀 Hello.');
      assert.equal(chunks.at(-1).usageMetadata.totalTokenCount, 36);
    });
    test('parallel tools, streamed', async () => {
      const chunks = await drain(await google.models.generateContentStream({ model: `${up}-case-05-parallel-tools`, contents, config: { tools: declared } }));
      assert.deepEqual(chunks.flatMap((c) => c.functionCalls ?? []).map((c) => [c.id, c.name, c.args]), [
        ['call_p1', 'get_weather', { city: 'Oslo' }], ['call_p2', 'get_weather', { city: 'Rome' }], ['call_p3', 'get_time', {}],
      ]);
    });
    test('a conversation goes on after a tool', async () => {
      const chat = google.chats.create({ model: `${up}-case-03-tool-call`, config: { tools: declared } });
      const first = await chat.sendMessage({ message: contents });
      const call = first.functionCalls[0];
      assert.deepEqual([call.id, call.args], ['call_w1', { city: 'Zürich', unit: 'c' }]);
      const next = await chat.sendMessage({ message: { functionResponse: { id: call.id, name: call.name, response: { output: 'rain' } } } });
      assert.equal(next.functionCalls.length, 1);
    });
    test('errors have their status', async () => {
      for (const [name, status] of [['rate_limit', 429], ['invalid_request', 400], ['model_not_found', 404], ['authentication', 502], ['overloaded', 503]]) {
        await assert.rejects(
          google.models.generateContent({ model: `${up}-error-${name}`, contents }),
          (e) => e instanceof ApiError && e.status === status);
      }
    });
    test('an error in mid-stream is an error', async () => {
      await assert.rejects(async () => drain(await google.models.generateContentStream({ model: `${up}-midway`, contents })), ApiError);
    });
    test('tokens are counted', async () => {
      const r = await google.models.countTokens({ model: 'chat-case-01-plain', contents });
      assert.ok(r.totalTokens > 0);
    });
  });
}

test('a conversation', async () => {
  const made = await openai.conversations.create({ metadata: { topic: 'demo' }, items: [{ role: 'user', content: 'Hello' }] });
  const stream = openai.responses.stream({ model: 'messages-case-01-plain', input: 'And now?', conversation: made.id });
  assert.equal((await stream.finalResponse()).conversation.id, made.id);
  const said = [];
  for await (const item of openai.conversations.items.list(made.id, { order: 'asc', limit: 1 })) said.push(item.content[0].text);
  assert.deepEqual(said, ['Hello', 'And now?', '你好，世界！🚀 Hello.']);
  assert.equal((await openai.conversations.delete(made.id)).deleted, true);
  await assert.rejects(openai.conversations.retrieve(made.id), OpenAI.NotFoundError);
});

test('an answer in the background', async () => {
  const ask = { model: 'messages-case-01-plain', input: 'Hello', background: true };
  let r = await openai.responses.create(ask);
  assert.equal(r.status, 'queued');
  while (r.status === 'queued' || r.status === 'in_progress') {
    await new Promise((resolve) => setTimeout(resolve, 10));
    r = await openai.responses.retrieve(r.id);
  }
  assert.deepEqual([r.status, r.output_text], ['completed', '你好，世界！🚀 Hello.']);
  const all = [];
  for await (const event of await openai.responses.create({ ...ask, stream: true })) all.push(event);
  const id = all[0].response.id;
  const rest = [];
  for await (const event of await openai.responses.retrieve(id, { stream: true, starting_after: 3 })) rest.push(event);
  assert.deepEqual(rest, all.slice(4));
  const again = openai.responses.stream({ response_id: id, starting_after: 0 });
  assert.equal((await again.finalResponse()).output_text, '你好，世界！🚀 Hello.');
});

test('embeddings, base64 by default and floats', async () => {
  const r = await openai.embeddings.create({ model: 'chat-embed', input: ['a', 'b'] });
  assert.deepEqual(r.data.map((d) => Array.from(d.embedding)), [[0.5, -0.25], [0.125, 1]]);
  const f = await openai.embeddings.create({ model: 'chat-embed', input: ['a', 'b'], encoding_format: 'float' });
  assert.deepEqual(f.data.map((d) => d.embedding), [[0.5, -0.25], [0.125, 1]]);
});

test('models in both forms', async () => {
  const ids = [];
  for await (const m of openai.models.list()) ids.push(m.id);
  assert.ok(ids.includes('loopback') && ids.includes('chat-case-01-plain') && ids.includes('messages-case-01-plain'));
  assert.equal(new Set(ids).size, ids.length);
  const other = [];
  for await (const m of anthropic.models.list()) other.push(m.id);
  assert.deepEqual(other.sort(), ids.sort());
  const names = [];
  for await (const m of await google.models.list()) names.push(m.name.replace('models/', ''));
  assert.deepEqual(names.sort(), ids.sort());
  assert.equal((await openai.models.retrieve('loopback')).id, 'loopback');
  await assert.rejects(openai.models.retrieve('nowhere'), OpenAI.NotFoundError);
});

test('tokens are counted', async () => {
  const r = await anthropic.messages.countTokens({ model: 'chat-case-01-plain', messages });
  assert.ok(r.input_tokens > 0);
});

test('a wrong key is refused in the right class', async () => {
  const stranger = { apiKey: 'wrong', maxRetries: 0 };
  await assert.rejects(
    new OpenAI({ baseURL: `${url}/v1`, ...stranger }).chat.completions.create({ model: 'loopback', messages }),
    OpenAI.AuthenticationError);
  await assert.rejects(
    new Anthropic({ baseURL: `${url}/anthropic`, ...stranger }).messages.create({ model: 'loopback', max_tokens: 9, messages }),
    Anthropic.AuthenticationError);
});

describe('openai beside conversations', () => {
  test('completion, whole and streamed', async () => {
    const r = await openai.completions.create({ model: 'loopback', prompt: 'Hello' });
    assert.equal(r.choices[0].text, 'Hello');
    let text = '';
    for await (const part of await openai.completions.create({ model: 'loopback', prompt: 'Hello', stream: true })) {
      text += part.choices[0].text;
    }
    assert.equal(text, 'Hello');
  });
  test('moderation', async () => {
    const r = await openai.moderations.create({ model: 'loopback', input: ['a', 'b'] });
    assert.deepEqual(r.results.map((one) => one.flagged), [false, false]);
  });
  test('images that the provider does not make are refused', async () => {
    await assert.rejects(openai.images.generate({ model: 'loopback', prompt: 'a cat' }), (e) => e.status === 400 && e.code === 'unsupported_operation');
  });
});
