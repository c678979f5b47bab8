package protocoltest_test

import (
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// embedder is the side of a protocol that has embeddings.
func embedder(t *testing.T, name string) protocol.Embedder {
	t.Helper()
	e, ok := sideOf(name).codec.(protocol.Embedder)
	if !ok {
		t.Fatalf("%s has no embeddings", name)
	}
	return e
}

// TestEmbedRequests asks for embeddings in one protocol what a client of the
// other wants.
func TestEmbedRequests(t *testing.T) {
	for name, c := range map[string]struct{ from, to, body, want, findings string }{
		"one text": {
			"chat", "gemini", `{"model":"x","input":"a\"b"}`,
			`{"requests":[{"model":"models/up","content":{"parts":[{"text":"a\"b"}]}}]}`, "",
		},
		"texts": {
			"chat", "gemini", `{"model":"x","input":["a","b"],"dimensions":256,"user":"u","encoding_format":"base64"}`,
			`{"requests":[{"model":"models/up","content":{"parts":[{"text":"a"}]},"outputDimensionality":256},` +
				`{"model":"models/up","content":{"parts":[{"text":"b"}]},"outputDimensionality":256}]}`,
			"void; field=user; reason=not_supported",
		},
		"a content": {
			"gemini", "chat", `{"model":"models/x","content":{"parts":[{"text":"a"},{"text":"b"}]},"task_type":"RETRIEVAL_QUERY","output_dimensionality":3}`,
			`{"model":"up","input":["a\nb"],"dimensions":3}`, "void; field=taskType; reason=not_supported",
		},
		"contents": {
			"gemini", "chat", `{"requests":[{"model":"models/x","content":{"parts":[{"text":"a"}]}},{"model":"models/x","content":{"parts":[{"text":"b"}]},"title":"t"}]}`,
			`{"model":"up","input":["a","b"]}`, "void; field=title; reason=not_supported",
		},
		"contents for itself": {
			"gemini", "gemini", `{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]},"title":"t","taskType":"CLUSTERING"}]}`,
			`{"requests":[{"model":"models/up","content":{"parts":[{"text":"a"}]},"taskType":"CLUSTERING"},` +
				`{"model":"models/up","content":{"parts":[{"text":"b"}]},"taskType":"CLUSTERING","title":"t"}]}`, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := embedder(t, c.from).DecodeEmbed([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			out, findings, err := embedder(t, c.to).EncodeEmbed(req, protocol.Target{Model: "up"})
			var said []string
			for _, f := range findings {
				said = append(said, f.String())
			}
			if err != nil || string(out) != c.want || strings.Join(said, " ") != c.findings {
				t.Errorf("%s\nwant %s\nfindings %v, %v", out, c.want, said, err)
			}
		})
	}
	for body, field := range map[string]string{
		`{"model":"x"}`: "input", `{"input":[1,2]}`: "input[0]", `{"input":[[1]]}`: "input[0]", `{"input":7}`: "input",
		`{"input":"a","dimensions":"b"}`: "dimensions",
	} {
		wantRefused(t, "chat", body, field)
	}
	for body, field := range map[string]string{
		`{}`: "content", `{"requests":[{}]}`: "requests[0].content", `{"requests":[]}`: "content",
		`{"content":{"parts":[{"inlineData":{}}]}}`:                       "content.parts[0]",
		`{"content":{"parts":[{"text":"a"}]},"outputDimensionality":"b"}`: "outputDimensionality",
	} {
		wantRefused(t, "gemini", body, field)
	}
}

func wantRefused(t *testing.T, from, body, field string) {
	t.Helper()
	_, err := embedder(t, from).DecodeEmbed([]byte(body))
	if e := llm.AsError(err); err == nil || e.Kind != llm.Invalid || e.Field != field {
		t.Errorf("%s: %v about %q, want %q", body, err, e.Field, field)
	}
}

// TestVectors answers in one protocol what was embedded in the other. Numbers
// stay as they were written.
func TestVectors(t *testing.T) {
	for name, c := range map[string]struct {
		from, to, body, want string
		head                 protocol.Head
	}{
		"to a client of OpenAI's": {
			"gemini", "chat", `{"embeddings":[{"values":[0.10,-2e-3]},{"values":[1,2]}],"usageMetadata":{"promptTokenCount":7}}`,
			`{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.10,-2e-3]},{"object":"embedding","index":1,"embedding":[1,2]}],` +
				`"model":"m","usage":{"prompt_tokens":7,"total_tokens":7}}`,
			protocol.Head{},
		},
		"in base64, usage unknown": {
			"gemini", "chat", `{"embedding":{"values":[1,2]}}`,
			`{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPwAAAEA="}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}`,
			protocol.Head{Base64: true, EstimatedInput: 3},
		},
		"to one of Google's": {
			"chat", "gemini", `{"data":[{"index":0,"embedding":[0.5]}],"usage":{"prompt_tokens":7,"total_tokens":7}}`,
			`{"embedding":{"values":[0.5]},"usageMetadata":{"promptTokenCount":7}}`,
			protocol.Head{},
		},
		"several, from base64": {
			"chat", "gemini", `{"data":[{"index":0,"embedding":"AACAPwAAAEA="},{"index":1,"embedding":[3]}]}`,
			`{"embeddings":[{"values":[1,2]},{"values":[3]}]}`,
			protocol.Head{Batch: true},
		},
		"out of order": {
			"chat", "gemini", `{"data":[{"index":1,"embedding":[1]},{"index":0,"embedding":[0]}]}`,
			`{"embeddings":[{"values":[0]},{"values":[1]}]}`,
			protocol.Head{Batch: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.head.Operation = llm.Embed
			v, err := embedder(t, c.from).DecodeVectors([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			v.Model = "m"
			if out := embedder(t, c.to).EncodeVectors(v, c.head); string(out) != c.want {
				t.Errorf("%s\nwant %s", out, c.want)
			}
		})
	}
	for _, from := range []string{"chat", "gemini"} {
		for _, body := range []string{`{}`, `[]`, `{"error":{"message":"no"}}`, `{"embedding":{}}`, `{"data":[{}]}`, `{"data":[]}`, `{"embeddings":[]}`, `{"data":[{"embedding":"?"}]}`, `<html>`, ``} {
			if _, err := embedder(t, from).DecodeVectors([]byte(body)); llm.AsError(err).Kind != llm.BadUpstream {
				t.Errorf("%s in %s: %v", body, from, err)
			}
		}
	}
}

func FuzzEmbed(f *testing.F) {
	for _, body := range []string{
		`{"input":["a"],"dimensions":2}`, `{"content":{"parts":[{"text":"a"}]}}`, `{"requests":[{"content":{"parts":[{"text":"a"}]},"title":"t"}]}`,
		`{"data":[{"index":1,"embedding":[1]}]}`, `{"embeddings":[{"values":[1]}]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, from := range []string{"chat", "gemini"} {
			for _, to := range []string{"chat", "gemini"} {
				if req, err := embedder(t, from).DecodeEmbed(body); err == nil {
					out, _, err := embedder(t, to).EncodeEmbed(req, protocol.Target{Model: "m"})
					if err != nil {
						t.Fatal(err)
					}
					if again, err := embedder(t, to).DecodeEmbed(out); err != nil || len(again.Inputs) != len(req.Inputs) {
						t.Fatalf("%s became %s: %v", body, out, err)
					}
				}
				if v, err := embedder(t, from).DecodeVectors(body); err == nil {
					out := embedder(t, to).EncodeVectors(v, protocol.Head{Operation: llm.Embed, Batch: true})
					if again, err := embedder(t, to).DecodeVectors(out); err != nil || len(again.List) != len(v.List) {
						t.Fatalf("%s became %s: %v", body, out, err)
					}
				}
			}
		}
	})
}
