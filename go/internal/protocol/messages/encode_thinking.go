package messages

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// thinking is how the model will be asked to think.
type thinking struct {
	mode      string // enabled, adaptive, disabled; "" says nothing
	budget    int    // tokens, for enabled
	effort    string // "" says nothing
	display   string
	maxTokens int // of the answer, thinking included
}

func (t *thinking) on() bool { return t.mode == "enabled" || t.mode == "adaptive" }

// defaultMax is the answer's limit in tokens where neither the client nor the
// catalog has one.
const defaultMax = 8192

func (e *encoder) planThinking() error {
	t := &e.thinking
	t.maxTokens = e.to.MaxOutput
	if t.maxTokens == 0 {
		t.maxTokens = defaultMax
	}
	if asked := e.req.Sampling.MaxTokens; asked != nil {
		t.maxTokens = *asked
		if e.to.MaxOutput > 0 && *asked > e.to.MaxOutput {
			t.maxTokens = e.to.MaxOutput
			e.note(llm.Approximated, "max_tokens", clamped)
		}
	}
	r := e.req.Reasoning
	if r == nil {
		return nil
	}
	switch {
	case e.to.Thinking == "none":
		if !off(r) {
			e.note(llm.Approximated, "reasoning", "model_does_not_think")
		}
		return nil
	case off(r):
		t.mode = "disabled" // and no effort: the two together are refused
		return nil
	}
	switch e.manner(r) {
	case "adaptive":
		e.planAdaptive(r)
	case "budget":
		e.planBudget(r)
	}
	if t.on() {
		t.display = e.display(r)
	}
	return nil
}

// off reports whether the client wants no thinking.
func off(r *llm.Reasoning) bool {
	return r.Disabled || r.Budget != nil && *r.Budget == 0 || r.Budget == nil && !r.Adaptive && r.Effort == "none"
}

// manner is how the target is asked to think. Where nobody knows, the client's
// own way comes first; then what the vendor's new models want, and for other
// servers what they have long known.
func (e *encoder) manner(r *llm.Reasoning) string {
	switch {
	case e.to.Thinking != "":
		return e.to.Thinking
	case r.Budget != nil:
		return "budget"
	case r.Adaptive || e.to.Native:
		return "adaptive"
	}
	return "budget"
}

func (e *encoder) planAdaptive(r *llm.Reasoning) {
	t := &e.thinking
	t.effort = effortOf(r)
	if r.Adaptive || t.effort != "" {
		t.mode = "adaptive"
	}
}

// effortOf maps what was asked to the words of the protocol.
func effortOf(r *llm.Reasoning) string {
	switch {
	case r.Effort == "minimal":
		return "low"
	case r.Effort != "" && r.Effort != "none":
		return r.Effort
	case r.Budget == nil:
		return ""
	case *r.Budget < 2048:
		return "low"
	case *r.Budget < 12288:
		return "medium"
	case *r.Budget < 28672:
		return "high"
	}
	return "xhigh"
}

func (e *encoder) planBudget(r *llm.Reasoning) {
	t := &e.thinking
	budget := budgetOf(r)
	if budget == 0 {
		return
	}
	if e.insideToolLoop() {
		e.note(llm.Approximated, "reasoning", "thinking_off_inside_tool_loop_without_signed_block")
		return
	}
	if budget >= t.maxTokens {
		raised := budget + max(t.maxTokens, leastBudget)
		if e.to.MaxOutput > 0 {
			raised = min(raised, e.to.MaxOutput)
		}
		if raised > t.maxTokens {
			t.maxTokens = raised
			e.note(llm.Approximated, "max_tokens", "raised_for_thinking")
		}
		budget = min(budget, t.maxTokens-1)
	}
	if budget < leastBudget {
		e.note(llm.Approximated, "reasoning", "no_room_to_think")
		return
	}
	t.mode, t.budget = "enabled", budget
	if r.Budget != nil {
		t.effort = r.Effort // only this protocol's clients say both
	}
}

// budgetOf returns the tokens to think with, 0 for no word about it.
func budgetOf(r *llm.Reasoning) int {
	if r.Budget != nil {
		return *r.Budget
	}
	switch r.Effort {
	case "minimal":
		return 1024
	case "low":
		return 4096
	case "medium":
		return 10240
	case "high":
		return 24576
	case "xhigh":
		return 32768
	case "max":
		return 64000
	}
	if r.Adaptive {
		return 24576
	}
	return 0
}

// insideToolLoop reports whether the model is to go on after tool results, and
// its turn before does not begin with a thought that the target takes back.
// With a thinking budget that would be refused.
func (e *encoder) insideToolLoop() bool {
	n := len(e.speeches)
	if n < 2 || e.speeches[n-1].Role != llm.User || e.speeches[n-2].Role != llm.Assistant {
		return false
	}
	if _, result := e.speeches[n-1].Items[0].Block.(llm.ToolResult); !result {
		return false
	}
	_, thought := e.speeches[n-2].Items[0].Block.(llm.Thought)
	return !thought
}

// display says whether the thoughts are to be seen. With a budget they are by
// themselves; models that think adaptively must be asked.
func (e *encoder) display(r *llm.Reasoning) string {
	switch {
	case r.Summary == "omitted":
		return "omitted"
	case r.Summary != "" && e.thinking.mode == "adaptive":
		return "summarized"
	}
	return ""
}

func (e *encoder) writeThinking() {
	t := &e.thinking
	if t.mode != "" && e.member("thinking") {
		e.out = append(append(append(e.out, `{"type":"`...), t.mode...), '"')
		if t.mode == "enabled" {
			e.out = appendInt(append(e.out, `,"budget_tokens":`...), t.budget)
		}
		if t.display != "" {
			e.out = jsonscan.AppendString(append(e.out, `,"display":`...), t.display)
		}
		e.out = append(e.appendExtra(e.out, "thinking"), '}')
	}
	extra := e.extras["output_config"]
	if t.effort == "" && e.shape.schema == nil && len(extra) == 0 || !e.member("output_config") {
		return
	}
	start := len(e.out)
	if t.effort != "" {
		e.out = jsonscan.AppendString(append(e.out, `,"effort":`...), t.effort)
	}
	if e.shape.schema != nil {
		e.out = append(e.out, `,"format":{"type":"json_schema","schema":`...)
		e.out = append(append(e.out, e.shape.schema...), '}')
	}
	e.out = e.appendExtra(e.out, "output_config")
	e.out[start] = '{'
	e.out = append(e.out, '}')
}
