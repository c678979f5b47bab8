package app

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
)

// TranslateOptions say what is translated for whom.
type TranslateOptions struct {
	From, To llm.Protocol
	Model    string // "": that of the request
	Provider string // "": the vendor of the protocol
	Stream   bool   // a request asks for a stream, even if its body does not say so
	Strict   bool
}

// Translated is a text in another protocol, and what could not be carried.
type Translated struct {
	Provider string
	Model    string
	Text     []byte
	Findings []llm.Finding
}

// strictly leaves nothing of what would be refused.
func (t *Translated) strictly(to llm.Protocol) error {
	err := proxy.Strictly(t.Findings, to)
	if err != nil {
		t.Text = nil
	}
	return err
}

// vendorOf is whose quirks count if no provider is named.
func vendorOf(p llm.Protocol) string {
	switch p {
	case llm.Messages:
		return "anthropic"
	case llm.Gemini:
		return "gemini"
	default:
		return "openai"
	}
}

// translation is what either direction needs.
type translation struct {
	from, to protocol.Codec
	target   func(model string) (protocol.Target, error)
}

func newTranslation(cfg *config.Config, o TranslateOptions, upstream llm.Protocol) (*translation, func() error, error) {
	codecs := Codecs(protocol.NewSealer(randomKey()))
	t := &translation{from: codecs[o.From], to: codecs[o.To]}
	for _, p := range [...]llm.Protocol{o.From, o.To} {
		if codecs[p] == nil {
			return nil, nil, fmt.Errorf("the protocol %q is not known", p)
		}
	}
	r, err := NewRouting(cfg)
	if err != nil {
		return nil, nil, err
	}
	name := cmp.Or(o.Provider, vendorOf(upstream))
	t.target = func(model string) (protocol.Target, error) {
		to, ok := r.Router.Target(name, model)
		if !ok {
			return to, fmt.Errorf("there is no provider %q; 'gateway doctor' lists those there are", name)
		}
		return to, nil
	}
	return t, r.Close, nil
}

// TranslateRequest does to a request what the daemon would do. A refusal comes
// with what was found before.
func TranslateRequest(cfg *config.Config, o TranslateOptions, body []byte) (out Translated, err error) {
	t, done, err := newTranslation(cfg, o, o.To)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, done()) }()
	head, err := t.from.Peek(llm.Generate, body)
	if err != nil {
		return out, err
	}
	req, err := t.from.DecodeRequest(body)
	if err != nil {
		return out, err
	}
	if _, err := protocol.Names(req); err != nil {
		return out, err
	}
	req.Model, req.Stream = cmp.Or(o.Model, head.Model), o.Stream || head.Stream
	if s, ok := t.from.(protocol.Summarizer); ok && t.to.Name() != t.from.Name() {
		req = s.AskSummary(req)
	}
	to, err := t.target(req.Model)
	if err != nil {
		return out, err
	}
	out.Provider, out.Model = to.Provider, to.Model
	out.Text, out.Findings, err = t.to.EncodeRequest(req, to)
	if err == nil && o.Strict {
		err = out.strictly(o.To)
	}
	return out, err
}

// TranslateAnswer reads what an upstream said in the protocol From, a stream
// or a whole body, and writes it for a client that speaks To. A stream that
// fails comes with its failure.
func TranslateAnswer(cfg *config.Config, o TranslateOptions, answer []byte) (out Translated, err error) {
	t, done, err := newTranslation(cfg, o, o.From)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, done()) }()
	from, err := t.target(o.Model)
	if err != nil {
		return out, err
	}
	text := bytes.TrimSpace(answer)
	streamed := len(text) > 0 && text[0] != '{' && text[0] != '['
	out.Provider, out.Model = from.Provider, from.Model
	reader := t.from.NewReader(bytes.NewReader(answer), streamed, from)
	writer := t.to.NewWriter(protocol.Head{Operation: llm.Generate, Model: o.Model, Stream: streamed, WantUsage: true})
	for {
		ev, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return out, errors.New("the answer ends before its end")
		}
		if err != nil {
			return out, err
		}
		if ev.Type == llm.Start {
			meta := *ev.Meta
			meta.Origin = from.Origin
			ev.Meta = &meta
		}
		if out.Text, err = writer.Append(out.Text, ev); err != nil {
			return out, err
		}
		switch ev.Type {
		case llm.Finish:
			out.Findings = writer.Findings()
			if o.Strict {
				return out, out.strictly(o.To)
			}
			return out, nil
		case llm.Failed:
			return out, ev.Err
		case llm.Start, llm.BlockStart, llm.BlockDelta, llm.BlockEnd, llm.Metered:
		}
	}
}
