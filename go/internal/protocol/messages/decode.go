package messages

import (
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// codeThread tells an SDK that it must send the whole conversation itself.
const codeThread = "thread_unsupported_request"

// decoder reads one request.
type decoder struct {
	sealer *protocol.Sealer
	req    *llm.Request
	called map[string]string            // names of the tools called so far, by call id
	seals  map[string]protocol.Envelope // of tool calls, by call id
}

// DecodeRequest reads a request to generate or to count; max_tokens may be
// missing, Peek has looked for it. Messages and blocks keep their places:
// Turns[i].Blocks[j] is messages[i].content[j].
func (c *Codec) DecodeRequest(body []byte) (*llm.Request, error) {
	if err := jsonscan.Valid(body); err != nil {
		return nil, protocol.BodyError(body, err)
	}
	d := &decoder{sealer: c.sealer, req: &llm.Request{}, called: map[string]string{}}
	err := protocol.Members(body, func(name string, v []byte, _ protocol.Span) error {
		if jsonscan.IsNull(v) {
			return nil
		}
		return d.member((*protocol.Path)(nil).Member(name), name, v)
	})
	if err == nil && len(d.req.Turns) == 0 {
		err = protocol.Bad((*protocol.Path)(nil).Member("messages"), "at least one message is required")
	}
	if err != nil {
		return nil, inWords(err)
	}
	d.req.Places = &llm.Places{List: "messages", Own: own}
	return d.req, nil
}

// own returns the name that a setting has in this protocol.
func own(setting string) string {
	switch setting {
	case "reasoning":
		return "thinking"
	case "reasoning_effort":
		return "output_config.effort"
	case "reasoning.summary":
		return "thinking.display"
	case "stop":
		return "stop_sequences"
	case "response_format":
		return "output_config.format"
	case "parallel_tool_calls":
		return "tool_choice.disable_parallel_tool_use"
	case "user", "prompt_cache_key":
		return "metadata.user_id"
	}
	return setting
}

func (d *decoder) member(at *protocol.Path, name string, v []byte) error {
	r := d.req
	switch name {
	case "model":
		return protocol.ReadText(at, v, &r.Model)
	case "stream":
		return protocol.ReadFlag(at, v, &r.Stream)
	case "system":
		return d.system(at, v)
	case "messages":
		return protocol.EachElement(at, v, d.message)
	case "tools":
		return protocol.EachElement(at, v, d.tool)
	case "tool_choice":
		return d.toolChoice(at, v)
	case "max_tokens", "temperature", "top_p", "top_k", "stop_sequences":
		return d.sampling(at, name, v)
	case "thinking":
		return d.thinkingConfig(at, v)
	case "output_config":
		return d.outputConfig(at, v)
	case "output_format":
		return d.format(at, v)
	case "metadata":
		return d.metadata(at, v)
	case "service_tier":
		return protocol.ReadText(at, v, &r.ServiceTier)
	case "cache_control":
		return d.mark(at, v, &r.AutoCache)
	case "thread":
		e := llm.InvalidField("thread", "thread: conversations held by the server are not supported for this model; send all messages.")
		e.Code = codeThread
		return e
	}
	d.keep(at, v)
	return nil
}

// keep holds a field that only this protocol understands.
func (d *decoder) keep(at *protocol.Path, v []byte) {
	d.req.Extra = append(d.req.Extra, llm.Opaque{Origin: origin, Field: at.String(), Raw: protocol.Raw(v)})
}

func (d *decoder) sampling(at *protocol.Path, name string, v []byte) error {
	s := &d.req.Sampling
	switch name {
	case "max_tokens":
		if err := protocol.ReadInt(at, v, &s.MaxTokens); err != nil {
			return err
		}
		return atLeast(at, *s.MaxTokens, 0)
	case "temperature":
		if err := protocol.ReadFloat(at, v, &s.Temperature); err != nil {
			return err
		}
		return fraction(at, *s.Temperature)
	case "top_p":
		if err := protocol.ReadFloat(at, v, &s.TopP); err != nil {
			return err
		}
		return fraction(at, *s.TopP)
	case "top_k":
		return protocol.ReadInt(at, v, &s.TopK)
	default:
		return protocol.ReadTexts(at, v, &s.Stop)
	}
}

func atLeast(at *protocol.Path, n, least int) error {
	if n < least {
		return protocol.Bad(at, "Input should be greater than or equal to %d", least)
	}
	return nil
}

func fraction(at *protocol.Path, f float64) error {
	switch {
	case f < 0:
		return protocol.Bad(at, "Input should be greater than or equal to 0")
	case f > 1:
		return protocol.Bad(at, "Input should be less than or equal to 1")
	}
	return nil
}

// system reads the instructions. Claude Code's line about itself is set apart:
// only Anthropic may see it.
func (d *decoder) system(at *protocol.Path, v []byte) error {
	blocks, err := d.content(at, "", v)
	if err != nil {
		return err
	}
	for i, b := range blocks {
		text, ok := b.(llm.Text)
		if ok && strings.HasPrefix(text.Text, "x-anthropic-billing-header:") {
			raw := appendText(nil, text.Text)
			if text.Cache != nil {
				raw = appendCacheControl(append(raw, `,"cache_control":`...), text.Cache, true)
			}
			blocks[i] = llm.Opaque{Origin: origin, Field: protocol.Attribution, Raw: append(raw, '}')}
		}
	}
	d.req.System = blocks
	return nil
}

func (d *decoder) message(v []byte, at *protocol.Path) error {
	var turn llm.Turn
	var content []byte
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		switch name {
		case "role":
			return readRole(at.Member(name), v, &turn.Role)
		case "content":
			content = v
		default:
			d.keep(at.Member(name), v)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case turn.Role == "":
		return protocol.Missing(at.Member("role"))
	case content == nil:
		return protocol.Missing(at.Member("content"))
	}
	if turn.Blocks, err = d.content(at.Member("content"), turn.Role, content); err != nil {
		return err
	}
	d.sealCalls(turn.Blocks)
	d.req.Turns = append(d.req.Turns, turn)
	return nil
}

func readRole(at *protocol.Path, v []byte, role *llm.Role) error {
	var word string
	if err := protocol.ReadText(at, v, &word); err != nil {
		return err
	}
	switch word {
	case "user":
		*role = llm.User
	case "assistant":
		*role = llm.Assistant
	case "system":
		*role = llm.Developer
	default:
		return protocol.Bad(at, "Input should be 'user', 'assistant' or 'system'")
	}
	return nil
}

func (d *decoder) metadata(at *protocol.Path, v []byte) error {
	return protocol.EachMember(at, v, func(name string, v []byte) error {
		if name != "user_id" {
			d.keep(at.Member(name), v)
			return nil
		}
		if err := protocol.ReadText(at.Member(name), v, &d.req.EndUser); err != nil {
			return err
		}
		d.req.CacheKey = sessionOf(d.req.EndUser)
		return nil
	})
}
