package messages

import (
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

func (d *decoder) reasoning() *llm.Reasoning {
	if d.req.Reasoning == nil {
		d.req.Reasoning = &llm.Reasoning{}
	}
	return d.req.Reasoning
}

// leastBudget is the smallest thinking budget the protocol takes, in tokens.
const leastBudget = 1024

func (d *decoder) thinkingConfig(at *protocol.Path, v []byte) error {
	r := d.reasoning()
	var kind, display string
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		switch name {
		case "type":
			return protocol.ReadText(at.Member(name), v, &kind)
		case "budget_tokens":
			return protocol.ReadInt(at.Member(name), v, &r.Budget)
		case "display":
			return protocol.ReadText(at.Member(name), v, &display)
		}
		d.keep(at.Member(name), v)
		return nil
	})
	if err != nil {
		return err
	}
	switch display {
	case "summarized":
		r.Summary = "auto"
	case "omitted":
		r.Summary = "omitted"
	}
	switch kind {
	case "enabled":
		if r.Budget == nil {
			return protocol.Missing(at.Member("budget_tokens"))
		}
		return atLeast(at.Member("budget_tokens"), *r.Budget, leastBudget)
	case "adaptive":
		r.Adaptive = true
	case "disabled":
		r.Disabled = true
	default:
		return protocol.Bad(at.Member("type"), "Input should be 'enabled', 'disabled' or 'adaptive'")
	}
	return nil
}

func (d *decoder) outputConfig(at *protocol.Path, v []byte) error {
	return protocol.EachMember(at, v, func(name string, v []byte) error {
		switch name {
		case "effort":
			return protocol.ReadText(at.Member(name), v, &d.reasoning().Effort)
		case "format":
			return d.format(at.Member(name), v)
		}
		d.keep(at.Member(name), v)
		return nil
	})
}

func (d *decoder) format(at *protocol.Path, v []byte) error {
	var kind string
	format := &llm.Format{}
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		switch name {
		case "type":
			return protocol.ReadText(at.Member(name), v, &kind)
		case "schema":
			format.Schema = protocol.Raw(v)
			return isObject(at.Member(name), v)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case kind != "json_schema":
		return protocol.Bad(at.Member("type"), "Input should be 'json_schema'")
	case format.Schema == nil:
		return protocol.Missing(at.Member("schema"))
	}
	d.req.Format = format
	return nil
}

// mark reads cache_control.
func (d *decoder) mark(at *protocol.Path, v []byte, dst **llm.CacheMark) error {
	var kind string
	mark := &llm.CacheMark{}
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		switch name {
		case "type":
			return protocol.ReadText(at.Member(name), v, &kind)
		case "ttl":
			return protocol.ReadText(at.Member(name), v, &mark.TTL)
		case "scope":
			return protocol.ReadText(at.Member(name), v, &mark.Scope)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if kind != "ephemeral" {
		return protocol.Bad(at.Member("type"), "Input should be 'ephemeral'")
	}
	*dst = mark
	return nil
}

func (d *decoder) toolChoice(at *protocol.Path, v []byte) error {
	choice := &llm.ToolChoice{}
	var kind, tool string
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		switch name {
		case "type":
			return protocol.ReadText(at.Member(name), v, &kind)
		case "name":
			return protocol.ReadText(at.Member(name), v, &tool)
		case "disable_parallel_tool_use":
			var off bool
			if err := protocol.ReadFlag(at.Member(name), v, &off); err != nil {
				return err
			}
			parallel := !off
			choice.Parallel = &parallel
		}
		return nil
	})
	if err != nil {
		return err
	}
	switch kind {
	case "auto":
		choice.Mode = llm.ToolsAuto
	case "any":
		choice.Mode = llm.ToolsAny
	case "none":
		choice.Mode = llm.ToolsNone
	case "tool":
		if tool == "" {
			return protocol.Missing(at.Member("name"))
		}
		choice.Mode, choice.Names = llm.ToolsNamed, []string{tool}
	default:
		return protocol.Bad(at.Member("type"), "Input should be 'auto', 'any', 'tool' or 'none'")
	}
	d.req.ToolChoice = choice
	return nil
}
