"""Official Python clients through a running gateway, against upstreams of every protocol.

GATEWAY_URL and GATEWAY_KEY say where it is.
"""

import json
import os
import time

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as google_errors

URL = os.environ["GATEWAY_URL"]
KEY = os.environ["GATEWAY_KEY"]
OPENAI = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)
ANTHROPIC = anthropic.Anthropic(base_url=f"{URL}/anthropic", api_key=KEY, max_retries=0)
GOOGLE = genai.Client(api_key=KEY, http_options={"base_url": URL})
HELLO = [{"role": "user", "content": "Hello"}]
TEXT = "你好，世界！🚀 Hello."
CALLS = [
    ("call_p1", "get_weather", {"city": "Oslo"}),
    ("call_p2", "get_weather", {"city": "Rome"}),
    ("call_p3", "get_time", {}),
]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}}
EMPTY = {"type": "object", "properties": {}}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

both = pytest.mark.parametrize("up", ["chat", "messages", "gemini"])


def openai_tools():
    return [
        {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}},
        {"type": "function", "function": {"name": "get_time", "parameters": EMPTY}},
    ]


def anthropic_tools():
    return [{"name": "get_weather", "input_schema": WEATHER}, {"name": "get_time", "input_schema": EMPTY}]


@both
def test_openai_whole(up):
    r = OPENAI.chat.completions.create(model=f"{up}-case-01-plain", messages=HELLO)
    assert r.choices[0].message.content == TEXT
    assert (r.usage.prompt_tokens, r.usage.completion_tokens) == (24, 12)


@both
def test_openai_stream(up):
    text, usage = "", None
    for chunk in OPENAI.chat.completions.create(
        model=f"{up}-case-01-plain", messages=HELLO, stream=True, stream_options={"include_usage": True}
    ):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
    assert text == TEXT
    assert usage.total_tokens == 36


@both
def test_openai_parallel_tools(up):
    with OPENAI.chat.completions.stream(
        model=f"{up}-case-05-parallel-tools", messages=HELLO, tools=openai_tools()
    ) as stream:
        message = stream.get_final_completion().choices[0].message
    assert [(c.id, c.function.name, json.loads(c.function.arguments)) for c in message.tool_calls] == CALLS


@both
def test_openai_images(up):
    url = f"data:image/png;base64,{PIXEL}"
    content = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": url}}]
    r = OPENAI.chat.completions.create(model=f"{up}-case-10-images", messages=[{"role": "user", "content": content}])
    assert r.choices[0].message.content == "A pixel and a cat."


@both
@pytest.mark.parametrize(
    ("name", "error", "status"),
    [
        ("rate_limit", openai.RateLimitError, 429),
        ("invalid_request", openai.BadRequestError, 400),
        ("model_not_found", openai.NotFoundError, 404),
        ("authentication", openai.InternalServerError, 502),
        ("overloaded", openai.InternalServerError, 503),
    ],
)
def test_openai_errors(up, name, error, status):
    with pytest.raises(error) as caught:
        OPENAI.chat.completions.create(model=f"{up}-error-{name}", messages=HELLO)
    assert caught.value.status_code == status


@both
def test_openai_error_in_mid_stream(up):
    with pytest.raises(openai.APIError):
        for chunk in OPENAI.chat.completions.create(model=f"{up}-midway", messages=HELLO, stream=True):
            assert chunk


@both
def test_responses(up):
    r = OPENAI.responses.create(model=f"{up}-case-01-plain", input="Hello", store=False)
    assert r.output_text == TEXT
    with OPENAI.responses.stream(model=f"{up}-case-01-plain", input="Hello", store=False) as stream:
        assert stream.get_final_response().output_text == TEXT


@both
def test_anthropic_whole(up):
    r = ANTHROPIC.messages.create(model=f"{up}-case-01-plain", max_tokens=100, messages=HELLO)
    assert r.content[0].text == TEXT
    assert (r.stop_reason, r.usage.input_tokens, r.usage.output_tokens) == ("end_turn", 24, 12)


@both
def test_anthropic_stream_with_tools(up):
    with ANTHROPIC.messages.stream(
        model=f"{up}-case-05-parallel-tools", max_tokens=100, messages=HELLO, tools=anthropic_tools()
    ) as stream:
        r = stream.get_final_message()
    assert [(b.id, b.name, b.input) for b in r.content if b.type == "tool_use"] == CALLS
    assert r.stop_reason == "tool_use"


@both
@pytest.mark.parametrize(
    ("name", "error", "status"),
    [
        ("rate_limit", anthropic.RateLimitError, 429),
        ("invalid_request", anthropic.BadRequestError, 400),
        ("model_not_found", anthropic.NotFoundError, 404),
        ("authentication", anthropic.InternalServerError, 502),
        ("overloaded", anthropic.APIStatusError, 529),
    ],
)
def test_anthropic_errors(up, name, error, status):
    with pytest.raises(error) as caught:
        ANTHROPIC.messages.create(model=f"{up}-error-{name}", max_tokens=100, messages=HELLO)
    assert caught.value.status_code == status


@both
def test_anthropic_error_in_mid_stream(up):
    with (
        pytest.raises(anthropic.APIError),
        ANTHROPIC.messages.stream(model=f"{up}-midway", max_tokens=100, messages=HELLO) as stream,
    ):
        stream.get_final_message()


def test_a_conversation():
    made = OPENAI.conversations.create(metadata={"topic": "demo"}, items=[{"role": "user", "content": "Hello"}])
    r = OPENAI.responses.create(model="messages-case-01-plain", input="And now?", conversation=made.id)
    assert r.conversation.id == made.id
    said = [item.content[0].text for item in OPENAI.conversations.items.list(made.id, order="asc", limit=1)]
    assert said == ["Hello", "And now?", TEXT]
    assert OPENAI.conversations.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        OPENAI.conversations.retrieve(made.id)


def test_an_answer_in_the_background():
    r = OPENAI.responses.create(model="messages-case-01-plain", input="Hello", background=True)
    assert r.status == "queued"
    while r.status in ("queued", "in_progress"):
        time.sleep(0.01)
        r = OPENAI.responses.retrieve(r.id)
    assert (r.status, r.output_text) == ("completed", TEXT)
    events = list(OPENAI.responses.create(model="messages-case-01-plain", input="Hello", background=True, stream=True))
    again = OPENAI.responses.retrieve(events[0].response.id, stream=True, starting_after=3)
    assert [e.sequence_number for e in again] == [e.sequence_number for e in events[4:]]


def test_a_summary():
    r = OPENAI.responses.compact(model="messages-case-01-plain", input="Hello")
    assert r.object == "response.compaction" and r.output[-1].type == "compaction"
    more = OPENAI.responses.create(model="messages-case-01-plain", input=[r.output[-1].model_dump(exclude_none=True)], store=False)
    assert more.output_text == TEXT


def test_embeddings():
    r = OPENAI.embeddings.create(model="chat-embed", input=["a", "b"])
    assert [d.embedding for d in r.data] == [[0.5, -0.25], [0.125, 1.0]]


def test_models():
    ids = [m.id for m in OPENAI.models.list()]
    assert "loopback" in ids
    assert len(ids) == len(set(ids))
    assert sorted(m.id for m in ANTHROPIC.models.list()) == sorted(ids)


def test_wrong_key():
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{URL}/v1", api_key="wrong", max_retries=0).models.list()
    with pytest.raises(anthropic.AuthenticationError):
        anthropic.Anthropic(base_url=f"{URL}/anthropic", api_key="wrong", max_retries=0).messages.create(
            model="loopback", max_tokens=9, messages=HELLO
        )


def google_tools():
    return [
        {
            "function_declarations": [
                {"name": "get_weather", "parameters_json_schema": WEATHER},
                {"name": "get_time", "parameters_json_schema": EMPTY},
            ]
        }
    ]


@both
def test_google_whole(up):
    r = GOOGLE.models.generate_content(model=f"{up}-case-01-plain", contents="Hello")
    assert r.text == TEXT
    assert (r.usage_metadata.prompt_token_count, r.usage_metadata.candidates_token_count) == (24, 12)


@both
def test_google_stream_with_tools(up):
    chunks = GOOGLE.models.generate_content_stream(
        model=f"{up}-case-05-parallel-tools", contents="Hello", config={"tools": google_tools()}
    )
    calls = [c for chunk in chunks for c in chunk.function_calls or []]
    assert [(c.id, c.name, c.args) for c in calls] == CALLS


@both
def test_google_goes_on_after_a_tool(up):
    config = {"tools": google_tools(), "automatic_function_calling": {"disable": True}}
    chat = GOOGLE.chats.create(model=f"{up}-case-03-tool-call", config=config)
    call = chat.send_message("Hello").function_calls[0]
    result = genai.types.Part.from_function_response(name=call.name, response={"output": "rain"})
    result.function_response.id = call.id
    assert len(chat.send_message(result).function_calls) == 1


@both
@pytest.mark.parametrize(
    ("name", "status"),
    [("rate_limit", 429), ("invalid_request", 400), ("model_not_found", 404), ("authentication", 502), ("overloaded", 503)],
)
def test_google_errors(up, name, status):
    with pytest.raises(google_errors.APIError) as caught:
        GOOGLE.models.generate_content(model=f"{up}-error-{name}", contents="Hello")
    assert caught.value.code == status


@both
def test_google_error_in_mid_stream(up):
    with pytest.raises(google_errors.APIError):
        for chunk in GOOGLE.models.generate_content_stream(model=f"{up}-midway", contents="Hello"):
            assert chunk


def test_google_counts_and_lists():
    assert GOOGLE.models.count_tokens(model="chat-case-01-plain", contents="Hello").total_tokens > 0
    assert "models/loopback" in [m.name for m in GOOGLE.models.list()]
