// What official JavaScript clients do beside conversations, and with answers
// that are kept. GATEWAY_URL and GATEWAY_KEY say where the gateway is.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GoogleGenAI } from '@google/genai';
import OpenAI, { toFile } from 'openai';

const url = process.env.GATEWAY_URL;
const apiKey = process.env.GATEWAY_KEY;
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const google = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url } });
const text = '你好，世界！🚀 Hello.';
const sound = [0x49, 0x44, 0x33, 0, 0xff, 0xfb, 0x90, 0x0a, 0x0d, 0x80];

describe('images', () => {
  test('made', async () => {
    const r = await openai.images.generate({ model: 'chat-image', prompt: 'a cat' });
    assert.deepEqual([r.data[0].b64_json, r.usage.total_tokens], ['iVBORw0KGgo=', 30]);
  });
  test('streamed', async () => {
    const seen = [];
    for await (const ev of await openai.images.generate({ model: 'chat-image', prompt: 'a cat', stream: true })) seen.push(ev.type);
    assert.deepEqual(seen, ['image_generation.partial_image', 'image_generation.completed']);
  });
  test('edited', async () => {
    const image = await toFile(Buffer.from(sound), 'cat.png', { type: 'image/png' });
    const r = await openai.images.edit({ model: 'chat-image', image, prompt: 'greener' });
    assert.equal(r.data[0].revised_prompt, 'cat.png greener');
  });
});

describe('audio', () => {
  test('speech comes byte for byte', async () => {
    const r = await openai.audio.speech.create({ model: 'chat-speech', voice: 'alloy', input: 'Hello' });
    assert.equal(r.headers.get('content-type'), 'audio/mpeg');
    assert.deepEqual([...new Uint8Array(await r.arrayBuffer())], sound);
  });
  test('transcription and translation', async () => {
    const file = () => toFile(Buffer.from(sound), 'hello.mp3', { type: 'audio/mpeg' });
    const r = await openai.audio.transcriptions.create({ model: 'chat-transcribe', file: await file() });
    assert.deepEqual([r.text, r.usage.total_tokens], ['hello.mp3 of 10', 11]);
    assert.equal((await openai.audio.translations.create({ model: 'chat-transcribe', file: await file() })).text, 'hello.mp3 of 10');
  });
  test('transcription, streamed', async () => {
    const file = await toFile(Buffer.from(sound), 'hello.mp3', { type: 'audio/mpeg' });
    const seen = [];
    for await (const ev of await openai.audio.transcriptions.create({ model: 'chat-transcribe', file, stream: true })) seen.push(ev.type);
    assert.deepEqual(seen, ['transcript.text.delta', 'transcript.text.done']);
  });
});

test('moderation', async () => {
  const r = await openai.moderations.create({ model: 'chat-moderation', input: 'a' });
  assert.ok(r.results[0].flagged && r.results[0].categories.violence);
});

test('files and batches', async () => {
  const file = await openai.files.create({ file: await toFile(Buffer.from('{"a":1}\n'), 'ask.jsonl'), purpose: 'batch' });
  assert.deepEqual([file.filename, file.purpose], ['ask.jsonl', 'batch']);
  assert.equal((await openai.files.retrieve(file.id)).id, file.id);
  const files = [];
  for await (const one of openai.files.list({ purpose: 'batch' })) files.push(one.id);
  assert.ok(files.includes(file.id));
  assert.equal(await (await openai.files.content(file.id)).text(), '{"a":1}\n');

  const batch = await openai.batches.create({ input_file_id: file.id, endpoint: '/v1/responses', completion_window: '24h' });
  assert.deepEqual([batch.status, batch.input_file_id], ['validating', file.id]);
  assert.equal((await openai.batches.retrieve(batch.id)).id, batch.id);
  assert.equal((await openai.batches.cancel(batch.id)).status, 'cancelling');
  const batches = [];
  for await (const one of openai.batches.list({ limit: 5 })) batches.push(one.id);
  assert.ok(batches.includes(batch.id));

  assert.ok((await openai.files.delete(file.id)).deleted);
  await assert.rejects(openai.files.retrieve(file.id), OpenAI.NotFoundError);
});

for (const up of ['messages', 'gemini']) {
  describe(`responses kept for ${up}`, () => {
    const ask = { model: `${up}-case-01-plain`, input: 'Hello', instructions: 'Be brief.' };
    test('gone on from, read and deleted', async () => {
      const first = await openai.responses.create(ask);
      assert.equal(first.instructions, 'Be brief.');
      const second = await openai.responses.stream({ ...ask, previous_response_id: first.id }).finalResponse();
      assert.deepEqual([second.previous_response_id, second.output_text], [first.id, text]);
      assert.equal((await openai.responses.retrieve(second.id)).output_text, text);
      const items = [];
      for await (const item of openai.responses.inputItems.list(second.id, { order: 'asc' })) items.push(item.content[0].text);
      assert.deepEqual(items, ['Hello']);
      await openai.responses.delete(first.id);
      await assert.rejects(openai.responses.retrieve(first.id), OpenAI.NotFoundError);
      await assert.rejects(
        openai.responses.create({ ...ask, previous_response_id: first.id }), (e) => e.code === 'previous_response_not_found');
    });
    test('not kept unless wanted', async () => {
      const r = await openai.responses.create({ ...ask, store: false });
      await assert.rejects(openai.responses.retrieve(r.id), OpenAI.NotFoundError);
    });
  });
}

describe('embeddings across protocols', () => {
  test('of google, from openai', async () => {
    const r = await openai.embeddings.create({ model: 'gemini-embed', input: ['a', 'b'] });
    assert.deepEqual(r.data.map((d) => Array.from(d.embedding)), [[0.5, -0.25], [0.5, -0.25]]);
  });
  for (const up of ['gemini', 'chat']) {
    test(`of ${up}, from google`, async () => {
      const r = await google.models.embedContent({ model: `${up}-embed`, contents: ['a', 'b'] });
      assert.deepEqual(r.embeddings[0].values, [0.5, -0.25]);
      assert.equal(r.embeddings.length, 2);
    });
  }
});
