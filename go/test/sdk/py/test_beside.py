"""What official Python clients do beside conversations, and with answers that are kept.

GATEWAY_URL and GATEWAY_KEY say where the gateway is.
"""

import os

import openai
import pytest
from google import genai

URL = os.environ["GATEWAY_URL"]
KEY = os.environ["GATEWAY_KEY"]
OPENAI = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)
GOOGLE = genai.Client(api_key=KEY, http_options={"base_url": URL})
TEXT = "你好，世界！🚀 Hello."
SOUND = b"ID3\x00\xff\xfb\x90\n\r\x80"


def test_images():
    r = OPENAI.images.generate(model="chat-image", prompt="a cat")
    assert (r.data[0].b64_json, r.usage.total_tokens) == ("iVBORw0KGgo=", 30)
    stream = OPENAI.images.generate(model="chat-image", prompt="a cat", stream=True)
    assert [ev.type for ev in stream] == ["image_generation.partial_image", "image_generation.completed"]
    r = OPENAI.images.edit(model="chat-image", image=("cat.png", SOUND, "image/png"), prompt="greener")
    assert r.data[0].revised_prompt == "cat.png greener"


def test_speech():
    assert OPENAI.audio.speech.create(model="chat-speech", voice="alloy", input="Hello").content == SOUND
    with OPENAI.audio.speech.with_streaming_response.create(model="chat-speech", voice="alloy", input="Hello") as r:
        assert b"".join(r.iter_bytes()) == SOUND


def test_transcription():
    file = ("hello.mp3", SOUND, "audio/mpeg")
    r = OPENAI.audio.transcriptions.create(model="chat-transcribe", file=file)
    assert (r.text, r.usage.total_tokens) == ("hello.mp3 of 10", 11)
    assert OPENAI.audio.translations.create(model="chat-transcribe", file=file).text == "hello.mp3 of 10"
    stream = OPENAI.audio.transcriptions.create(model="chat-transcribe", file=file, stream=True)
    assert [ev.type for ev in stream] == ["transcript.text.delta", "transcript.text.done"]


def test_moderation():
    r = OPENAI.moderations.create(model="chat-moderation", input="a")
    assert r.results[0].flagged and r.results[0].categories.violence


def test_files_and_batches():
    file = OPENAI.files.create(file=("ask.jsonl", b'{"a":1}\n'), purpose="batch")
    assert (file.filename, file.purpose) == ("ask.jsonl", "batch")
    assert OPENAI.files.retrieve(file.id).id == file.id
    assert file.id in [one.id for one in OPENAI.files.list(purpose="batch")]
    assert OPENAI.files.content(file.id).read() == b'{"a":1}\n'

    batch = OPENAI.batches.create(input_file_id=file.id, endpoint="/v1/responses", completion_window="24h")
    assert (batch.status, batch.input_file_id) == ("validating", file.id)
    assert OPENAI.batches.retrieve(batch.id).id == batch.id
    assert OPENAI.batches.cancel(batch.id).status == "cancelling"
    assert batch.id in [one.id for one in OPENAI.batches.list(limit=5)]

    assert OPENAI.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        OPENAI.files.retrieve(file.id)


@pytest.mark.parametrize("up", ["messages", "gemini"])
def test_responses_are_kept(up):
    ask = {"model": f"{up}-case-01-plain", "input": "Hello", "instructions": "Be brief."}
    first = OPENAI.responses.create(**ask)
    assert first.instructions == "Be brief."
    with OPENAI.responses.stream(**ask, previous_response_id=first.id) as stream:
        second = stream.until_done().get_final_response()
    assert (second.previous_response_id, second.output_text) == (first.id, TEXT)
    assert OPENAI.responses.retrieve(second.id).output_text == TEXT
    assert [item.content[0].text for item in OPENAI.responses.input_items.list(second.id)] == ["Hello"]
    OPENAI.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        OPENAI.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError) as refused:
        OPENAI.responses.create(**ask, previous_response_id=first.id)
    assert refused.value.code == "previous_response_not_found"


def test_embeddings_across_protocols():
    r = OPENAI.embeddings.create(model="gemini-embed", input=["a", "b"])
    assert [d.embedding for d in r.data] == [[0.5, -0.25], [0.5, -0.25]]
    for up in ["gemini", "chat"]:
        r = GOOGLE.models.embed_content(model=f"{up}-embed", contents=["a", "b"])
        # Of a model with that name this client takes a list for the parts of one input.
        assert len(r.embeddings) == (1 if up == "gemini" else 2)
        assert r.embeddings[0].values == [0.5, -0.25]
