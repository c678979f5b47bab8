package gemini

import (
	"errors"
	"fmt"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// decoder reads one request.
type decoder struct {
	sealer *protocol.Sealer
	req    *llm.Request
	places [][]llm.Place

	calls int               // calls seen, for ids
	open  map[string][]call // calls without a response, by name, oldest first
}

// call is a call that waits for its response.
type call struct{ id string }

// top is the path of a top-level member.
func top(name string) *protocol.Path { return (*protocol.Path)(nil).Member(name) }

// DecodeRequest reads the body of a generateContent, streamGenerateContent or
// countTokens request.
func (c *Codec) DecodeRequest(body []byte) (*llm.Request, error) {
	if err := jsonscan.Valid(body); err != nil {
		return nil, protocol.BodyError(body, err)
	}
	d := &decoder{sealer: c.sealer, req: &llm.Request{}, open: map[string][]call{}}
	err := protocol.Members(body, func(name string, v []byte, _ protocol.Span) error {
		if jsonscan.IsNull(v) {
			return nil
		}
		if at := top(name); camel(name) == wrappedRequest {
			return members(at, v, d.member) // the other form of countTokens
		}
		return d.member(top(name), camel(name), v)
	})
	if err == nil && len(d.req.Turns) == 0 {
		err = protocol.Missing(top("contents"))
	}
	if err != nil {
		return nil, invalid(body, err)
	}
	d.req.Places = &llm.Places{List: "contents", Parts: "parts", Turns: d.places, Results: "functionResponse", Apart: true, Failed: "functionResponse.response.error", Own: own}
	return d.req, nil
}

// own returns the name that a setting has in this protocol.
func own(setting string) string {
	name := setting
	switch setting {
	case "max_tokens":
		name = "maxOutputTokens"
	case "top_p", "top_k", "presence_penalty", "frequency_penalty":
		name = camel(setting)
	case "temperature", "seed":
	case "stop":
		name = "stopSequences"
	case "n":
		name = "candidateCount"
	case "logprobs":
		name = "responseLogprobs"
	case "top_logprobs":
		name = "logprobs"
	case "response_format":
		name = "responseMimeType"
	case "reasoning", "reasoning_effort", "thinking":
		name = "thinkingConfig"
	case "thinking.budget_tokens":
		name = "thinkingConfig.thinkingBudget"
	case "reasoning.summary":
		name = "thinkingConfig.includeThoughts"
	case "tool_choice":
		return "toolConfig.functionCallingConfig"
	case "service_tier":
		return "serviceTier"
	case "system":
		return "systemInstruction.parts"
	default:
		return setting
	}
	return "generationConfig." + name
}

// wrappedRequest is the member of countTokens that holds a whole request.
const wrappedRequest = "generateContentRequest"

// invalid puts what is wrong into Google's words.
func invalid(body []byte, err error) error {
	var f *protocol.FieldError
	if !errors.As(err, &f) {
		return protocol.BodyError(body, err)
	}
	e := &llm.Error{Kind: llm.Invalid, Field: f.At.String(), Code: "INVALID_ARGUMENT"}
	if f.Want != "" {
		e.Message = fmt.Sprintf("Invalid value at '%s': expected %s, got %s", e.Field, f.Want, f.Got)
	} else {
		e.Message = fmt.Sprintf("Invalid value at '%s': %s", e.Field, f.Text)
	}
	return e
}

// members visits the members of an object under their documented names.
func members(at *protocol.Path, v []byte, visit func(at *protocol.Path, name string, v []byte) error) error {
	return protocol.EachMember(at, v, func(name string, v []byte) error {
		return visit(at.Member(name), camel(name), v)
	})
}

func (d *decoder) member(at *protocol.Path, name string, v []byte) error {
	switch name {
	case "model": // the path says it, and the path counts
	case "contents":
		return protocol.EachElement(at, v, func(v []byte, at *protocol.Path) error {
			return d.content(at, v)
		})
	case "systemInstruction":
		turn, _, err := d.readContent(at, v)
		d.req.System = turn.Blocks
		return err
	case "tools":
		return protocol.EachElement(at, v, func(v []byte, at *protocol.Path) error {
			return d.tools(at, v)
		})
	case "toolConfig":
		return d.toolConfig(at, v)
	case "generationConfig":
		return members(at, v, d.generation)
	case "serviceTier":
		return protocol.ReadText(at, v, &d.req.ServiceTier)
	case "labels":
		return protocol.ReadTextMap(at, v, &d.req.Metadata)
	default:
		d.extra(name, v)
	}
	return nil
}

// extra keeps a field that only this protocol understands.
func (d *decoder) extra(name string, v []byte) {
	d.req.Extra = append(d.req.Extra, llm.Opaque{Origin: llm.Gemini, Field: name, Raw: protocol.Raw(v)})
}

// content adds a turn.
func (d *decoder) content(at *protocol.Path, v []byte) error {
	turn, places, err := d.readContent(at, v)
	if err == nil {
		for i := range places {
			places[i].Item = len(d.req.Turns)
		}
		d.req.Turns, d.places = append(d.req.Turns, turn), append(d.places, places)
	}
	return err
}

// readContent reads a turn and in which part each of its blocks stood.
func (d *decoder) readContent(at *protocol.Path, v []byte) (llm.Turn, []llm.Place, error) {
	turn := llm.Turn{Role: llm.User}
	var parts []byte
	err := members(at, v, func(at *protocol.Path, name string, v []byte) error {
		switch name {
		case "role":
			switch text(v) {
			case "user", "function", "system", "":
			case "model":
				turn.Role = llm.Assistant
			default:
				return protocol.Bad(at, "valid roles are user and model")
			}
		case "parts":
			parts = v
		}
		return nil
	})
	if err != nil || parts == nil {
		return turn, nil, err
	}
	var places []llm.Place
	n := 0
	at = at.Member("parts")
	err = protocol.EachElement(at, parts, func(v []byte, at *protocol.Path) error {
		blocks, err := d.part(at, v)
		for _, b := range blocks {
			turn.Blocks, places = fold(turn.Blocks, places, b)
			places = append(places, llm.Place{Part: n})
		}
		n++
		return err
	})
	return turn, places, err
}

// fold adds a block. A thought of another vendor came to its client in pieces,
// the last of which holds the seal of all: here it is one again.
func fold(blocks []llm.Block, places []llm.Place, b llm.Block) ([]llm.Block, []llm.Place) {
	end, ok := b.(llm.Thought)
	if ok && end.Origin != string(origin) {
		for n := len(blocks) - 1; n >= 0; n-- {
			piece, ok := blocks[n].(llm.Thought)
			if !ok || piece.Seal != "" || piece.Origin != string(origin) {
				break
			}
			end.Text = piece.Text + end.Text
			blocks, places = blocks[:n], places[:n]
		}
		b = end
	}
	return append(blocks, b), places
}

// generation reads one member of generationConfig.
func (d *decoder) generation(at *protocol.Path, name string, v []byte) error {
	s := &d.req.Sampling
	switch name {
	case "maxOutputTokens":
		return protocol.ReadInt(at, v, &s.MaxTokens)
	case "temperature":
		return protocol.ReadFloat(at, v, &s.Temperature)
	case "topP":
		return protocol.ReadFloat(at, v, &s.TopP)
	case "topK":
		return protocol.ReadInt(at, v, &s.TopK)
	case "candidateCount":
		return protocol.ReadInt(at, v, &s.N)
	case "seed":
		return protocol.ReadInt64(at, v, &s.Seed)
	case "presencePenalty":
		return protocol.ReadFloat(at, v, &s.PresencePenalty)
	case "frequencyPenalty":
		return protocol.ReadFloat(at, v, &s.FrequencyPenalty)
	case "stopSequences":
		return protocol.ReadTexts(at, v, &s.Stop)
	case "responseLogprobs":
		return protocol.ReadBool(at, v, &s.Logprobs)
	case "logprobs":
		return protocol.ReadInt(at, v, &s.TopLogprobs)
	case "responseMimeType":
		return d.mimeType(v)
	case "responseSchema", "responseJsonSchema":
		return d.schema(at, v)
	case "thinkingConfig":
		return d.thinking(at, v)
	default:
		d.extra("generationConfig."+name, v)
	}
	return nil
}

func (d *decoder) format() *llm.Format {
	if d.req.Format == nil {
		d.req.Format = &llm.Format{}
	}
	return d.req.Format
}

func (d *decoder) mimeType(v []byte) error {
	switch text(v) {
	case "text/plain", "":
	case "application/json":
		d.format()
	default:
		d.extra("generationConfig.responseMimeType", v)
	}
	return nil
}

func (d *decoder) schema(at *protocol.Path, v []byte) error {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return protocol.Wrong(at, "an object", v)
	}
	d.format().Schema = standardSchema(v)
	return nil
}

// thinking reads thinkingConfig: a level for newer models, a budget for older
// ones, where -1 leaves it to the model.
func (d *decoder) thinking(at *protocol.Path, v []byte) error {
	r := &llm.Reasoning{}
	d.req.Reasoning = r
	return members(at, v, func(at *protocol.Path, name string, v []byte) error {
		switch name {
		case "includeThoughts":
			var show bool
			if err := protocol.ReadFlag(at, v, &show); err != nil {
				return err
			}
			r.Summary = "omitted"
			if show {
				r.Summary = "auto"
			}
		case "thinkingBudget":
			if err := protocol.ReadInt(at, v, &r.Budget); err != nil {
				return err
			}
			if *r.Budget < 0 {
				r.Budget, r.Adaptive = nil, true
			}
		case "thinkingLevel":
			return level(at, v, &r.Effort)
		default:
			d.extra("generationConfig.thinkingConfig."+name, v)
		}
		return nil
	})
}

func level(at *protocol.Path, v []byte, effort *string) error {
	switch text(v) {
	case "MINIMAL":
		*effort = "minimal"
	case "LOW":
		*effort = "low"
	case "MEDIUM":
		*effort = "medium"
	case "HIGH":
		*effort = "high"
	case "THINKING_LEVEL_UNSPECIFIED":
	default:
		return protocol.Bad(at, "valid levels are MINIMAL, LOW, MEDIUM and HIGH")
	}
	return nil
}
