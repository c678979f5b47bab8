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
	for _, turn := range req.Turns {
		for _, b := range turn.Blocks {
			if o, ok := b.(llm.Opaque); ok && o.Origin != own && !expendable(o) {
				return llm.InvalidField("input", "An item of the type %q cannot be carried to this model, which is not spoken to in the protocol %s.", o.Field, o.Origin)
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

// expendable reports whether a conversation can be told without an item: the
// answer that followed says what a vendor's own tool found. What nobody knows
// may matter. Parts of messages are not items.
func expendable(o llm.Opaque) bool {
	if o.Origin != llm.Responses || strings.Contains(o.Field, ".") {
		return true
	}
	switch o.Field {
	case "web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call",
		"computer_call", "computer_call_output", "mcp_list_tools", "mcp_call", "mcp_approval_request", "mcp_approval_response",
		"shell_call", "shell_call_output", "tool_search_call", "tool_search_output":
		return true
	}
	return false
}
