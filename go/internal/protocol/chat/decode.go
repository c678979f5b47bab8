package chat

import (
	"encoding/json"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// decoder reads one request.
type decoder struct {
	sealer *protocol.Sealer
	req    *llm.Request

	begun     bool                // a message other than instructions has been seen
	calls     map[string]llm.Tool // kind and name of the calls so far, by id
	order     map[string]int      // place of each call in the latest assistant message
	items     []spot              // by turn: where it stood in the list of messages
	results   map[string]int      // messages that hold a result, by call id
	index     int                 // of the message that is being read
	functions int                 // calls in the deprecated form, which has no ids
	user      []byte              // the older name of safety_identifier
	newTokens bool                // max_completion_tokens has been read
}

// DecodeRequest reads a request to generate.
func (c *Codec) DecodeRequest(body []byte) (*llm.Request, error) {
	if err := jsonscan.Valid(body); err != nil {
		return nil, protocol.BodyError(body, err)
	}
	d := &decoder{sealer: c.sealer, req: &llm.Request{}, calls: map[string]llm.Tool{}, results: map[string]int{}, index: -1}
	said := false
	err := protocol.Members(body, func(name string, v []byte, _ protocol.Span) error {
		if jsonscan.IsNull(v) {
			return nil
		}
		said = said || name == "messages"
		return d.member(top(name), name, v)
	})
	if err == nil && !said {
		err = protocol.Missing(top("messages"))
	}
	if err == nil {
		err = d.endUser()
	}
	if err != nil {
		return nil, inWords(err)
	}
	d.req.Places = d.places()
	d.req.Places.Own = d.own
	return d.req, nil
}

func (d *decoder) member(at *protocol.Path, name string, v []byte) error {
	r := d.req
	switch name {
	case "model":
		return protocol.ReadText(at, v, &r.Model)
	case "messages":
		return d.messages(at, v)
	case "stream":
		return protocol.ReadFlag(at, v, &r.Stream)
	case "stream_options":
		return d.streamOptions(at, v)
	case "tools":
		return protocol.EachElement(at, v, d.tool)
	case "functions":
		return protocol.EachElement(at, v, d.oldFunction)
	case "tool_choice":
		return d.toolChoice(at, v)
	case "function_call":
		return d.oldChoice(at, v)
	case "parallel_tool_calls":
		return protocol.ReadBool(at, v, &d.choice().Parallel)
	case "response_format":
		return d.format(at, v)
	case "reasoning_effort":
		r.Reasoning = &llm.Reasoning{}
		return protocol.ReadText(at, v, &r.Reasoning.Effort)
	case "verbosity":
		return protocol.ReadText(at, v, &r.Verbosity)
	case "service_tier":
		return protocol.ReadText(at, v, &r.ServiceTier)
	case "prompt_cache_key":
		return protocol.ReadText(at, v, &r.CacheKey)
	case "safety_identifier":
		return protocol.ReadText(at, v, &r.EndUser)
	case "user":
		d.user = v
	case "metadata":
		return protocol.ReadTextMap(at, v, &r.Metadata)
	case "store":
		return protocol.ReadBool(at, v, &r.Store)
	default:
		if known, err := d.sampling(at, name, v); known {
			return err
		}
		d.keep(name, v)
	}
	return nil
}

// keep holds a field that only this protocol understands.
func (d *decoder) keep(field string, v []byte) {
	d.req.Extra = append(d.req.Extra, llm.Opaque{Origin: origin, Field: field, Raw: protocol.Raw(v)})
}

// streamOptions keeps what is not about usage; the encoder always asks for
// that.
func (d *decoder) streamOptions(at *protocol.Path, v []byte) error {
	more := false
	err := protocol.EachMember(at, v, func(name string, _ []byte) error {
		more = more || name != "include_usage"
		return nil
	})
	if more {
		d.keep("stream_options", v)
	}
	return err
}

// endUser reads user, which says the same as safety_identifier.
func (d *decoder) endUser() error {
	switch {
	case d.user == nil:
		return nil
	case d.req.EndUser != "":
		d.keep("user", d.user)
		return nil
	}
	return protocol.ReadText(top("user"), d.user, &d.req.EndUser)
}

func (d *decoder) format(at *protocol.Path, v []byte) error {
	var kind string
	var spec []byte
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		switch name {
		case "type":
			return protocol.ReadText(at.Member(name), v, &kind)
		case "json_schema":
			spec = v
		}
		return nil
	})
	if err != nil {
		return err
	}
	switch kind {
	case "text":
		return nil
	case "json_object":
		d.req.Format = &llm.Format{}
		return nil
	case "json_schema":
		if spec == nil {
			return protocol.Missing(at.Member("json_schema"))
		}
		return d.schema(at.Member("json_schema"), spec)
	case "":
		return protocol.Missing(at.Member("type"))
	}
	d.keep("response_format", v) // a grammar, say; some servers know more kinds
	return nil
}

func (d *decoder) schema(at *protocol.Path, v []byte) error {
	loose := false
	f := &llm.Format{Strict: &loose} // what this protocol means where nothing is said; others differ
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		at := at.Member(name)
		switch name {
		case "name":
			return protocol.ReadText(at, v, &f.Name)
		case "description":
			return protocol.ReadText(at, v, &f.Description)
		case "strict":
			return protocol.ReadBool(at, v, &f.Strict)
		case "schema":
			return readObject(at, v, &f.Schema)
		}
		return nil
	})
	if err == nil && f.Name == "" {
		err = protocol.Missing(at.Member("name"))
	}
	if err == nil && f.Schema == nil {
		f.Schema = json.RawMessage(`{}`) // a nil schema would ask for any JSON without a form
	}
	d.req.Format = f
	return err
}

func readObject(at *protocol.Path, v []byte, dst *json.RawMessage) error {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return protocol.Wrong(at, "an object", v)
	}
	*dst = protocol.Raw(v)
	return nil
}
