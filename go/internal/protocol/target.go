package protocol

// Target is the model that will answer, as far as an encoder must know it.
type Target struct {
	Provider  string
	Model     string // the id the upstream wants
	Origin    string // where seals of this target are valid, see Sealer
	MaxOutput int    // tokens; 0 unknown
	MaxFrame  int    // bytes of one event of its stream; 0: the usual bound

	Thinking     string // none, budget, adaptive; "" unknown
	LeastThought int    // tokens it thinks with at least; 0: thinking can be switched off
	Reasoning    bool   // refuses sampling parameters, wants max_completion_tokens
	Prefill      bool   // continues a trailing assistant turn
	Midway       bool   // takes instructions in mid-conversation
	Vision       *bool  // nil unknown
	Schemas      *bool  // structured output by schema; nil unknown

	Native bool // the vendor's own service, not a compatible server
	Quirks Quirks
}

// Quirks are an upstream's departures from its protocol. They are data of the
// provider; encoders and readers obey them and never look at names.
type Quirks struct {
	OldMaxTokens        bool     // max_tokens instead of max_completion_tokens
	NoDeveloperRole     bool     // knows only the role system
	NoParallelTools     bool     // refuses parallel_tool_calls
	NoStreamOptions     bool     // refuses stream_options
	EchoReasoning       bool     // wants reasoning_content back with tool calls
	ThinkTags           bool     // reasoning inline as <think>…</think>
	CumulativeArguments bool     // streams the whole argument text again and again
	TextOnlyTools       bool     // tool results must be text
	StringContent       bool     // content must be a string, not parts
	NoForcedTool        bool     // refuses tool_choice required or named
	ToolChoiceAny       bool     // says any for required
	NoStrict            bool     // refuses strict on tools
	NoMidSystem         bool     // system only at the start
	CustomTools         bool     // takes custom (free-form) tools natively
	Stateless           bool     // keeps no answers on Responses, so the gateway does
	CallIDs             string   // mistral: exactly nine letters or digits
	DropFields          []string // top-level fields the server refuses
	HighestEffortHigh   bool     // knows no reasoning_effort above high
	ThinkingField       string   // deepseek, enable_thinking, openrouter: how reasoning is asked for
}
