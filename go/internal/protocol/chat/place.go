package chat

import "github.com/tokligence/tokligence-gateway/go/internal/llm"

// spot is where a turn stood: the index of its message, and which of its
// blocks are that message's content.
type spot struct{ message, first, end int }

// places says where the blocks of all turns stood. Results of one turn come
// from several messages.
func (d *decoder) places() *llm.Places {
	out := &llm.Places{List: "messages", Turns: make([][]llm.Place, len(d.items))}
	for i, at := range d.items {
		blocks := d.req.Turns[i].Blocks
		of := make([]llm.Place, len(blocks))
		for j, b := range blocks {
			of[j] = llm.Place{Item: at.message, Part: -1}
			if r, ok := b.(llm.ToolResult); ok {
				of[j].Item = d.results[r.CallID]
			} else if j >= at.first && j < at.end {
				of[j].Part = j - at.first
			}
		}
		out.Turns[i] = of
	}
	return out
}

// own returns the name that a setting has in this protocol.
func (d *decoder) own(setting string) string {
	switch setting {
	case "max_tokens":
		if d.newTokens {
			return "max_completion_tokens"
		}
	case "reasoning", "thinking":
		return "reasoning_effort"
	case "user":
		if d.user == nil {
			return "safety_identifier"
		}
	}
	return setting
}
