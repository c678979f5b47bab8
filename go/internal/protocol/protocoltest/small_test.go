package protocoltest_test

import (
	"bytes"
	"net/url"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

// TestEmbeddings holds what the byte path does with embeddings: the model
// alone changes, usage is seen, and a wish for another encoding is granted.
func TestEmbeddings(t *testing.T) {
	s := sideOf("chat")
	body := protocoltest.File("40-small", "embeddings.request.json")
	floats, encoded := protocoltest.File("40-small", "embeddings.response.json"), protocoltest.File("40-small", "embeddings.base64.response.json")
	head, err := s.codec.Peek(llm.Embed, body)
	if err != nil || head.Model != "text-embedding-3-small" || head.Base64 {
		t.Fatalf("%+v %v", head, err)
	}
	parts, err := s.codec.Patch(body, head, protocol.Target{Model: "other"})
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Join(parts, nil); !bytes.Equal(got, bytes.Replace(body, []byte(head.Model), []byte("other"), 1)) {
		t.Errorf("%s", got)
	}
	for _, answer := range [][]byte{floats, encoded} {
		m := s.codec.NewMeter(protocol.Head{Operation: llm.Embed})
		m.Observe(answer)
		if u := m.Usage(); u.InputTotal() != 2 || u.Source != llm.Reported {
			t.Errorf("%+v", u)
		}
	}
	mender, ok := s.codec.(protocol.Mender)
	if !ok {
		t.Fatal("the codec mends nothing")
	}
	if got := mender.Mend(protocol.Head{Operation: llm.Embed, Base64: true}, floats); protocoltest.Canonical(got) != protocoltest.Canonical(encoded) {
		t.Errorf("%s", got)
	}
}

// TestModelLists holds the lists of models against what the vendors' look like.
func TestModelLists(t *testing.T) {
	gpt := protocol.ModelCard{ID: "gpt-5.5", OwnedBy: "openai", Created: time.Unix(1776000000, 0)}
	claude := protocol.ModelCard{ID: "claude-sonnet-4-5", OwnedBy: "anthropic", Created: time.Unix(1759100000, 0)}
	full := protocol.ModelCard{
		ID: "claude-sonnet-4-5", DisplayName: "Claude Sonnet 4.5", Created: time.Date(2025, 9, 29, 0, 0, 0, 0, time.UTC), MaxInput: 200000, MaxOutput: 64000,
	}
	for name, c := range map[string]struct {
		cards []protocol.ModelCard
		file  string
	}{
		"chat":     {[]protocol.ModelCard{gpt, claude}, "models.openai.json"},
		"messages": {[]protocol.ModelCard{full}, "models.anthropic.json"},
	} {
		lister, ok := sideOf(name).codec.(interface {
			EncodeModels(cards []protocol.ModelCard, query url.Values) []byte
		})
		if !ok {
			t.Fatalf("%s lists no models", name)
		}
		got, want := lister.EncodeModels(c.cards, nil), protocoltest.File("40-small", c.file)
		if protocoltest.Canonical(got) != protocoltest.Canonical(want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestCountsOfTokens holds an answer to a count against the vendor's.
func TestCountsOfTokens(t *testing.T) {
	counter, ok := sideOf("messages").codec.(interface{ EncodeCount(n int64) []byte })
	if !ok {
		t.Fatal("the codec answers no counts")
	}
	if got, want := counter.EncodeCount(412), protocoltest.File("40-small", "count_tokens.response.json"); protocoltest.Canonical(got) != protocoltest.Canonical(want) {
		t.Errorf("%s", got)
	}
	if _, err := sideOf("messages").codec.DecodeRequest(protocoltest.File("40-small", "count_tokens.request.json")); err != nil {
		t.Errorf("a count has no max_tokens, and needs none: %v", err)
	}
}
