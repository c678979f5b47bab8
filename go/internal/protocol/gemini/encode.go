package gemini

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// notSupported is the reason of a finding that occurs in several places.
const notSupported = "not_supported"

// encoder writes one request.
type encoder struct {
	req      *llm.Request
	to       protocol.Target
	names    *protocol.NameMap
	findings []llm.Finding
	out      []byte

	extras   map[string][]llm.Opaque // own fields, by the path of their parent
	speeches []protocol.Speech
	tools    tools
}

// EncodeRequest writes req for an upstream that speaks this protocol.
func (*Codec) EncodeRequest(req *llm.Request, to protocol.Target) ([]byte, []llm.Finding, error) {
	names, err := protocol.Names(req)
	if err != nil {
		return nil, nil, err
	}
	if err := protocol.CheckState(req, origin); err != nil {
		return nil, nil, err
	}
	e := &encoder{req: req, to: to, names: names, out: make([]byte, 0, 4096)}
	e.sortExtra()
	for _, step := range [...]func() error{e.checkSettings, e.planTurns, e.planTools} {
		if err := step(); err != nil {
			return nil, nil, err
		}
	}
	if err := e.write(); err != nil {
		return nil, nil, err
	}
	return e.out, e.findings, nil
}

func (e *encoder) note(class llm.FindingClass, field, reason string) {
	e.findings = append(e.findings, llm.Finding{Class: class, Field: e.req.Field(field), Reason: reason})
}

// write puts the members in an order that keeps what changes last behind what
// a prompt cache may hold.
func (e *encoder) write() error {
	e.out = append(e.out, '{')
	e.writeSystem()
	e.writeTools()
	if err := e.writeContents(); err != nil {
		return err
	}
	e.writeGeneration()
	e.writeTier()
	for _, x := range e.extras[""] {
		e.out = append(e.key(e.out, x.Field), x.Raw...)
	}
	e.out = append(e.out, '}')
	return nil
}

// key begins a member of the object that dst ends in.
func (*encoder) key(dst []byte, name string) []byte {
	if n := len(dst); n > 0 && dst[n-1] != '{' {
		dst = append(dst, ',')
	}
	return append(jsonscan.AppendString(dst, name), ':')
}

// sortExtra sets own fields apart by place and judges those of others.
func (e *encoder) sortExtra() {
	e.extras = map[string][]llm.Opaque{}
	for _, x := range e.req.Extra {
		if x.Origin == origin {
			parent, name := "", x.Field
			if i := strings.LastIndexByte(name, '.'); i >= 0 {
				parent, name = name[:i], name[i+1:]
			}
			x.Field = name
			e.extras[parent] = append(e.extras[parent], x)
			continue
		}
		if class := judge(x); class != 0 {
			e.note(class, x.Field, notSupported)
		}
	}
}

// judge says what it means to leave out a field of another protocol; 0 means
// nothing at all.
func judge(x llm.Opaque) llm.FindingClass {
	switch x.Field {
	case "stream_options", "include", "truncation", "background":
		return 0
	case "store", "prompt_cache_options", "prompt_cache_retention", "prompt_cache_key", "safety_identifier", "user",
		"client_metadata", "metadata", "prediction", "service_tier", "context_management":
		return llm.Dropped
	}
	return llm.Lost
}

func (e *encoder) writeSystem() {
	var parts [][]byte
	for i, b := range e.req.System {
		at := fmt.Sprintf("system[%d]", i)
		switch b := b.(type) {
		case llm.Text:
			if strings.TrimSpace(b.Text) != "" {
				parts = append(parts, textPart(b.Text))
			}
		case llm.Opaque:
			switch {
			case b.Origin == origin:
				parts = append(parts, b.Raw)
			case b.Field == protocol.Attribution:
				e.note(llm.Dropped, at, "attribution_block_removed")
			default:
				e.note(llm.Lost, at, notSupported)
			}
		default:
			e.note(llm.Lost, at, notSupported)
		}
	}
	if e.formatByWords() {
		words, reason := protocol.FormatWords(e.req.Format)
		parts = append(parts, textPart(words))
		e.note(llm.Approximated, "response_format", reason)
	}
	if len(parts) > 0 {
		e.out = append(appendArray(append(e.key(e.out, "systemInstruction"), `{"parts":`...), parts), '}')
	}
}

func textPart(text string) []byte {
	return append(jsonscan.AppendString([]byte(`{"text":`), text), '}')
}

// appendArray appends an array of finished elements.
func appendArray(dst []byte, elements [][]byte) []byte {
	dst = append(dst, '[')
	for i, el := range elements {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, el...)
	}
	return append(dst, ']')
}

// writeTier writes the tier where its word is known here.
func (e *encoder) writeTier() {
	switch tier := e.req.ServiceTier; tier {
	case "", "auto", "default", "standard", "standard_only":
	case "flex", "priority":
		e.out = jsonscan.AppendString(e.key(e.out, "serviceTier"), tier)
	default:
		e.note(llm.Dropped, "service_tier", notSupported)
	}
}

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

func appendFloat(dst []byte, f float64) []byte { return strconv.AppendFloat(dst, f, 'g', -1, 64) }
