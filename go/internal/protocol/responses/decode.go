package responses

import (
	"encoding/json"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// decoder reads one request. What must be read in a certain order is kept raw
// until all members are known.
type decoder struct {
	sealer *protocol.Sealer
	req    *llm.Request
	turns  turns

	input, instructions, tools, user, include []byte
}

// DecodeRequest reads a whole request.
func (c *Codec) DecodeRequest(body []byte) (*llm.Request, error) {
	if err := jsonscan.Valid(body); err != nil {
		return nil, protocol.BodyError(body, err)
	}
	d := &decoder{sealer: c.sealer, req: &llm.Request{}}
	err := protocol.Members(body, func(name string, v []byte, _ protocol.Span) error {
		if jsonscan.IsNull(v) {
			return nil
		}
		return d.member(top(name), name, v)
	})
	if err == nil {
		err = d.finish()
	}
	if err != nil {
		return nil, invalid(body, err)
	}
	return d.req, nil
}

// top is the path of a top-level member.
func top(name string) *protocol.Path { return (*protocol.Path)(nil).Member(name) }

// member reads one top-level member.
func (d *decoder) member(at *protocol.Path, name string, v []byte) error {
	r := d.req
	switch name {
	case "model":
		return protocol.ReadText(at, v, &r.Model)
	case "input":
		d.input = v
	case "instructions":
		d.instructions = v
	case "tools":
		d.tools = v
	case "user":
		d.user = v
	case "include":
		d.include = v
	case "tool_choice":
		return d.toolChoice(at, v)
	case "parallel_tool_calls":
		return protocol.ReadBool(at, v, &d.choice().Parallel)
	case "reasoning":
		return d.reasoning(at, v)
	case "text":
		return d.text(at, v)
	case "stream":
		return protocol.ReadFlag(at, v, &r.Stream)
	case "store":
		return protocol.ReadBool(at, v, &r.Store)
	case "metadata":
		return protocol.ReadTextMap(at, v, &r.Metadata)
	case "safety_identifier":
		return protocol.ReadText(at, v, &r.EndUser)
	case "prompt_cache_key":
		return protocol.ReadText(at, v, &r.CacheKey)
	case "service_tier":
		return protocol.ReadText(at, v, &r.ServiceTier)
	case "previous_response_id":
		var id string
		if err := protocol.ReadText(at, v, &id); err != nil {
			return err
		}
		return &protocol.FieldError{At: at, Code: codeNoPrevious, Text: id}
	case "conversation", "prompt":
		return foreignState(at)
	case "background":
		return refuseBackground(at, v)
	case "max_output_tokens", "temperature", "top_p", "top_logprobs":
		return d.sampling(at, name, v)
	case "truncation":
		if string(v) != `"disabled"` {
			d.extra(name, v)
		}
	default:
		d.extra(name, v)
	}
	return nil
}

// extra keeps a field that only this protocol understands.
func (d *decoder) extra(name string, v []byte) {
	d.req.Extra = append(d.req.Extra, llm.Opaque{Origin: llm.Responses, Field: name, Raw: protocol.Raw(v)})
}

func (d *decoder) choice() *llm.ToolChoice {
	if d.req.ToolChoice == nil {
		d.req.ToolChoice = &llm.ToolChoice{}
	}
	return d.req.ToolChoice
}

func refuseBackground(at *protocol.Path, v []byte) error {
	var on bool
	if err := protocol.ReadFlag(at, v, &on); err != nil || !on {
		return err
	}
	return foreignState(at)
}

// minOutputTokens is the least max_output_tokens may say.
const minOutputTokens = 16

func (d *decoder) sampling(at *protocol.Path, name string, v []byte) error {
	s := &d.req.Sampling
	switch name {
	case "max_output_tokens":
		if err := protocol.ReadInt(at, v, &s.MaxTokens); err != nil {
			return err
		}
		if *s.MaxTokens < minOutputTokens {
			return outside(at, codeBelowMinimum, ">=", minOutputTokens, *s.MaxTokens)
		}
	case "top_logprobs":
		if err := protocol.ReadInt(at, v, &s.TopLogprobs); err != nil {
			return err
		}
		if *s.TopLogprobs < 0 || *s.TopLogprobs > 20 {
			return outside(at, codeInvalidValue, "from 0 to", 20, *s.TopLogprobs)
		}
	case "temperature":
		return readBetween(at, v, &s.Temperature, 2)
	case "top_p":
		return readBetween(at, v, &s.TopP, 1)
	}
	return nil
}

func readBetween(at *protocol.Path, v []byte, dst **float64, most float64) error {
	if err := protocol.ReadFloat(at, v, dst); err != nil {
		return err
	}
	switch {
	case **dst < 0:
		return outside(at, "decimal_below_min_value", ">=", 0, **dst)
	case **dst > most:
		return outside(at, codeAboveMaximum, "<=", most, **dst)
	}
	return nil
}

func (d *decoder) reasoning(at *protocol.Path, v []byte) error {
	r := &llm.Reasoning{}
	d.req.Reasoning = r
	return protocol.EachMember(at, v, func(name string, v []byte) error {
		switch name {
		case "effort":
			return protocol.ReadText(at.Member(name), v, &r.Effort)
		case "summary":
			return protocol.ReadText(at.Member(name), v, &r.Summary)
		default:
			d.extra("reasoning."+name, v)
		}
		return nil
	})
}

func (d *decoder) text(at *protocol.Path, v []byte) error {
	return protocol.EachMember(at, v, func(name string, v []byte) error {
		switch name {
		case "format":
			return d.format(at.Member(name), v)
		case "verbosity":
			return protocol.ReadText(at.Member(name), v, &d.req.Verbosity)
		default:
			d.extra("text."+name, v)
		}
		return nil
	})
}

func (d *decoder) format(at *protocol.Path, v []byte) error {
	loose := false
	f := &llm.Format{Strict: &loose} // what this protocol means where nothing is said; others differ
	var kind string
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		at := at.Member(name)
		switch name {
		case "type":
			return protocol.ReadText(at, v, &kind)
		case "name":
			return protocol.ReadText(at, v, &f.Name)
		case "description":
			return protocol.ReadText(at, v, &f.Description)
		case "strict":
			return protocol.ReadBool(at, v, &f.Strict)
		case "schema":
			if jsonscan.KindOf(v) != jsonscan.Object {
				return protocol.Wrong(at, "an object", v)
			}
			f.Schema = protocol.Raw(v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	switch kind {
	case "text":
	case "json_object":
		d.req.Format = &llm.Format{}
	case "json_schema":
		if f.Schema == nil {
			return protocol.Missing(at.Member("schema"))
		}
		d.req.Format = f
	case "":
		return protocol.Missing(at.Member("type"))
	default:
		d.extra("text.format", v)
	}
	return nil
}

// finish reads what depends on other members.
func (d *decoder) finish() error {
	if d.input == nil {
		return protocol.Missing(top("input"))
	}
	if d.instructions != nil {
		var s string
		if err := protocol.ReadText(top("instructions"), d.instructions, &s); err != nil {
			return err
		}
		if s != "" {
			d.turns.system = append(d.turns.system, llm.Text{Text: s})
		}
	}
	if err := d.toolList(top("tools"), d.tools); err != nil {
		return err
	}
	if err := d.readInput(top("input"), d.input); err != nil {
		return err
	}
	d.req.System = d.turns.system
	d.req.Turns, d.req.Places = d.turns.done()
	if err := d.readUser(); err != nil {
		return err
	}
	return d.readInclude()
}

// readUser reads the older name of safety_identifier.
func (d *decoder) readUser() error {
	if d.user == nil {
		return nil
	}
	if d.req.EndUser != "" {
		d.extra("user", d.user)
		return nil
	}
	return protocol.ReadText(top("user"), d.user, &d.req.EndUser)
}

const includeReasoning = "reasoning.encrypted_content"

// readInclude keeps the list, unless it asks for no more than what asking for
// reasoning implies.
func (d *decoder) readInclude() error {
	var list []string
	if d.include == nil {
		return nil
	}
	if err := protocol.ReadTexts(top("include"), d.include, &list); err != nil {
		return err
	}
	implied := len(list) == 0 || len(list) == 1 && list[0] == includeReasoning && d.req.Reasoning != nil
	if !implied {
		d.extra("include", d.include)
	}
	return nil
}

// rawJSON copies v, or is nil where nothing was said.
func rawJSON(v []byte) json.RawMessage {
	if v == nil {
		return nil
	}
	return protocol.Raw(v)
}
