package chat_test

import (
	"bytes"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

func TestMend(t *testing.T) {
	floats := protocoltest.File("40-small", "embeddings.response.json")
	encoded := protocoltest.File("40-small", "embeddings.base64.response.json")
	for name, c := range map[string]struct {
		base64   bool
		in, want []byte
	}{
		"to base64":      {true, floats, encoded},
		"to floats":      {false, encoded, floats},
		"base64 already": {true, encoded, encoded},
		"floats already": {false, floats, floats},
		"no vector":      {false, []byte(`{"data":[{"embedding":"AAAAPw=x"}]}`), []byte(`{"data":[{"embedding":"AAAAPw=x"}]}`)},
		"no number":      {false, []byte(`{"data":[{"embedding":"AADAfw=="}]}`), []byte(`{"data":[{"embedding":"AADAfw=="}]}`)},
		"no list":        {true, []byte(`{"data":7}`), []byte(`{"data":7}`)},
		"not even JSON":  {true, []byte(`<html>`), []byte(`<html>`)},
		"words":          {true, []byte(`{"data":[{"embedding":["a"]}]}`), []byte(`{"data":[{"embedding":["a"]}]}`)},
	} {
		t.Run(name, func(t *testing.T) {
			in := bytes.Clone(c.in)
			got := codec().Mend(protocol.Head{Operation: llm.Embed, Base64: c.base64}, in)
			if protocoltest.Canonical(normalNumbers(got)) != protocoltest.Canonical(normalNumbers(c.want)) {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if !bytes.Equal(in, c.in) {
				t.Error("the body was changed in place")
			}
		})
	}
	if got := codec().Mend(protocol.Head{Operation: llm.Generate, Base64: true}, floats); !bytes.Equal(got, floats) {
		t.Error("a chat answer was mended")
	}
}

// normalNumbers writes 1.0 as 1.
func normalNumbers(b []byte) []byte { return bytes.ReplaceAll(b, []byte("1.0\n"), []byte("1\n")) }

func TestEmbeddingMeter(t *testing.T) {
	head := protocol.Head{Operation: llm.Embed}
	m := codec().NewMeter(head)
	if v := m.Observe(protocoltest.File("40-small", "embeddings.response.json")); v != protocol.Last {
		t.Errorf("verdict %d %v", v, m.Err())
	}
	if m.Usage().Input != llm.Known(2) || m.Usage().Source != llm.Reported || m.Meta().Model != "text-embedding-3-small" {
		t.Errorf("%+v %+v", m.Usage(), m.Meta())
	}
	for _, body := range []string{`{}`, `{"data":[]}`, `{"error":{"message":"x"}}`, `<html>`, ``} {
		if m := codec().NewMeter(head); m.Observe([]byte(body)) != protocol.Failure || m.Err() == nil {
			t.Errorf("%q is no failure", body)
		}
	}
}
