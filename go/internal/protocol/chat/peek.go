package chat

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// peeker reads the members of a request that routing needs.
type peeker struct{ head protocol.Head }

// Peek reads the head of a request to generate or to embed.
func (*Codec) Peek(op llm.Operation, body []byte) (protocol.Head, error) {
	p := peeker{protocol.Head{Operation: op}}
	visit := p.member
	if op == llm.Embed {
		visit = p.embedding
	}
	if err := protocol.Members(body, visit); err != nil {
		return p.head, inWords(err)
	}
	return p.head, nil
}

func (p *peeker) member(name string, v []byte, at protocol.Span) error {
	if name == "model" {
		return p.model(v, at)
	}
	if name == "stream_options" {
		p.head.OptionsAt = at
	}
	if jsonscan.IsNull(v) {
		return nil
	}
	switch name {
	case "stream":
		on, ok := jsonscan.Boolean(v)
		if !ok {
			return protocol.Wrong(top(name), "a boolean", v)
		}
		p.head.Stream = on
	case "stream_options":
		return p.options(v)
	case "tools", "functions":
		if jsonscan.KindOf(v) != jsonscan.Array {
			return protocol.Wrong(top(name), "an array", v)
		}
		some := hasElements(v)
		p.head.Tools = p.head.Tools || some
		p.head.OldFunctions = p.head.OldFunctions || some && name == "functions"
	case "max_tokens", "max_completion_tokens":
		n, ok := jsonscan.Int(v)
		if !ok {
			return protocol.Wrong(top(name), "an integer", v)
		}
		if name == "max_completion_tokens" || p.head.MaxTokens == 0 {
			p.head.MaxTokens = int(n)
		}
	case "messages":
		p.head.HistoryAt = at
	case "prompt_cache_key":
		return protocol.ReadText(top(name), v, &p.head.SessionID)
	}
	return nil
}

// model reads the one member that decides who is asked, and who pays.
func (p *peeker) model(v []byte, at protocol.Span) error {
	p.head.ModelAt = at
	if jsonscan.IsNull(v) {
		return nil
	}
	return protocol.ReadText(top("model"), v, &p.head.Model)
}

func (p *peeker) options(v []byte) error {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return protocol.Wrong(top("stream_options"), "an object", v)
	}
	it := jsonscan.Members(v)
	for it.Next() {
		if string(it.Key()) != "include_usage" || jsonscan.IsNull(it.Value()) {
			continue
		}
		on, ok := jsonscan.Boolean(it.Value())
		if !ok {
			return protocol.Wrong(top("stream_options").Member("include_usage"), "a boolean", it.Value())
		}
		p.head.WantUsage = on
	}
	return it.Err()
}

func hasElements(v []byte) bool {
	it := jsonscan.Elements(v)
	return it.Next()
}

func (p *peeker) embedding(name string, v []byte, at protocol.Span) error {
	switch name {
	case "model":
		return p.model(v, at)
	case "encoding_format":
		if jsonscan.IsNull(v) {
			return nil
		}
		var form string
		if err := protocol.ReadText(top(name), v, &form); err != nil {
			return err
		}
		if form != "float" && form != "base64" {
			return protocol.Bad(top(name), "supported values are: 'float' and 'base64'")
		}
		p.head.Base64 = form == "base64"
	}
	return nil
}
