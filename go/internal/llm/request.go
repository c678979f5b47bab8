package llm

import "encoding/json"

// Request is a conversation to continue. Nil and "" mean not said; a pointer
// to zero means zero was said.
type Request struct {
	Model      string
	System     []Block // instructions before the first turn
	Turns      []Turn
	Tools      []Tool
	ToolChoice *ToolChoice
	Sampling   Sampling
	Reasoning  *Reasoning
	Format     *Format
	Stream     bool

	EndUser     string // opaque id of the client's own user
	CacheKey    string // prompt-cache routing hint
	ServiceTier string // auto, default, flex, priority, ...; as the client said it
	Verbosity   string // low, medium, high
	Metadata    map[string]string
	Store       *bool
	AutoCache   *CacheMark // mark the last cacheable block by yourself

	// Places says where the client put what the turns hold, for findings and
	// errors; nil where there is no client.
	Places *Places

	// Extra holds top-level fields that only their own protocol understands,
	// raw and in the order received.
	Extra []Opaque
}

// Role says whose words a turn holds.
type Role string

// The roles. Developer is an instruction in mid-conversation; leading
// instructions are Request.System.
const (
	User      Role = "user"
	Assistant Role = "assistant"
	Developer Role = "developer"
)

// Turn is what one side said before the other spoke again. Tool results are
// blocks of a User turn.
type Turn struct {
	Role   Role
	Name   string // participant name, if the protocol has one
	Phase  string // Responses: commentary or final_answer
	Blocks []Block
}

// ToolKind says how a tool is called.
type ToolKind string

// The kinds of tool.
const (
	FunctionTool   ToolKind = "function"    // arguments are a JSON object
	CustomTool     ToolKind = "custom"      // input is free text, maybe under a grammar
	LocalShellTool ToolKind = "local_shell" // Codex's own shell
	ShellTool      ToolKind = "shell"
	PatchTool      ToolKind = "apply_patch"
	SearchTool     ToolKind = "tool_search" // client-side tool search
	HostedTool     ToolKind = "hosted"      // runs at the vendor; Raw and Origin say what it is
)

// Tool is something the model may call.
type Tool struct {
	Kind        ToolKind
	Namespace   string
	Name        string
	Description string
	Schema      json.RawMessage // JSON Schema of the arguments; nil if not said
	Strict      *bool
	Grammar     *Grammar // CustomTool only; nil means plain text
	Deferred    bool     // not shown to the model until loaded
	Cache       *CacheMark

	// NamespaceNote says what the namespace offers, where it says so.
	NamespaceNote string

	At string // JSON path in the client's request; "" where it stood as it is numbered

	// Origin and Raw hold a hosted or vendor-defined tool as it came.
	Origin Protocol
	Raw    json.RawMessage
}

// Grammar restricts the input of a custom tool.
type Grammar struct {
	Syntax     string // lark, regex
	Definition string
}

// Tool choice modes.
const (
	ToolsAuto  = "auto"
	ToolsNone  = "none"
	ToolsAny   = "any"   // at least one call
	ToolsNamed = "named" // exactly the tool in Names[0]
)

// ToolChoice restricts which tools may or must be called.
type ToolChoice struct {
	Mode     string   // "" when only Parallel was said
	Names    []string // ToolsNamed: one; else the allowed subset, nil means all
	Kind     ToolKind // kind of the named tool
	Parallel *bool    // false: one call at most
}

// Sampling shapes how tokens are drawn. Counts are in tokens.
type Sampling struct {
	MaxTokens        *int
	TopK             *int
	Temperature      *float64
	TopP             *float64
	PresencePenalty  *float64
	FrequencyPenalty *float64
	Seed             *int64
	N                *int
	Logprobs         *bool
	TopLogprobs      *int
	LogitBias        json.RawMessage
	Stop             []string
}

// Reasoning asks the model to think before it answers.
type Reasoning struct {
	Effort   string // none, minimal, low, medium, high, xhigh, max
	Budget   *int   // tokens; 0 switches thinking off
	Adaptive bool   // the model decides how much
	Disabled bool   // said so explicitly
	Summary  string // auto, concise, detailed, omitted; "" not said
}

// Format is the shape the answer must have. A nil Schema asks for any JSON.
type Format struct {
	Name        string
	Description string
	Schema      json.RawMessage
	Strict      *bool
}

// CacheMark asks the upstream to keep the prompt up to here.
type CacheMark struct {
	TTL   string // 5m, 1h; "" is the upstream's default
	Scope string
}
