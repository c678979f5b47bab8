// Package responses speaks OpenAI Responses, with clients and with upstreams.
// It knows the wire only: no other protocol, no provider, no key, and no
// stored conversation. A request that leans on stored state passes as bytes or
// is refused.
package responses

import (
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Codec is the protocol, both ways. It is safe for concurrent use.
type Codec struct{ sealer *protocol.Sealer }

// New returns the codec. The sealer wraps what upstreams of other protocols
// signed.
func New(sealer *protocol.Sealer) *Codec { return &Codec{sealer: sealer} }

// Name returns llm.Responses.
func (*Codec) Name() llm.Protocol { return llm.Responses }

var _ protocol.Codec = (*Codec)(nil)

// The types of item that stand for a neutral block.
const (
	itemMessage      = "message"
	itemReasoning    = "reasoning"
	itemFunction     = "function_call"
	itemCustom       = "custom_tool_call"
	itemLocalShell   = "local_shell_call"
	itemShell        = "shell_call"
	itemPatch        = "apply_patch_call"
	itemSearch       = "tool_search_call"
	itemSearchOutput = "tool_search_output"
	itemTools        = "additional_tools"
	itemCompaction   = "compaction"
	itemTrigger      = "compaction_trigger"
)

// The names of tools that have a type instead of a name.
const (
	nameLocalShell = "local_shell"
	nameShell      = "shell"
	namePatch      = "apply_patch"
	nameSearch     = "tool_search"
)

// The statuses of answers and items.
const (
	statusCompleted  = "completed"
	statusIncomplete = "incomplete"
	statusFailed     = "failed"
	statusInProgress = "in_progress"
	statusQueued     = "queued"
)
