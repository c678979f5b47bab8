package gemini

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// open begins a block, ending the one before.
func (r *reader) open(k kind, b llm.Block) {
	r.close("")
	r.current = k
	r.Emit(llm.Event{Type: llm.BlockStart, Index: r.blocks, Block: b})
}

func (r *reader) delta(d []byte) {
	if len(d) > 0 {
		r.Emit(llm.Event{Type: llm.BlockDelta, Index: r.blocks, Delta: d})
	}
}

// close ends the open block.
func (r *reader) close(seal string) {
	switch r.current {
	case nothing:
		return
	case callOpen:
		if r.args != nil {
			r.delta(jsonscan.AppendEscaped(nil, r.args.append(nil)))
			seal, r.args, r.seal = r.seal, nil, ""
		}
	default:
	}
	r.Emit(llm.Event{Type: llm.BlockEnd, Index: r.blocks, Seal: seal})
	r.current = nothing
	r.blocks++
}

// part reads one part of a candidate.
func (r *reader) part(v []byte) {
	p := answered(v)
	switch {
	case p.call != nil:
		r.call(&p)
	case p.inline != nil:
		if m, err := media(nil, p.inline, v); err == nil {
			r.open(wordsOpen, llm.Media{Kind: mediaKind(m)})
			r.entire(m)
		}
	case p.text != nil:
		r.words(&p)
	case p.other != "":
		r.open(wordsOpen, llm.Opaque{Origin: llm.Gemini, Field: p.other})
		r.entire(llm.Opaque{Origin: llm.Gemini, Field: p.other, Raw: protocol.Raw(v)})
	case p.signature != "":
		r.sign(p.signature)
	}
}

// answered takes a part of an answer apart, as readPart does with one of a
// request: there is one spelling of a name, and a member of the wrong type says
// nothing. It runs for every delta.
func answered(v []byte) part {
	var p part
	for it := jsonscan.Members(v); it.Next(); {
		value := it.Value()
		if jsonscan.IsNull(value) {
			continue
		}
		switch string(it.Key()) {
		case "text":
			p.text = value
		case "inlineData":
			p.inline = value
		case "fileData":
			p.file = value
		case "functionCall":
			p.call = value
		case "functionResponse":
			p.response = value
		case "thought":
			p.thought, _ = jsonscan.Boolean(value)
		case "thoughtSignature":
			p.signature = text(value)
		case "videoMetadata", "mediaResolution", "partMetadata":
		default:
			p.other = string(it.Key())
		}
	}
	return p
}

func mediaKind(b llm.Block) llm.MediaKind {
	m, ok := b.(llm.Media)
	if !ok {
		return llm.Document
	}
	return m.Kind
}

// entire ends a block that came in one piece.
func (r *reader) entire(b llm.Block) {
	r.Emit(llm.Event{Type: llm.BlockEnd, Index: r.blocks, Block: b})
	r.current = nothing
	r.blocks++
}

// words adds text or thoughts to the open block, or opens one.
func (r *reader) words(p *part) {
	inner, ok := jsonscan.Inner(p.text)
	if !ok {
		return
	}
	want := wordsOpen
	if p.thought {
		want = thoughtOpen
	}
	if len(inner) > 0 {
		switch {
		case r.current == want:
		case p.thought:
			r.open(want, llm.Thought{})
		default:
			r.open(want, llm.Text{})
		}
		r.delta(inner)
	}
	switch {
	case p.signature == "":
	case p.thought && r.current == thoughtOpen:
		r.close(p.signature)
	default:
		r.sign(p.signature)
	}
}

// sign tells a signature that belongs to the words before it.
func (r *reader) sign(seal string) {
	r.open(thoughtOpen, llm.Thought{Redacted: true})
	r.close(seal)
}

// call reads a call, whole or in pieces.
func (r *reader) call(p *part) {
	name, id := text(jsonscan.Get(p.call, "name")), text(jsonscan.Get(p.call, "id"))
	more := string(jsonscan.Get(p.call, "willContinue")) == "true"
	if r.args == nil && name == "" {
		return
	}
	if r.args == nil || name != "" {
		if id == "" {
			id = protocol.InventCallID(r.id, r.calls)
		}
		r.calls++
		r.open(callOpen, llm.ToolCall{ID: id, Name: name, Kind: llm.FunctionTool})
		if !more {
			given := jsonscan.Get(p.call, "args")
			if given == nil {
				given = []byte("{}")
			}
			r.delta(jsonscan.AppendEscaped(nil, compact(given)))
			r.close(p.signature)
			return
		}
		r.args, r.seal = &args{}, p.signature
	}
	pieces := jsonscan.Elements(jsonscan.Get(p.call, "partialArgs"))
	for pieces.Next() {
		r.args.add(pieces.Value())
	}
	if !more {
		r.close("")
	}
}
