package gemini

import (
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

var _ protocol.Embedder = (*Codec)(nil)

// DecodeEmbed reads a request of embedContent, or of batchEmbedContents, which
// holds several of the former.
func (*Codec) DecodeEmbed(body []byte) (*llm.EmbedRequest, error) {
	req := &llm.EmbedRequest{}
	var err error
	if batch := jsonscan.Get(body, "requests"); batch != nil {
		err = protocol.EachElement(top("requests"), batch, func(v []byte, at *protocol.Path) error {
			return embedOne(req, at, v)
		})
	} else {
		err = embedOne(req, nil, body)
	}
	if err == nil && len(req.Inputs) == 0 {
		err = protocol.Missing(top("content"))
	}
	if err != nil {
		return nil, invalid(body, err)
	}
	return req, nil
}

// embedOne reads one request and adds its input.
func embedOne(req *llm.EmbedRequest, at *protocol.Path, v []byte) error {
	title, input, has := "", "", false
	err := members(at, v, func(at *protocol.Path, name string, v []byte) error {
		switch name {
		case "content":
			has = true
			return embedText(at, v, &input)
		case "taskType":
			return protocol.ReadText(at, v, &req.Task)
		case "title":
			return protocol.ReadText(at, v, &title)
		case "outputDimensionality":
			return protocol.ReadInt(at, v, &req.Dimensions)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case !has:
		return protocol.Missing(at.Member("content"))
	}
	req.Inputs = append(req.Inputs, input)
	if title != "" || req.Titles != nil {
		req.Titles = append(append(req.Titles, make([]string, len(req.Inputs)-1-len(req.Titles))...), title)
	}
	return nil
}

// embedText reads the text of a content. Other protocols embed nothing else.
func embedText(at *protocol.Path, v []byte, dst *string) error {
	var pieces []string
	err := members(at, v, func(at *protocol.Path, name string, v []byte) error {
		if name != "parts" {
			return nil
		}
		return protocol.EachElement(at, v, func(v []byte, at *protocol.Path) error {
			piece := jsonscan.Get(v, "text")
			if piece == nil {
				return protocol.Bad(at, "only text can be embedded by this model")
			}
			var s string
			if err := protocol.ReadText(at.Member("text"), piece, &s); err != nil {
				return err
			}
			pieces = append(pieces, s)
			return nil
		})
	})
	*dst = strings.Join(pieces, "\n")
	return err
}

// EncodeEmbed writes a request of batchEmbedContents.
func (*Codec) EncodeEmbed(req *llm.EmbedRequest, to protocol.Target) ([]byte, []llm.Finding, error) {
	var findings []llm.Finding
	if req.EndUser != "" {
		findings = append(findings, llm.Finding{Class: llm.Dropped, Field: "user", Reason: notSupported})
	}
	model := jsonscan.AppendString(nil, "models/"+to.Model)
	each := make([][]byte, len(req.Inputs))
	for i, input := range req.Inputs {
		one := append(append([]byte(`{"model":`), model...), `,"content":{"parts":[`...)
		one = append(append(one, textPart(input)...), "]}"...)
		if req.Task != "" {
			one = jsonscan.AppendString(append(one, `,"taskType":`...), req.Task)
		}
		if i < len(req.Titles) && req.Titles[i] != "" {
			one = jsonscan.AppendString(append(one, `,"title":`...), req.Titles[i])
		}
		if req.Dimensions != nil {
			one = appendInt(append(one, `,"outputDimensionality":`...), int64(*req.Dimensions))
		}
		each[i] = append(one, '}')
	}
	return append(appendArray([]byte(`{"requests":`), each), '}'), findings, nil
}

// DecodeVectors reads the answer to either method.
func (*Codec) DecodeVectors(body []byte) (*llm.Vectors, error) {
	if failure := jsonscan.Get(body, "error"); failure != nil {
		return nil, failureIn(failure)
	}
	v := &llm.Vectors{}
	add := func(embedding []byte) bool {
		values := jsonscan.Get(embedding, "values")
		v.List = append(v.List, values)
		return jsonscan.KindOf(values) == jsonscan.Array
	}
	good := true
	if one := jsonscan.Get(body, "embedding"); one != nil {
		good = add(one)
	}
	for it := jsonscan.Elements(jsonscan.Get(body, "embeddings")); it.Next(); {
		good = add(it.Value()) && good
	}
	if err := jsonscan.Valid(body); err != nil || !good || len(v.List) == 0 {
		return nil, notAnswer(err)
	}
	v.Usage, _ = readUsage(jsonscan.Get(body, "usageMetadata"))
	return v, nil
}

// EncodeVectors writes the answer to the method that was called.
func (*Codec) EncodeVectors(v *llm.Vectors, head protocol.Head) []byte {
	each := make([][]byte, len(v.List))
	for i, values := range v.List {
		each[i] = append(append([]byte(`{"values":`), values...), '}')
	}
	var out []byte
	if head.Batch {
		out = appendArray([]byte(`{"embeddings":`), each)
	} else {
		out = append([]byte(`{"embedding":`), each[0]...)
	}
	if v.Usage.Input.Known {
		out = append(appendInt(append(out, `,"usageMetadata":{"promptTokenCount":`...), v.Usage.InputTotal()), '}')
	}
	return append(out, '}')
}
