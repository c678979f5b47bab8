package loopback_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/chat"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/provider/loopback"
)

func TestPlain(t *testing.T) {
	p := loopback.New(map[llm.Protocol]protocol.Codec{llm.Plain: chat.NewPlain()}, loopback.Options{})
	for name, tt := range map[string]struct {
		op     llm.Operation
		body   string
		stream bool
		status int
		has    string
	}{
		"completion": {llm.Complete, `{"model":"loopback","prompt":"Say \"hi\""}`, false, 200, `"text":"Say \"hi\""`},
		"streamed":   {llm.Complete, `{"model":"loopback","prompt":"Hi","stream":true}`, true, 200, "data: [DONE]\n\n"},
		"moderation": {llm.Moderate, `{"model":"loopback","input":"Hi"}`, false, 200, `"flagged":false`},
		"fault":      {llm.Complete, `{"model":"loopback:status=429","prompt":"Hi"}`, false, 429, `"error"`},
	} {
		t.Run(name, func(t *testing.T) {
			model, _, _ := strings.Cut(strings.TrimPrefix(tt.body, `{"model":"`), `"`)
			resp, err := p.Do(t.Context(), &provider.Request{
				Operation: tt.op, Protocol: llm.Plain, Model: model, Stream: tt.stream, Body: net.Buffers{[]byte(tt.body)},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != tt.status || !strings.Contains(string(text), tt.has) {
				t.Errorf("%d %s, %v", resp.StatusCode, text, err)
			}
		})
	}
	if got := p.Speaks(llm.Speak); got != nil {
		t.Errorf("it speaks: %v", got)
	}
}
