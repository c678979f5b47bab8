package chat

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// maxStops is how many stop sequences a request may have.
const maxStops = 4

// sampling reads what shapes how tokens are drawn. It reports whether the
// field is one of those.
func (d *decoder) sampling(at *protocol.Path, name string, v []byte) (known bool, err error) {
	s := &d.req.Sampling
	switch name {
	case "max_tokens", "max_completion_tokens":
		return true, d.maxTokens(at, name, v)
	case "temperature":
		return true, readBetween(at, v, &s.Temperature, 0, 2)
	case "top_p":
		return true, readBetween(at, v, &s.TopP, 0, 1)
	case "presence_penalty":
		return true, readBetween(at, v, &s.PresencePenalty, -2, 2)
	case "frequency_penalty":
		return true, readBetween(at, v, &s.FrequencyPenalty, -2, 2)
	case "top_k":
		return true, protocol.ReadInt(at, v, &s.TopK)
	case "seed":
		return true, protocol.ReadInt64(at, v, &s.Seed)
	case "n":
		return true, readCount(at, v, &s.N, 1, 128)
	case "logprobs":
		return true, protocol.ReadBool(at, v, &s.Logprobs)
	case "top_logprobs":
		return true, readCount(at, v, &s.TopLogprobs, 0, 20)
	case "logit_bias":
		return true, readObject(at, v, &s.LogitBias)
	case "stop":
		return true, d.stop(at, v)
	}
	return false, nil
}

// maxTokens reads the output cap under its new or its old name; the new one
// wins.
func (d *decoder) maxTokens(at *protocol.Path, name string, v []byte) error {
	var n *int
	if err := readCount(at, v, &n, 0, 1<<31); err != nil {
		return err
	}
	if isNew := name == "max_completion_tokens"; isNew || !d.newTokens {
		d.req.Sampling.MaxTokens, d.newTokens = n, isNew
	}
	return nil
}

func (d *decoder) stop(at *protocol.Path, v []byte) error {
	s := &d.req.Sampling
	if jsonscan.KindOf(v) == jsonscan.String {
		s.Stop = []string{textOf(v)}
		return nil
	}
	if err := protocol.ReadTexts(at, v, &s.Stop); err != nil {
		return err
	}
	if len(s.Stop) > maxStops {
		return &protocol.FieldError{
			At: at, Code: "array_above_max_length",
			Text: "array too long. Expected an array with maximum length 4",
		}
	}
	return nil
}

func readBetween(at *protocol.Path, v []byte, dst **float64, least, most float64) error {
	if err := protocol.ReadFloat(at, v, dst); err != nil {
		return err
	}
	return within(at, **dst, least, most)
}

func readCount(at *protocol.Path, v []byte, dst **int, least, most float64) error {
	if err := protocol.ReadInt(at, v, dst); err != nil {
		return err
	}
	return within(at, float64(**dst), least, most)
}

func within(at *protocol.Path, f, least, most float64) error {
	switch {
	case f < least:
		return outside(at, false, least, f)
	case f > most:
		return outside(at, true, most, f)
	}
	return nil
}
