package chat

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

var _ protocol.Embedder = (*Codec)(nil)

// DecodeEmbed reads a request for embeddings. The form in which the client
// wants them is in its head.
func (*Codec) DecodeEmbed(body []byte) (*llm.EmbedRequest, error) {
	req := &llm.EmbedRequest{}
	err := protocol.EachMember(nil, body, func(name string, v []byte) error {
		switch at := top(name); name {
		case "input":
			return embedInput(at, v, &req.Inputs)
		case "dimensions":
			return protocol.ReadInt(at, v, &req.Dimensions)
		case "user":
			return protocol.ReadText(at, v, &req.EndUser)
		}
		return nil
	})
	if err == nil && len(req.Inputs) == 0 {
		err = protocol.Missing(top("input"))
	}
	if err != nil {
		return nil, inWords(err)
	}
	return req, nil
}

// embedInput reads a text or a list of texts. Tokens are those of the vendor's
// own models and mean nothing to others.
func embedInput(at *protocol.Path, v []byte, dst *[]string) error {
	if s, ok := jsonscan.Text(v); ok {
		*dst = []string{s}
		return nil
	}
	return protocol.EachElement(at, v, func(v []byte, at *protocol.Path) error {
		s, ok := jsonscan.Text(v)
		if !ok {
			return protocol.Bad(at, "this model embeds text only, no tokens")
		}
		*dst = append(*dst, s)
		return nil
	})
}

// EncodeEmbed writes a request for embeddings as numbers.
func (*Codec) EncodeEmbed(req *llm.EmbedRequest, to protocol.Target) ([]byte, []llm.Finding, error) {
	var findings []llm.Finding
	for _, left := range [...]struct {
		field string
		said  bool
	}{{"taskType", req.Task != ""}, {"title", req.Titles != nil}} {
		if left.said {
			findings = append(findings, llm.Finding{Class: llm.Dropped, Field: left.field, Reason: "not_supported"})
		}
	}
	b := text([]byte{'{'}, "model", to.Model)
	b = append(key(b, "input"), '[')
	for _, input := range req.Inputs {
		b = jsonscan.AppendString(next(b), input)
	}
	b = append(b, ']')
	if req.Dimensions != nil {
		b = number(b, "dimensions", int64(*req.Dimensions))
	}
	if req.EndUser != "" {
		b = text(b, "user", req.EndUser)
	}
	return append(b, '}'), findings, nil
}

// DecodeVectors reads embeddings in either encoding.
func (*Codec) DecodeVectors(body []byte) (*llm.Vectors, error) {
	var c chunk
	if c.read(body) != nil || c.failure() == nil && jsonscan.KindOf(c.data) != jsonscan.Array {
		return nil, nonsense()
	}
	if failure := c.failure(); failure != nil {
		return nil, failure
	}
	out := &llm.Vectors{Model: textOf(c.model)}
	out.Usage, _ = usageIn(c.usage, nil)
	var places []int64
	for it := jsonscan.Elements(c.data); it.Next(); {
		v, _ := embedding(it.Value())
		if jsonscan.KindOf(v) == jsonscan.String {
			numbers, ok := toNumbers(nil, v)
			if !ok {
				return nil, nonsense()
			}
			v = numbers
		}
		if jsonscan.KindOf(v) != jsonscan.Array {
			return nil, nonsense()
		}
		place, ok := jsonscan.Int(jsonscan.Get(it.Value(), "index"))
		if !ok {
			place = int64(len(places))
		}
		i, _ := slices.BinarySearch(places, place+1) // behind its equals
		places, out.List = slices.Insert(places, i, place), slices.Insert(out.List, i, v)
	}
	if len(out.List) == 0 {
		return nil, nonsense()
	}
	return out, nil
}

// EncodeVectors writes embeddings in the encoding that the client asked for.
func (c *Codec) EncodeVectors(v *llm.Vectors, head protocol.Head) []byte {
	b := []byte(`{"object":"list","data":[`)
	for i, values := range v.List {
		b = number(append(next(b), `{"object":"embedding"`...), "index", int64(i))
		b = append(append(key(b, "embedding"), values...), '}')
	}
	b = text(append(b, ']'), "model", v.Model)
	used := head.EstimatedInput // clients expect a number
	if v.Usage.Input.Known {
		used = v.Usage.InputTotal()
	}
	b = append(key(b, "usage"), '{')
	b = number(number(b, "prompt_tokens", used), "total_tokens", used)
	return c.Mend(head, append(b, "}}"...))
}

// floatBytes is the size of one number of an embedding in base64.
const floatBytes = 4

// Mend turns embeddings into the encoding that the client asked for, where the
// upstream ignored the wish. What needs no change, or cannot be changed, is
// returned as it is.
func (*Codec) Mend(head protocol.Head, body []byte) []byte {
	if head.Operation != llm.Embed {
		return body
	}
	var list []byte
	listAt := 0
	for it := jsonscan.Members(body); it.Next(); {
		if string(it.Key()) == "data" {
			list = it.Value()
			listAt, _ = it.Span()
		}
	}
	if jsonscan.KindOf(list) != jsonscan.Array {
		return body
	}
	var out []byte
	done := 0 // bytes of body that are in out
	for it := jsonscan.Elements(list); it.Next(); {
		start, _ := it.Span()
		v, at := embedding(it.Value())
		at += listAt + start
		want, other := jsonscan.Array, jsonscan.String
		if head.Base64 {
			want, other = other, want
		}
		if jsonscan.KindOf(v) != other {
			if jsonscan.KindOf(v) != want {
				return body
			}
			continue
		}
		out = append(out, body[done:at]...)
		var ok bool
		if out, ok = recode(out, v); !ok {
			return body
		}
		done = at + len(v)
	}
	if out == nil {
		return body
	}
	return append(out, body[done:]...)
}

// embedding returns the value of that member and where it begins.
func embedding(element []byte) (v []byte, at int) {
	if jsonscan.KindOf(element) != jsonscan.Object {
		return nil, 0
	}
	for it := jsonscan.Members(element); it.Next(); {
		if string(it.Key()) == "embedding" {
			v = it.Value()
			at, _ = it.Span()
		}
	}
	return v, at
}

// recode appends the other encoding of an embedding.
func recode(dst, v []byte) ([]byte, bool) {
	if jsonscan.KindOf(v) == jsonscan.Array {
		return toBase64(dst, v)
	}
	return toNumbers(dst, v)
}

func toBase64(dst, v []byte) ([]byte, bool) {
	vector := make([]byte, 0, len(v)/2)
	it := jsonscan.Elements(v)
	for it.Next() {
		f, ok := jsonscan.Float(it.Value())
		if !ok {
			return dst, false
		}
		vector = binary.LittleEndian.AppendUint32(vector, math.Float32bits(float32(f)))
	}
	dst = base64.StdEncoding.AppendEncode(append(dst, '"'), vector)
	return append(dst, '"'), it.Err() == nil
}

func toNumbers(dst, v []byte) ([]byte, bool) {
	vector, err := base64.StdEncoding.DecodeString(textOf(v))
	if err != nil || len(vector)%floatBytes != 0 {
		return dst, false
	}
	dst = append(dst, '[')
	for ; len(vector) > 0; vector = vector[floatBytes:] {
		f := float64(math.Float32frombits(binary.LittleEndian.Uint32(vector)))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return dst, false
		}
		dst = strconv.AppendFloat(next(dst), f, 'g', -1, 32)
	}
	return append(dst, ']'), true
}
