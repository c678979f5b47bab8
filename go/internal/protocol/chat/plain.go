package chat

import (
	"io"
	"net"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Plain is the codec of the vendor's paths that hold no conversation: images,
// audio, moderations, files and others. Requests and answers are passed on;
// errors are those of Chat. It is safe for concurrent use.
type Plain struct{ *Codec }

var _ protocol.Codec = Plain{}

// NewPlain returns the codec.
func NewPlain() Plain { return Plain{New(nil)} }

// Name returns llm.Plain.
func (Plain) Name() llm.Protocol { return llm.Plain }

// AppendKeepAlive appends nothing: a stream may turn out to be sound.
func (Plain) AppendKeepAlive(dst []byte) []byte { return dst }

// moderator judges where a request names no model; so the vendor documents it.
const moderator = "omni-moderation-latest"

// Peek reads the head of a JSON request.
func (Plain) Peek(op llm.Operation, body []byte) (protocol.Head, error) {
	p := plainPeeker{peeker{plainHead(op)}}
	if err := protocol.Members(body, p.visit); err != nil {
		return p.head, inWords(err)
	}
	if op == llm.Moderate && p.head.Model == "" {
		p.head.Model = moderator
	}
	return p.head, nil
}

func plainHead(op llm.Operation) protocol.Head {
	return protocol.Head{Operation: op, Verbatim: true, Unread: op == llm.Speak}
}

type plainPeeker struct{ peeker }

func (p *plainPeeker) visit(name string, v []byte, at protocol.Span) error {
	switch {
	case p.head.Operation == llm.Complete:
		return p.member(name, v, at)
	case name == "model":
		return p.model(v, at)
	case jsonscan.IsNull(v):
	case name == "stream":
		on, ok := jsonscan.Boolean(v)
		if !ok {
			return protocol.Wrong(top(name), "a boolean", v)
		}
		p.head.Stream = on
	case name == "stream_format" && p.head.Operation == llm.Speak:
		p.head.Stream = textOf(v) == "sse"
	}
	return nil
}

// Patch sets the model where the upstream's name for it is another, and asks
// for usage where text is completed.
func (p Plain) Patch(body []byte, head protocol.Head, to protocol.Target) (net.Buffers, error) {
	switch {
	case head.Boundary != "":
		return patchForm(body, head, to.Model)
	case head.Operation == llm.Complete:
		return p.Codec.Patch(body, head, to)
	case head.ModelAt.Empty() && to.Model == head.Model:
		return net.Buffers{body}, nil
	}
	if edit, ok := protocol.SetModel(body, head, to.Model); ok {
		return protocol.Splice(body, edit), nil
	}
	return net.Buffers{body}, nil
}

// DecodeRequest refuses: there is no neutral form.
func (Plain) DecodeRequest([]byte) (*llm.Request, error) { return nil, noForm() }

// EncodeRequest refuses: there is no neutral form.
func (Plain) EncodeRequest(*llm.Request, protocol.Target) ([]byte, []llm.Finding, error) {
	return nil, nil, noForm()
}

// NewReader returns a reader of a failed answer: there is no neutral form.
func (Plain) NewReader(io.Reader, bool, protocol.Target) protocol.EventReader { return noReader{} }

type noReader struct{}

// Next implements protocol.EventReader.
func (noReader) Next() (llm.Event, error) { return llm.Event{}, noForm() }

func noForm() *llm.Error {
	return llm.Errorf(llm.Invalid, "This call can only be passed on to a provider that has the same path.")
}
