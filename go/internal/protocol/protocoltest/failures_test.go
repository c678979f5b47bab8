package protocoltest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// refusal is one kind of error as a protocol says it.
type refusal struct {
	Status  int
	Headers map[string]string
	Body    json.RawMessage
}

// words are the parts of an error that clients act on. Messages has no code,
// and Gemini one word.
func (r refusal) words(t *testing.T) (kind, code string) {
	t.Helper()
	if word := jsonscan.Get(r.Body, "error", "status"); word != nil {
		return string(word), ""
	}
	var body struct {
		Error struct{ Type, Code string }
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Fatalf("%v\n%s", err, r.Body)
	}
	return body.Error.Type, body.Error.Code
}

func refusals(t *testing.T, file, protocolName string) refusal {
	t.Helper()
	var kinds struct {
		OpenAI   refusal `json:"chat_and_responses"`
		Messages refusal `json:"messages"`
		Gemini   refusal `json:"gemini"`
	}
	if err := json.Unmarshal(protocoltest.File("20-errors", file), &kinds); err != nil {
		t.Fatal(err)
	}
	switch protocolName {
	case "messages":
		return kinds.Messages
	case "gemini":
		return kinds.Gemini
	}
	return kinds.OpenAI
}

// TestErrorsOfUpstreams carries every refusal of an upstream to every client.
func TestErrorsOfUpstreams(t *testing.T) {
	for _, file := range []string{
		"authentication.json", "context_length.json", "invalid_request.json", "model_not_found.json", "overloaded.json",
		"permission.json", "quota.json", "rate_limit.json", "server.json", "timeout.json", "too_large.json",
	} {
		for _, from := range sides() {
			for _, to := range sides() {
				t.Run(strings.TrimSuffix(file, ".json")+"/"+from.name+"-to-"+to.name, func(t *testing.T) {
					said, want := refusals(t, file, from.name), refusals(t, file, to.name)
					header := http.Header{}
					for name, value := range said.Headers {
						header.Set(name, value)
					}
					failure := from.codec.DecodeError(said.Status, header, said.Body)
					status, out, body := to.codec.EncodeError(failure, protocol.Head{RequestID: "req"})
					got := refusal{Status: status, Body: body}
					kind, code := got.words(t)
					wantKind, wantCode := want.words(t)
					switch file {
					case "authentication.json", "permission.json", "quota.json": // of our account: never the client's to mend
						want.Status, wantKind, wantCode = http.StatusBadGateway, "server_error", ""
						switch to.name {
						case "messages":
							wantKind = "api_error"
						case "gemini":
							wantKind = `"INTERNAL"`
						case "chat":
							wantCode = "bad_upstream"
						}
						if failure.Kind != llm.BadUpstream || strings.Contains(string(body), "quota") || strings.Contains(string(body), "API key") {
							t.Errorf("%v became %s", failure.Kind, body)
						}
					}
					if status != want.Status || kind != wantKind || code != wantCode {
						t.Errorf("%d %q %q, want %d %q %q", status, kind, code, want.Status, wantKind, wantCode)
					}
					retry := want.Headers["retry-after"]
					if from.name == "gemini" || to.name == "gemini" { // it says the wait in the body, and not for all of these
						if retry = ""; failure.RetryAfter > 0 {
							retry = fmt.Sprint(failure.RetryAfter.Seconds())
						}
					}
					if out.Get("Retry-After") != retry {
						t.Errorf("retry-after %q, want %q", out.Get("Retry-After"), retry)
					}
				})
			}
		}
	}
}

// TestErrorsOfOurOwn says the errors that are the client's to mend.
func TestErrorsOfOurOwn(t *testing.T) {
	for file, failure := range map[string]*llm.Error{
		"authentication.json":  {Kind: llm.Unauthenticated},
		"permission.json":      {Kind: llm.Forbidden},
		"quota.json":           {Kind: llm.QuotaExceeded},
		"invalid_request.json": {Kind: llm.Invalid, Field: "temperature", Code: "invalid_value"},
		"model_not_found.json": {Kind: llm.ModelNotFound},
		"context_length.json":  {Kind: llm.ContextTooLong},
		"rate_limit.json":      {Kind: llm.RateLimited, RetryAfter: 7 * time.Second},
		"overloaded.json":      {Kind: llm.Overloaded, RetryAfter: 5 * time.Second},
		"timeout.json":         {Kind: llm.Timeout},
		"too_large.json":       {Kind: llm.TooLarge},
		"server.json":          {Kind: llm.Internal},
	} {
		for _, to := range sides() {
			want := refusals(t, file, to.name)
			status, header, body := to.codec.EncodeError(failure, protocol.Head{})
			kind, code := refusal{Body: body}.words(t)
			wantKind, wantCode := want.words(t)
			retry := want.Headers["retry-after"]
			if to.name == "gemini" {
				retry = header.Get("Retry-After") // also in the body, where the codec's own test looks
			}
			if status != want.Status || kind != wantKind || code != wantCode || header.Get("Retry-After") != retry {
				t.Errorf("%s in %s: %d %s %v", file, to.name, status, body, header)
			}
		}
	}
}

// frames returns the data of all frames of a stream, in order, by name.
func frames(t *testing.T, stream []byte) (names []string, data [][]byte) {
	t.Helper()
	scanner := sse.NewScanner(bytes.NewReader(stream), 0)
	for {
		frame, err := scanner.Next()
		if errors.Is(err, io.EOF) {
			return names, data
		}
		if err != nil {
			t.Fatal(err)
		}
		ev := sse.Parse(frame)
		names, data = append(names, string(ev.Name)), append(data, bytes.Clone(ev.Data))
	}
}

// ending is how a stream ends: the frames that report the failure, without
// what is said in words.
func ending(t *testing.T, protocolName string, stream []byte) string {
	t.Helper()
	names, data := frames(t, stream)
	last := 1
	if protocolName == "responses" {
		last = 2
	}
	var out strings.Builder
	for i := len(data) - last; i < len(data); i++ {
		var m map[string]any
		if err := json.Unmarshal(data[i], &m); err != nil {
			t.Fatalf("%v\n%s", err, data[i])
		}
		reported := m["error"]
		if response, ok := m["response"].(map[string]any); ok {
			reported = map[string]any{"status": response["status"], "error": response["error"]}
		}
		line, _ := json.Marshal([]any{names[i], m["type"], m["code"], withoutWords(reported)})
		fmt.Fprintf(&out, "%s\n", line)
	}
	return out.String()
}

func withoutWords(v any) any {
	if m, ok := v.(map[string]any); ok {
		delete(m, "message")
		for name := range m {
			m[name] = withoutWords(m[name])
		}
	}
	return v
}

// TestErrorInAStream carries a failure in mid-answer to every client: in the
// client's own words, after what was said before, and with no end behind it.
func TestErrorInAStream(t *testing.T) {
	for _, from := range sides() {
		for _, to := range sides() {
			t.Run(from.name+"-to-"+to.name, func(t *testing.T) {
				events := from.read(t, answer{true, protocoltest.File("21-stream-error", from.name+".stream.sse")})
				writer := to.codec.NewWriter(protocol.Head{Operation: llm.Generate, Stream: true, WantUsage: true})
				out := protocoltest.Write(t, writer, served(events, from))
				want := protocoltest.File("21-stream-error", to.name+".stream.sse")
				if got := ending(t, to.name, out); got != ending(t, to.name, want) {
					t.Errorf("the end is %s, want %s", got, ending(t, to.name, want))
				}
				back := protocoltest.Read(t, to.codec.NewReader(bytes.NewReader(out), true, to.target))
				if back.Err == nil || back.Err.Kind != llm.Overloaded {
					t.Errorf("read back: %v", back.Err)
				}
				for _, clean := range []string{"[DONE]", "message_stop", "response.completed", `"finish_reason":"`} {
					if bytes.Contains(out, []byte(clean)) {
						t.Errorf("%s after a failure:\n%s", clean, out)
					}
				}
				if said := heard(t, to, out); said != "Partial ans" {
					t.Errorf("said before: %q", said)
				}
			})
		}
	}
}

// heard is the text that a client has been told, whatever came after.
func heard(t *testing.T, s side, stream []byte) string {
	t.Helper()
	var text []byte
	for _, ev := range protocoltest.Events(t, s.codec.NewReader(bytes.NewReader(stream), true, s.target)) {
		text = append(text, ev.Delta...)
	}
	return string(text)
}

// chunks gives a body in the pieces in which it came.
type chunks [][]byte

func (c *chunks) Read(b []byte) (int, error) {
	for len(*c) > 0 && len((*c)[0]) == 0 {
		*c = (*c)[1:]
	}
	if len(*c) == 0 {
		return 0, io.EOF
	}
	n := copy(b, (*c)[0])
	(*c)[0] = (*c)[0][n:]
	return n, nil
}

// TestBytesOfAReader reads streams that are cut inside characters, have other
// ends of lines, comments, several data lines and no end.
func TestBytesOfAReader(t *testing.T) {
	var file struct {
		Cases []struct {
			Name   string
			Chunks []string `json:"chunks_base64"`
			Text   string
			Done   bool
		}
	}
	if err := json.Unmarshal(protocoltest.File("23-bytes", "reader-cases.json"), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 4 {
		t.Fatalf("%d cases", len(file.Cases))
	}
	s := sideOf("chat")
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			var body chunks
			for _, chunk := range c.Chunks {
				piece, err := base64.StdEncoding.DecodeString(chunk)
				if err != nil {
					t.Fatal(err)
				}
				body = append(body, piece)
			}
			a := protocoltest.Read(t, s.codec.NewReader(&body, true, s.target))
			if a.Err != nil || len(a.Blocks) != 1 || protocoltest.Words(a.Blocks[0]) != "text "+c.Text || a.Stop.Reason != llm.StopEnd {
				t.Errorf("%+v", a)
			}
		})
	}
}

func sideOf(name string) side {
	for _, s := range sides() {
		if s.name == name {
			return s
		}
	}
	panic("no side " + name)
}

// TestAnswersWithoutACandidate has what Gemini sends with success and without
// an answer. Nothing at all is a failure, so that another upstream may answer;
// a prompt that was blocked is a refusal, in the words of each client.
func TestAnswersWithoutACandidate(t *testing.T) {
	gemini := sideOf("gemini")
	const usage = `"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9},"modelVersion":"g","responseId":"r"`
	for _, body := range []string{`{}`, `{` + usage + `}`, `{"candidates":[],` + usage + `}`, `{"promptFeedback":{},` + usage + `}`} {
		for _, stream := range []bool{false, true} {
			a := answer{stream, []byte(body)}
			if stream {
				a.body = []byte("data: " + body + "\n\n")
			}
			read := protocoltest.Read(t, gemini.codec.NewReader(bytes.NewReader(a.body), stream, gemini.target))
			if read.Err == nil || read.Err.Kind != llm.BadUpstream || !read.Err.Retryable() {
				t.Errorf("%s, stream %v: %v", body, stream, read.Err)
			}
			m := gemini.codec.NewMeter(protocol.Head{Operation: llm.Generate, Stream: stream})
			verdicts := measure(t, m, a)
			if ended := m.Err() != nil || stream && m.Stop().Reason == ""; !ended { // a stream fails where it ends
				t.Errorf("%s, stream %v: the meter says %v", body, stream, verdicts)
			}
		}
	}
	for _, reason := range []string{"SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "BLOCK_REASON_UNSPECIFIED", "OF_TOMORROW"} {
		body := `{"promptFeedback":{"blockReason":"` + reason + `"},` + usage + `}`
		m := gemini.codec.NewMeter(protocol.Head{Operation: llm.Generate})
		if verdict := m.Observe([]byte(body)); verdict != protocol.Last || m.Stop().Reason != llm.StopRefusal {
			t.Errorf("%s: the meter says %v, %v", reason, verdict, m.Stop())
		}
		events := gemini.read(t, answer{false, []byte(body)})
		for client, want := range map[string]string{
			"chat": `"finish_reason":"content_filter"`, "messages": `"stop_reason":"refusal"`, "responses": `"code":"invalid_prompt"`,
			"gemini": `"finishReason":"`,
		} {
			for _, stream := range []bool{false, true} {
				if out := tell(t, events, gemini, sideOf(client), stream); !strings.Contains(string(out), want) {
					t.Errorf("%s to %s, stream %v: %s", reason, client, stream, out)
				}
			}
		}
	}
}
