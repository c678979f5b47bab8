package gemini

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// delta continues the open block. Calls are whole in this protocol: theirs are
// kept until the end.
func (w *writer) Delta(delta []byte) {
	if len(delta) == 0 {
		return
	}
	w.spoken = true
	w.content += int64(len(delta))
	switch w.live.(type) {
	case llm.Refusal:
		w.refusal = append(w.refusal, delta...)
	case llm.Text:
		if w.head.Stream {
			w.partFrame(`{"text":"`, delta, `"}`)
			return
		}
		w.text = append(w.text, delta...)
	case llm.Thought:
		if w.head.Stream {
			w.partFrame(`{"text":"`, delta, `","thought":true}`)
			return
		}
		w.text = append(w.text, delta...)
	default:
		w.text = append(w.text, delta...)
	}
}

// Close ends the open block.
func (w *writer) Close(ev llm.Event) {
	switch b := w.live.(type) {
	case llm.Text:
		if end, ok := ev.Block.(llm.Text); ok && len(end.Citations) > 0 {
			w.Note(llm.Dropped, "citations", notSupported)
		}
		if w.spoken && !w.head.Stream {
			w.part(append(append([]byte(`{"text":"`), w.text...), `"}`...))
		}
	case llm.Thought:
		if end, ok := ev.Block.(llm.Thought); ok && end.ID != "" {
			b.ID = end.ID
		}
		w.closeThought(b, ev.Seal)
	case llm.ToolCall:
		w.closeCall(b, ev.Seal)
	case llm.Media:
		if end, ok := ev.Block.(llm.Media); ok {
			b = end
		}
		w.media(b)
	case llm.Opaque:
		if end, ok := ev.Block.(llm.Opaque); ok {
			b = end
		}
		if b.Origin != origin || jsonscan.KindOf(b.Raw) != jsonscan.Object {
			w.Note(llm.Lost, "candidates", notSupported)
			return
		}
		w.part(compact(b.Raw))
	case llm.Refusal:
	default:
		w.Note(llm.Lost, "candidates", notSupported)
	}
}

// closeThought signs a thought: with the upstream's own signature where the
// client may hold it, else with our envelope.
func (w *writer) closeThought(t llm.Thought, seal string) {
	mark := `","thought":true`
	if w.own() && t.Redacted {
		mark = `"` // the signature of words that are no thought
	}
	if !w.own() && (w.spoken || seal != "") {
		kind := ""
		switch {
		case t.Redacted:
			kind = sealRedacted
		case t.Raw:
			kind = sealRaw
		}
		seal = w.wrap(kind, t.ID, seal)
	}
	if w.head.Stream && seal == "" || !w.spoken && seal == "" {
		return
	}
	raw := append([]byte(`{"text":"`), w.text...)
	raw = append(raw, mark...)
	if seal == "" {
		w.part(append(raw, '}'))
		return
	}
	w.part(appendSignature(raw, seal))
}

// wrap puts what only this answer's upstream understands into an envelope.
func (w *writer) wrap(kind, id, seal string) string {
	from := w.meta.Origin
	if from == "" {
		from = string(w.meta.Protocol)
	}
	return wrap(w.sealer, protocol.Envelope{Origin: from, Kind: kind, ItemID: id, Seal: seal})
}

func (w *writer) closeCall(call llm.ToolCall, seal string) {
	arguments := string(jsonscan.Unescape(nil, w.text))
	if call.Kind == llm.CustomTool && call.Plain {
		arguments = protocol.WrapInput(arguments)
	}
	object, mended := objectOf(arguments)
	if mended {
		w.broken = append(w.broken, brokenCall{call, arguments})
		return
	}
	raw := callHead(call, string(compact([]byte(object))))
	if seal == "" {
		w.part(append(raw, '}'))
		return
	}
	if !w.own() {
		seal = w.wrap(sealOfCall, "", seal)
	}
	w.part(appendSignature(raw, seal))
}

// callHead begins the part of a call; the caller closes it.
func callHead(call llm.ToolCall, args string) []byte {
	name := protocol.NameOf(call.Kind, call.Name)
	if call.Namespace != "" {
		name = call.Namespace + "__" + name
	}
	dst := jsonscan.AppendString([]byte(`{"functionCall":{"id":`), call.ID)
	dst = jsonscan.AppendString(append(dst, `,"name":`...), name)
	dst = append(append(dst, `,"args":`...), args...)
	return append(dst, '}')
}

// media writes what the model drew or said.
func (w *writer) media(m llm.Media) {
	switch {
	case m.Raw != nil && m.Origin == origin:
		w.part(compact(m.Raw))
	case m.Data != "":
		dst := jsonscan.AppendString([]byte(`{"inlineData":{"mimeType":`), m.MIME)
		dst = jsonscan.AppendString(append(dst, `,"data":`...), m.Data)
		w.part(append(dst, "}}"...))
	default:
		w.Note(llm.Lost, "candidates", string(m.Kind)+"_output_not_supported")
	}
}
