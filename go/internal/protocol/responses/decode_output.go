package responses

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// output reads the output of a call.
func (d *decoder) output(at *protocol.Path, it *item, kind llm.ToolKind) error {
	if kind == llm.SearchTool && (text(it.execution) == "server" || it.callID == nil) {
		d.turns.act(it.opaque())
		return nil
	}
	id := it.outputID()
	if id == "" {
		return protocol.Missing(at.Member("call_id"))
	}
	if kind == llm.ShellTool && d.turns.calls[id] == nil && !jsonscan.IsNull(it.environment) {
		d.turns.act(it.opaque())
		return nil
	}
	r := llm.ToolResult{CallID: id, Name: text(it.name), Kind: kind}
	var err error
	switch kind {
	case llm.SearchTool:
		r.Blocks, err = d.found(at.Member("tools"), it.tools)
	case llm.ShellTool:
		r.Blocks, err = shellOutput(at, it)
	default:
		if kind == llm.PatchTool {
			r.Failed = text(it.status) == statusFailed
		}
		if it.output == nil {
			if kind != llm.PatchTool {
				return protocol.Missing(at.Member("output"))
			}
			break
		}
		r.Blocks, err = readParts(at.Member("output"), it.output)
	}
	if err != nil {
		return err
	}
	d.turns.result(r)
	return nil
}

// shellOutput keeps what the commands wrote as JSON text.
func shellOutput(at *protocol.Path, it *item) ([]llm.Block, error) {
	if jsonscan.KindOf(it.output) != jsonscan.Array {
		return nil, protocol.Wrong(at.Member("output"), "an array", it.output)
	}
	if it.maxOutput == nil {
		return []llm.Block{llm.Text{Text: string(it.output)}}, nil
	}
	whole := `{"output":` + string(it.output) + `,"max_output_length":` + string(it.maxOutput) + `}`
	return []llm.Block{llm.Text{Text: whole}}, nil
}

// found reads the tools that a search on the client's side has loaded. From
// here on the model may call them.
func (d *decoder) found(at *protocol.Path, v []byte) ([]llm.Block, error) {
	before := len(d.req.Tools)
	if err := d.toolList(at, v); err != nil {
		return nil, err
	}
	names := &protocol.NameMap{}
	blocks := []llm.Block{}
	for i := range d.req.Tools[before:] {
		t := &d.req.Tools[before+i]
		t.Deferred = false
		blocks = append(blocks, llm.ToolReference{Name: names.Out(t.Namespace, t.Name)})
	}
	return blocks, nil
}
