package chat

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// The protocol has no place for what another vendor signs. It travels in
// reasoning_details, as a server that has such a field would send it, and on
// tool calls where Google's layer puts its own signatures.

// redacted is the Kind of an envelope whose thought had no text.
const redacted = "redacted"

// thoughts reads the reasoning of an earlier answer.
func (d *decoder) thoughts(m *message) ([]llm.Block, error) {
	said := ""
	if m.reasoning != nil {
		if err := protocol.ReadText(m.at.Member("reasoning_content"), m.reasoning, &said); err != nil {
			return nil, err
		}
	}
	own := llm.Thought{Text: said, Origin: string(origin), Raw: true}
	if m.details != nil {
		wrapped, foreign, err := d.unwrap(m.at.Member("reasoning_details"), m.details)
		switch {
		case err != nil:
			return nil, err
		case len(wrapped) > 0:
			return wrapped, nil // they hold the text as well
		case !foreign:
			own.Seal = string(m.details)
		}
	}
	if own.Text == "" && own.Seal == "" {
		return nil, nil
	}
	return []llm.Block{own}, nil
}

// unwrap opens the envelopes among reasoning details. Foreign tells that some
// are not of this installation; nobody can read those.
func (d *decoder) unwrap(at *protocol.Path, v []byte) (wrapped []llm.Block, foreign bool, err error) {
	err = protocol.EachElement(at, v, func(v []byte, _ *protocol.Path) error {
		data := textOf(jsonscan.Get(v, "data"))
		if !protocol.Wrapped(data) {
			return nil
		}
		e, ok := d.sealer.Unwrap(data)
		if !ok {
			foreign = true
			return nil
		}
		wrapped = append(wrapped, llm.Thought{
			Text: e.Text, Seal: e.Seal, Origin: e.Origin, ID: e.ItemID, Redacted: e.Kind == redacted,
		})
		return nil
	})
	return wrapped, foreign, err
}

// callSeal reads the signature of a tool call.
func (d *decoder) callSeal(c *llm.ToolCall, extra []byte) {
	c.Seal = textOf(jsonscan.Get(extra, "google", "thought_signature"))
	if c.Seal == "" {
		return
	}
	c.Origin = string(origin)
	if !protocol.Wrapped(c.Seal) {
		return
	}
	e, ok := d.sealer.Unwrap(c.Seal)
	if !ok {
		c.Seal, c.Origin = "", ""
		return
	}
	c.Seal, c.Origin = e.Seal, e.Origin
}

// appendCallSeal appends the signature of a tool call to an object.
func appendCallSeal(b []byte, seal string) []byte {
	b = append(key(b, "extra_content"), `{"google":{`...)
	b = text(b, "thought_signature", seal)
	return append(b, '}', '}')
}

// appendWrapped appends the reasoning detail that carries an envelope.
func appendWrapped(b []byte, envelope string, index int) []byte {
	b = append(b, `{"type":"reasoning.encrypted","data":`...)
	b = jsonscan.AppendString(b, envelope)
	b = append(b, `,"format":"tokligence"`...)
	return append(number(b, "index", int64(index)), '}')
}
