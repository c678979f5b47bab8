package messages

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Reasons of findings that occur in several places.
const (
	notSupported = "not_supported"
	clamped      = "clamped"
)

// encoder writes one request.
type encoder struct {
	req      *llm.Request
	to       protocol.Target
	names    *protocol.NameMap
	findings []llm.Finding
	out      []byte

	extras   map[string][]llm.Opaque // own fields inside others, by the path of their parent
	speeches []protocol.Speech
	tools    []sentTool
	thinking thinking
	shape    shape // how the answer's form is asked for
	marks    int   // cache breakpoints written
}

// EncodeRequest writes req for an upstream that speaks Messages.
func (c *Codec) EncodeRequest(req *llm.Request, to protocol.Target) ([]byte, []llm.Finding, error) {
	names, err := protocol.Names(req)
	if err != nil {
		return nil, nil, err
	}
	if err := protocol.CheckState(req, origin); err != nil {
		return nil, nil, err
	}
	e := &encoder{req: req, to: to, names: names, out: make([]byte, 0, sizeHint(req))}
	e.sortExtra()
	for _, step := range [...]func() error{e.planTurns, e.planTools, e.planShape, e.planThinking} {
		if err := step(); err != nil {
			return nil, nil, err
		}
	}
	if err := e.write(); err != nil {
		return nil, nil, err
	}
	return e.out, e.findings, nil
}

// sizeHint guesses the size of the request in bytes, so that the buffer grows
// rarely.
func sizeHint(req *llm.Request) int {
	n := 1024
	for _, turn := range req.Turns {
		for _, b := range turn.Blocks {
			switch b := b.(type) {
			case llm.Text:
				n += len(b.Text) + 64
			case llm.Media:
				n += len(b.Data) + len(b.Text) + 128
			default:
				n += 256
			}
		}
	}
	for _, t := range req.Tools {
		n += len(t.Schema) + len(t.Description) + 128
	}
	return n
}

func (e *encoder) note(class llm.FindingClass, field, reason string) {
	e.findings = append(e.findings, llm.Finding{Class: class, Field: e.req.Field(field), Reason: reason})
}

// write puts the members in an order that keeps what changes last behind what
// a prompt cache may hold.
func (e *encoder) write() error {
	e.out = append(e.out, `{"model":`...)
	e.out = jsonscan.AppendString(e.out, e.to.Model)
	e.int("max_tokens", e.thinking.maxTokens)
	if e.req.Stream {
		e.raw("stream", "true")
	}
	e.writeTools()
	e.writeSystem()
	if err := e.writeMessages(); err != nil {
		return err
	}
	e.writeToolChoice()
	e.writeThinking()
	e.writeSampling()
	e.writeMetadata()
	e.writeTier()
	if mark := e.req.AutoCache; mark != nil && e.member("cache_control") {
		e.out = appendCacheControl(e.out, mark, e.to.Native)
	}
	for _, x := range e.extras[""] {
		e.raw(x.Field, string(x.Raw))
	}
	e.out = append(e.out, '}')
	return nil
}

// member begins a top-level member, unless the upstream refuses it.
func (e *encoder) member(name string) bool {
	if slices.Contains(e.to.Quirks.DropFields, name) {
		e.note(llm.Dropped, name, "refused_by_upstream")
		return false
	}
	e.out = append(e.out, ',')
	e.out = jsonscan.AppendString(e.out, name)
	e.out = append(e.out, ':')
	return true
}

func (e *encoder) raw(name, value string) {
	if e.member(name) {
		e.out = append(e.out, value...)
	}
}

func (e *encoder) int(name string, n int) {
	if e.member(name) {
		e.out = strconv.AppendInt(e.out, int64(n), 10)
	}
}

func (e *encoder) float(name string, f float64) {
	if e.member(name) {
		e.out = strconv.AppendFloat(e.out, f, 'g', -1, 64)
	}
}

// sortExtra sets own fields apart by place and judges those of others.
func (e *encoder) sortExtra() {
	for _, x := range e.req.Extra {
		if x.Origin == origin {
			if e.extras == nil {
				e.extras = map[string][]llm.Opaque{}
			}
			var parent string
			parent, x.Field = nested(x.Field)
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
	case "stream_options", "include", "n", "truncation", "background":
		return 0
	case "store", "prompt_cache_options", "prompt_cache_retention", "prompt_cache_key", "safety_identifier", "user",
		"client_metadata", "metadata", "prediction", "service_tier", "safetySettings", "labels":
		return llm.Dropped
	}
	return llm.Lost
}

// nested returns where an own field stood: the path of its parent, "" for the
// request itself, and its name. A dot may be part of the name.
func nested(field string) (parent, name string) {
	i := strings.LastIndexByte(field, '.')
	if i < 0 {
		return "", field
	}
	switch parent = field[:i]; {
	case parent == "metadata", parent == "thinking", parent == "output_config",
		strings.HasPrefix(parent, "messages["), strings.HasPrefix(parent, "system["):
		return parent, field[i+1:]
	}
	return "", field
}

// appendExtra appends the own members that were found in the object at path.
// A path of "" is that of what the client did not say.
func (e *encoder) appendExtra(dst []byte, path string) []byte {
	if path == "" {
		return dst
	}
	for _, x := range e.extras[path] {
		dst = append(dst, ',')
		dst = jsonscan.AppendString(dst, x.Field)
		dst = append(dst, ':')
		dst = append(dst, x.Raw...)
	}
	return dst
}

// blockPath is where a block stands in a request of this protocol.
func blockPath(turn, block int) string { return fmt.Sprintf("messages[%d].content[%d]", turn, block) }

func (e *encoder) writeSystem() {
	blocks := make([][]byte, 0, len(e.req.System)+1)
	for i, b := range e.req.System {
		at := fmt.Sprintf("system[%d]", i)
		switch b := b.(type) {
		case llm.Text:
			if blank(b.Text) {
				continue
			}
			text := e.appendCitations(appendText(nil, b.Text), b.Citations, func() string { return at })
			blocks = append(blocks, append(e.appendExtra(e.appendMark(text, b.Cache, at), at), '}'))
		case llm.Opaque:
			if b.Origin == origin {
				blocks = append(blocks, b.Raw)
			} else if b.Field == protocol.Attribution {
				e.note(llm.Dropped, at, "attribution_block_removed")
			} else {
				e.note(llm.Lost, at, notSupported)
			}
		default:
			e.note(llm.Lost, at, notSupported)
		}
	}
	if e.shape.instruction != "" {
		blocks = append(blocks, append(appendText(nil, e.shape.instruction), '}'))
	}
	if len(blocks) == 0 || !e.member("system") {
		return
	}
	e.out = appendList(e.out, blocks)
}

// appendList appends an array of finished elements.
func appendList(dst []byte, elements [][]byte) []byte {
	dst = append(dst, '[')
	for i, el := range elements {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, el...)
	}
	return append(dst, ']')
}

func blank(text string) bool { return strings.TrimSpace(text) == "" }

func appendInt(dst []byte, n int) []byte { return strconv.AppendInt(dst, int64(n), 10) }
