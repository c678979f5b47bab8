package protocol

import (
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// CheckState refuses a request that rests on what only a vendor of another
// protocol than own has or understands, such as a conversation it keeps.
// Without that the answer would be to another conversation.
func CheckState(req *llm.Request, own llm.Protocol) error {
	for _, x := range req.Extra {
		if x.Origin != own && isState(x) {
			return llm.InvalidField(x.Field, "%s cannot be carried to this model, which is not spoken to in the protocol %s.", x.Field, x.Origin)
		}
	}
	for i, turn := range req.Turns {
		for j, b := range turn.Blocks {
			if o, ok := b.(llm.Opaque); ok && o.Origin != own && !expendable(o) {
				at := req.At(i, j)
				return llm.InvalidField(at, "%s has the type %q, which cannot be carried to this model: it is not spoken to in the protocol %s.", at, o.Field, o.Origin)
			}
		}
	}
	return nil
}

func isState(x llm.Opaque) bool {
	switch x.Field {
	case "previous_response_id", "conversation", "prompt", "container", "mcp_servers", "cachedContent":
		return true
	case "background":
		return string(x.Raw) == "true"
	}
	return false
}

// LossOf says what it means to leave out an item or block of another protocol.
// What a search found is in the answer that followed it.
func LossOf(o llm.Opaque) llm.FindingClass {
	if o.Origin == llm.Responses && o.Field == "web_search_call" {
		return llm.Dropped
	}
	return llm.Lost
}

// expendable reports whether a conversation can be told without an item: the
// answer that followed says what a vendor's own tool found. What nobody knows
// may matter. Parts of messages are not items.
func expendable(o llm.Opaque) bool {
	if o.Origin != llm.Responses || strings.Contains(o.Field, ".") {
		return o.Field != "container_upload" // a file on a machine of the vendor's
	}
	switch o.Field {
	case "web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call",
		"computer_call", "computer_call_output", "mcp_list_tools", "mcp_call", "mcp_approval_request", "mcp_approval_response",
		"shell_call", "shell_call_output", "tool_search_call", "tool_search_output":
		return true
	}
	return false
}
