package responses

import (
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// nativeKind returns the kind of call to write: the tool's own where the
// upstream takes that, else a function.
func (e *encoder) nativeKind(kind llm.ToolKind, name, namespace string) llm.ToolKind {
	switch kind {
	case llm.CustomTool:
		if e.to.Native || e.to.Quirks.CustomTools {
			return kind
		}
	case llm.LocalShellTool, llm.ShellTool, llm.PatchTool, llm.SearchTool:
		if e.to.Native && e.declared(kind) {
			return kind
		}
	default:
	}
	return llm.FunctionTool
}

// declared reports whether a tool of the kind is among those of the request.
func (e *encoder) declared(kind llm.ToolKind) bool {
	for i := range e.req.Tools {
		if e.req.Tools[i].Kind == kind && e.req.Tools[i].Origin == llm.Responses {
			return true
		}
	}
	return false
}

// callID is the id of a call as this upstream takes it.
func (e *encoder) callID(id string) string {
	if e.to.Quirks.CallIDs != "" {
		return protocol.ShortCallID(id)
	}
	return protocol.CallID(id)
}

// call writes a call of an earlier turn.
func (w *items) call(field string, c llm.ToolCall) {
	w.flush()
	w.called[c.ID] = true
	if c.Seal != "" && c.Origin != string(llm.Responses) {
		w.found(llm.Dropped, field, reasonForeign)
	}
	kind := w.nativeKind(c.Kind, c.Name, c.Namespace)
	if kind == llm.FunctionTool && c.Kind == llm.CustomTool {
		c.Arguments = protocol.WrapInput(c.Arguments)
	}
	if kind == llm.FunctionTool && strings.TrimSpace(c.Arguments) == "" {
		c.Arguments = "{}"
	}
	if !w.to.Native || kind != llm.FunctionTool {
		c.Name, c.Namespace = w.names.Out(c.Namespace, c.Name), ""
	}
	c.Kind, c.ID = kind, w.callID(c.ID)
	it := callItem{call: c, args: jsonscan.AppendEscaped(nil, c.Arguments)}
	w.item(it.append(nil))
}

// result writes the output of a call.
func (w *items) result(field string, r llm.ToolResult) error {
	if !w.called[r.CallID] {
		return w.orphan(field, r)
	}
	w.flush()
	output, err := w.outputOf(field, r)
	if err != nil {
		return err
	}
	w.item(w.outputItem(w.nativeKind(r.Kind, r.Name, ""), r.CallID, r.Failed, output))
	return nil
}

// orphan turns a result that answers nothing into words of the user.
func (w *items) orphan(field string, r llm.ToolResult) error {
	w.found(llm.Approximated, field, "tool_result_without_call")
	w.part(partText(partInput, protocol.Unasked(r.CallID)))
	for _, b := range r.Blocks {
		if err := w.block(field, b); err != nil {
			return err
		}
	}
	return nil
}

// outputItem writes the item that answers a call. Output is JSON: a string,
// an array of parts, or what the kind of tool wants.
func (e *encoder) outputItem(kind llm.ToolKind, callID string, failed bool, output []byte) []byte {
	id := jsonscan.AppendString(nil, e.callID(callID))
	it := []byte(`{"type":"`)
	switch kind {
	case llm.CustomTool:
		it = append(it, itemCustom+`_output"`...)
	case llm.LocalShellTool:
		it = append(it, itemLocalShell+`_output","id":`...)
		it = append(it, id...)
	case llm.ShellTool:
		it = append(it, itemShell+`_output"`...)
		if most := jsonscan.Get(output, "max_output_length"); most != nil {
			it = appendMember(it, []byte("max_output_length"), most)
			output = jsonscan.Get(output, "output")
		}
		if jsonscan.KindOf(output) != jsonscan.Array {
			output = []byte(`[{"stdout":` + string(output) + `,"stderr":"","outcome":{"type":"exit","exit_code":0}}]`)
		}
	case llm.PatchTool:
		it = append(it, itemPatch+`_output","status":"`...)
		if failed {
			it = append(it, statusFailed+`"`...)
		} else {
			it = append(it, statusCompleted+`"`...)
		}
	case llm.SearchTool:
		it = append(it, itemSearchOutput+`","execution":"client","status":"completed","call_id":`...)
		it = append(it, id...)
		it = append(it, `,"tools":`...)
		return append(append(it, output...), '}')
	default:
		it = append(it, itemFunction+`_output"`...)
	}
	it = appendMember(it, []byte("call_id"), id)
	it = appendMember(it, []byte("output"), output)
	return append(it, '}')
}

// outputOf returns the output as JSON.
func (w *items) outputOf(field string, r llm.ToolResult) ([]byte, error) {
	kind := w.nativeKind(r.Kind, r.Name, "")
	switch kind {
	case llm.SearchTool:
		return w.loadedTools(r.Blocks), nil
	case llm.ShellTool:
		if s, ok := single(r.Blocks); ok && jsonscan.Valid([]byte(s)) == nil {
			return []byte(s), nil
		}
	default:
	}
	failed := r.Failed && kind != llm.PatchTool
	if s, ok := single(r.Blocks); ok {
		if failed && !strings.HasPrefix(s, "Error") {
			s = "Error: " + s
		}
		if failed {
			w.found(llm.Approximated, field, "error_in_text")
		}
		return jsonscan.AppendString(nil, s), nil
	}
	parts := &items{encoder: w.encoder, turn: w.turn, role: llm.User}
	if failed {
		w.found(llm.Approximated, field, "error_in_text")
		parts.part(partText(partInput, "Error:"))
	}
	var texts []string
	for _, b := range r.Blocks {
		switch b := b.(type) {
		case llm.Text:
			texts = append(texts, b.Text)
		case llm.Media:
			w.lifted = append(w.lifted, b)
		default:
		}
		if err := parts.block(field, b); err != nil {
			return nil, err
		}
	}
	if !w.to.Quirks.TextOnlyTools && kind == llm.FunctionTool || kind == llm.CustomTool {
		w.lifted = nil
		return append(append([]byte{'['}, parts.parts...), ']'), nil
	}
	if len(w.lifted) > 0 {
		w.found(llm.Approximated, field, "image_after_tool_result")
		texts = append(texts, "(see the image in the next message)")
	}
	return jsonscan.AppendString(nil, strings.Join(texts, "\n")), nil
}

// single returns the text of a result that is nothing but one text, or empty.
func single(blocks []llm.Block) (string, bool) {
	if len(blocks) == 0 {
		return "", true
	}
	t, ok := blocks[0].(llm.Text)
	return t.Text, ok && len(blocks) == 1
}

// lift writes the images of tool results that had to be text.
func (w *items) lift() {
	for _, m := range w.lifted {
		part, err := w.mediaPart("", m)
		if err == nil {
			w.part(part)
		}
	}
	w.lifted = nil
	w.flush()
}
