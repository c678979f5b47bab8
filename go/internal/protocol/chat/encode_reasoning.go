package chat

import (
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// reasoning asks the model to think, in the server's way.
func (e *encoder) reasoning() {
	r := e.req.Reasoning
	if r == nil {
		return
	}
	if r.Summary != "" && r.Summary != "omitted" {
		e.find(llm.Dropped, "reasoning.summary", "not_supported")
	}
	effort := effortOf(r)
	switch e.to.Quirks.ThinkingField {
	case "deepseek":
		e.thinkingType(effort)
	case "enable_thinking":
		e.enableThinking(effort)
	case "openrouter":
		e.reasoningObject(effort)
	default:
		e.effort(effort)
	}
}

// effortOf returns how hard to think in the words of reasoning_effort, "" if
// it was not said.
func effortOf(r *llm.Reasoning) string {
	switch {
	case r.Disabled:
		return "none" // whatever else was said: both together are refused
	case r.Effort != "":
		return r.Effort
	case r.Budget == nil && r.Adaptive:
		return "high"
	case r.Budget == nil:
		return ""
	}
	switch budget := *r.Budget; {
	case budget <= 0:
		return "none"
	case budget < 2048:
		return "low"
	case budget < 12288:
		return "medium"
	case budget < 28672:
		return "high"
	}
	return "xhigh"
}

// budgetOf is a thinking budget for an effort, in tokens.
func budgetOf(effort string) int {
	switch effort {
	case "minimal":
		return 1024
	case "low":
		return 4096
	case "medium":
		return 10240
	case "xhigh":
		return 32768
	case "max":
		return 64000
	}
	return 24576
}

// approximate reports a budget that becomes an effort.
func (e *encoder) approximate() {
	r := e.req.Reasoning
	if r.Budget != nil && *r.Budget > 0 && r.Effort == "" && !r.Disabled {
		e.find(llm.Approximated, "thinking.budget_tokens", "budget_as_effort")
	}
}

func (e *encoder) effort(effort string) {
	if effort == "" {
		return
	}
	if e.to.Native && !e.to.Reasoning && (e.to.Thinking == "" || e.to.Thinking == "none") {
		e.find(llm.Dropped, "reasoning_effort", "model_does_not_reason")
		return
	}
	if !e.may("reasoning_effort") {
		return
	}
	if e.req.Reasoning.Disabled && e.req.Reasoning.Effort != "none" {
		// Who switched thinking off did not ask for this word, and many models
		// refuse it.
		e.find(llm.Approximated, "thinking", "lowest_effort")
		effort = "low"
	}
	if effort == "none" && e.to.LeastThought > 0 {
		e.find(llm.Approximated, "reasoning_effort", "lowest_effort")
		effort = "low"
	}
	if e.to.Quirks.HighestEffortHigh && (effort == "xhigh" || effort == "max") {
		e.find(llm.Approximated, "reasoning_effort", "clamped")
		effort = "high"
	}
	e.approximate()
	e.b = text(e.b, "reasoning_effort", effort)
}

// thinkingType is the way of DeepSeek, Kimi and GLM: a switch, and an effort
// only where it is on.
func (e *encoder) thinkingType(effort string) {
	if effort == "" || !e.may("thinking") {
		return
	}
	e.b = append(key(e.b, "thinking"), '{')
	if effort == "none" {
		e.b = append(text(e.b, "type", "disabled"), '}')
		return
	}
	e.b = append(text(e.b, "type", "enabled"), '}')
	if (e.req.Reasoning.Effort != "" || e.req.Reasoning.Budget != nil) && e.may("reasoning_effort") {
		e.approximate()
		e.b = text(e.b, "reasoning_effort", effort)
	}
}

// enableThinking is the way of Qwen: a switch and a budget.
func (e *encoder) enableThinking(effort string) {
	if effort == "" || !e.may("enable_thinking") {
		return
	}
	on := effort != "none"
	e.b = strconv.AppendBool(key(e.b, "enable_thinking"), on)
	r := e.req.Reasoning
	switch {
	case !on:
	case !e.may("thinking_budget"):
	case r.Budget != nil && *r.Budget > 0:
		e.b = number(e.b, "thinking_budget", int64(*r.Budget))
	case r.Effort != "":
		e.find(llm.Approximated, "reasoning_effort", "effort_as_budget")
		e.b = number(e.b, "thinking_budget", int64(budgetOf(effort)))
	}
}

// reasoningObject is the way of OpenRouter: an effort or a budget.
func (e *encoder) reasoningObject(effort string) {
	if effort == "" || !e.may("reasoning") {
		return
	}
	r := e.req.Reasoning
	e.b = append(key(e.b, "reasoning"), '{')
	switch {
	case effort == "none" && e.to.LeastThought > 0:
		e.find(llm.Approximated, "reasoning_effort", "lowest_effort")
		e.b = number(e.b, "max_tokens", int64(e.to.LeastThought))
	case effort == "none":
		e.b = append(key(e.b, "enabled"), "false"...)
	case r.Effort != "":
		e.b = text(e.b, "effort", effort)
	case r.Budget != nil:
		e.b = number(e.b, "max_tokens", int64(*r.Budget))
	default:
		e.b = append(key(e.b, "enabled"), "true"...)
	}
	e.b = append(e.b, '}')
}
