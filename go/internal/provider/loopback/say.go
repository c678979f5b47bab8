package loopback

import (
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// text is what is said, unbounded: the text that was ordered, JSON where a
// format is asked for, what a tool returned, or an echo of the user.
func (s *script) text() string {
	if s.words.text != nil {
		return *s.words.text
	}
	heard, tool := lastHeard(s.req)
	if f := s.req.Format; f != nil {
		if len(f.Schema) > 0 {
			return string(example(f.Schema))
		}
		return string(jsonscan.AppendString([]byte(`{"loopback":`), heard)) + "}"
	}
	if tool != "" {
		return prefix + "The tool " + tool + " returned: " + heard
	}
	return prefix + heard
}

// lastHeard returns the last thing the user said, or what a tool returned
// and its name.
func lastHeard(req *llm.Request) (heard, tool string) {
	for _, turn := range slices.Backward(req.Turns) {
		if turn.Role != llm.User {
			continue
		}
		var said []string
		for _, b := range turn.Blocks {
			if r, ok := b.(llm.ToolResult); ok {
				tool = toolName(req, r)
				said = append(said, spoken(r.Blocks)...)
			}
		}
		if tool == "" {
			said = spoken(turn.Blocks)
		}
		return strings.Join(said, "\n"), tool
	}
	return "", ""
}

// spoken puts blocks into words.
func spoken(blocks []llm.Block) (said []string) {
	for _, b := range blocks {
		switch b := b.(type) {
		case llm.Text:
			said = append(said, b.Text)
		case llm.Media:
			said = append(said, "("+string(b.Kind)+")")
		default:
		}
	}
	return said
}

// toolName returns the name of the tool that a result belongs to.
func toolName(req *llm.Request, r llm.ToolResult) string {
	for _, turn := range slices.Backward(req.Turns) {
		for _, b := range turn.Blocks {
			if call, ok := b.(llm.ToolCall); ok && call.ID == r.CallID {
				return call.Name
			}
		}
	}
	if r.Name != "" {
		return r.Name
	}
	return r.CallID
}

// tool returns the tool to call now, nil if none: the one that was ordered, or
// that the request demands. Where there are tools, one that was ordered but
// not declared is called nevertheless, as models do at times.
func (s *script) tool() *llm.Tool {
	name, times := s.words.tool, s.words.repeat
	choice := s.req.ToolChoice
	if choice != nil && choice.Mode == llm.ToolsNone {
		return nil
	}
	if name == "" && choice != nil {
		switch choice.Mode {
		case llm.ToolsNamed:
			if len(choice.Names) > 0 {
				name = choice.Names[0]
			}
		case llm.ToolsAny:
			for i := range s.req.Tools {
				if t := &s.req.Tools[i]; callable(t) && (choice.Names == nil || slices.Contains(choice.Names, t.Name)) {
					name = t.Name
					break
				}
			}
		}
		if name != "" {
			return s.declared(name) // forced, however often
		}
	}
	if name == "" || len(s.req.Tools) == 0 || s.called(name) >= times*s.words.parallel {
		return nil
	}
	return s.declared(name)
}

func (s *script) declared(name string) *llm.Tool {
	for i := range s.req.Tools {
		if t := &s.req.Tools[i]; t.Name == name && callable(t) {
			return t
		}
	}
	return &llm.Tool{Kind: llm.FunctionTool, Name: name}
}

// callable reports whether a client runs the tool and says by name which.
func callable(t *llm.Tool) bool {
	return t.Name != "" && (t.Kind == llm.FunctionTool || t.Kind == llm.CustomTool || t.Kind == "")
}

// called counts the calls of a tool since the user last spoke.
func (s *script) called(name string) (n int) {
	for _, turn := range slices.Backward(s.req.Turns) {
		for _, b := range turn.Blocks {
			switch b := b.(type) {
			case llm.ToolCall:
				if b.Name == name {
					n++
				}
			case llm.Text:
				if turn.Role == llm.User && !answersTool(turn) {
					return n
				}
			default:
			}
		}
	}
	return n
}

func answersTool(turn llm.Turn) bool {
	return slices.ContainsFunc(turn.Blocks, func(b llm.Block) bool { _, ok := b.(llm.ToolResult); return ok })
}

// bounded cuts a text where the request says that it must end.
func (s *script) bounded(text string) (string, llm.Stop) {
	stop := llm.Stop{Reason: llm.StopEnd}
	for _, sequence := range s.req.Sampling.Stop {
		if i := strings.Index(text, sequence); i >= 0 && sequence != "" {
			text, stop = text[:i], llm.Stop{Reason: llm.StopSequence, Sequence: sequence}
		}
	}
	if most := s.req.Sampling.MaxTokens; most != nil && int64(*most) < tokens(text) {
		end := max(*most, 0) * bytesPerToken
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text, stop = text[:end], llm.Stop{Reason: llm.StopLength}
	}
	return text, stop
}

// cutUp yields a text in pieces that hold whole characters.
func (s *script) cutUp(text string) iter.Seq[string] {
	n := s.words.chunks
	if n == 0 {
		n = min((len(text)+pieceBytes-1)/pieceBytes, maxPieces)
		n = max(n, min(s.words.cut-s.pieces, len(text))) // so that there is a place to cut
	}
	return func(yield func(string) bool) {
		for ; len(text) > 0; n-- {
			end := len(text)
			if n > 1 {
				end = max(end/n, 1)
			}
			for end < len(text) && !utf8.RuneStart(text[end]) {
				end++
			}
			if !yield(text[:end]) {
				return
			}
			text = text[end:]
		}
	}
}

// bytesPerToken is what a token counts for here.
const bytesPerToken = 4

// tokens counts a quarter of the bytes, rounded up.
func tokens(text string) int64 { return int64(len(text)+bytesPerToken-1) / bytesPerToken }

// quarter counts the text of a request in the same way.
func quarter(req *llm.Request) int64 {
	n := 0
	count := func(blocks []llm.Block) {
		for _, b := range blocks {
			n += size(b)
		}
	}
	count(req.System)
	for _, t := range req.Turns {
		count(t.Blocks)
	}
	for i := range req.Tools {
		t := &req.Tools[i]
		n += len(t.Name) + len(t.Description) + len(t.Schema)
	}
	return int64(n+bytesPerToken-1) / bytesPerToken
}

func size(b llm.Block) int {
	switch b := b.(type) {
	case llm.Text:
		return len(b.Text)
	case llm.Thought:
		return len(b.Text)
	case llm.ToolCall:
		return len(b.Name) + len(b.Arguments)
	case llm.ToolResult:
		n := 0
		for _, inner := range b.Blocks {
			n += size(inner)
		}
		return n
	case llm.Media:
		return len(b.Text) + len(b.Data)/100
	default:
		return 0
	}
}
