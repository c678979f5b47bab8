package llm

import "encoding/json"

// Block is one piece of content. The set is closed.
//
//sumtype:decl
type Block interface{ block() }

type (
	// Text is plain words.
	Text struct {
		Text      string
		Citations []Opaque
		Cache     *CacheMark
		Phase     string // of an answer's message; see Turn.Phase
	}

	// Media is an image, a document, audio or another file: Data, URL or
	// FileID, never two of them.
	Media struct {
		Kind    MediaKind
		MIME    string
		Name    string // file name or document title
		Context string // note about a document
		Data    string // base64, as received
		Text    string // a document given as text
		URL     string
		FileID  string // held by the vendor in Origin
		Origin  Protocol
		Detail  string // low, high, auto, original
		Cite    *bool  // document citations switched on or off
		Cache   *CacheMark

		// Raw is the whole block as Origin wrote it, where it says more than
		// the fields above hold. Other protocols go by the fields.
		Raw json.RawMessage
	}

	// Thought is reasoning. Seal is the upstream's signature or encrypted
	// state, valid only at Origin; everywhere else the block is dropped.
	Thought struct {
		Text     string
		Seal     string
		Origin   string // see protocol.Sealer
		ID       string // item id, where the protocol has one
		Redacted bool   // nothing but the seal
		Raw      bool   // the model's own words, not a summary of them
	}

	// ToolCall keeps its arguments as text; only targets that need an object
	// parse them. For a CustomTool they are the raw input.
	ToolCall struct {
		ID, Namespace, Name, Arguments string

		ItemID string // Responses has a second id
		Kind   ToolKind
		Seal   string // Gemini signs calls
		Origin string // where Seal is valid
		Cache  *CacheMark

		// Plain says of a CustomTool in an answer that its input comes as the
		// model wrote it; otherwise in the arguments of a function that stands
		// in for the tool.
		Plain bool
	}

	// ToolResult answers a ToolCall.
	ToolResult struct {
		CallID string
		Name   string
		Kind   ToolKind
		Blocks []Block
		Failed bool
		Cache  *CacheMark
	}

	// ToolReference loads deferred tools (inside a ToolResult).
	ToolReference struct{ Name string }

	// Refusal is the model declining.
	Refusal struct{ Text string }

	// Opaque goes back unchanged to Origin; other protocols report it. Field
	// is the block type or, for a request field, its name.
	Opaque struct {
		Origin Protocol
		Field  string
		Raw    json.RawMessage
	}
)

// MediaKind says what a Media block holds.
type MediaKind string

// The kinds of media.
const (
	Image    MediaKind = "image"
	Document MediaKind = "document"
	Audio    MediaKind = "audio"
	Video    MediaKind = "video"
)

func (Text) block()          {}
func (Media) block()         {}
func (Thought) block()       {}
func (ToolCall) block()      {}
func (ToolResult) block()    {}
func (ToolReference) block() {}
func (Refusal) block()       {}
func (Opaque) block()        {}
