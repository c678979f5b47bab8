package loopback

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Bounds of embeddings.
const (
	usualDimensions = 1536
	maxDimensions   = 8192
	maxInputs       = 2048
)

// embed answers with unit vectors that hang on nothing but the input: the
// same text has the same vector in every process.
func (c *call) embed() *http.Response {
	if err := protocol.BodyError(c.body, jsonscan.Valid(c.body)); err != nil {
		return c.refuse(llm.AsError(err), 0)
	}
	inputs, err := embedInputs(jsonscan.Get(c.body, "input"))
	if err != nil {
		return c.refuse(err, 0)
	}
	dimensions := int64(usualDimensions)
	if v := jsonscan.Get(c.body, "dimensions"); !jsonscan.IsNull(v) {
		n, ok := jsonscan.Int(v)
		if !ok || n < 1 || n > maxDimensions {
			return c.refuse(llm.InvalidField("dimensions", "dimensions is a whole number from 1 to %d.", maxDimensions), 0)
		}
		dimensions = n
	}
	return c.whole(c.embeddings(inputs, int(dimensions)))
}

// embedInputs takes the input apart: a text, texts, tokens, or lists of
// tokens. Each is returned as it was written.
func embedInputs(input []byte) ([][]byte, *llm.Error) {
	bad := func() *llm.Error {
		return llm.InvalidField("input", "input is a string, an array of strings, an array of tokens or an array of arrays of tokens, not empty.")
	}
	if len(input) == 0 {
		err := llm.InvalidField("input", "Missing required parameter: 'input'.")
		err.Code = "missing_required_parameter"
		return nil, err
	}
	if jsonscan.KindOf(input) == jsonscan.String {
		return [][]byte{input}, nil
	}
	if jsonscan.KindOf(input) != jsonscan.Array {
		return nil, bad()
	}
	var all [][]byte
	kind := jsonscan.Invalid
	it := jsonscan.Elements(input)
	for it.Next() {
		k := jsonscan.KindOf(it.Value())
		if kind != jsonscan.Invalid && k != kind || k != jsonscan.String && k != jsonscan.Number && k != jsonscan.Array {
			return nil, bad()
		}
		kind = k
		all = append(all, it.Value())
	}
	switch {
	case it.Err() != nil || len(all) == 0:
		return nil, bad()
	case kind == jsonscan.Number:
		return [][]byte{input}, nil
	case len(all) > maxInputs:
		return nil, llm.InvalidField("input", "input has more than %d elements.", maxInputs)
	}
	return all, nil
}

func (c *call) embeddings(inputs [][]byte, dimensions int) []byte {
	out := []byte(`{"object":"list","data":[`)
	var used int64
	vector := make([]float32, dimensions)
	for i, input := range inputs {
		if i > 0 {
			out = append(out, ',')
		}
		used += embedTokens(input)
		unit(vector, input)
		out = append(out, `{"object":"embedding","index":`...)
		out = strconv.AppendInt(out, int64(i), 10)
		out = append(out, `,"embedding":`...)
		if c.head.Base64 {
			out = appendBase64(out, vector)
		} else {
			out = appendFloats(out, vector)
		}
		out = append(out, '}')
	}
	out = append(out, `],"model":`...)
	model := c.head.Model
	if c.words.swap != "" {
		model = c.words.swap
	}
	out = jsonscan.AppendString(out, model)
	switch c.words.usage {
	case "none":
		return append(out, '}')
	case "wrong":
		used *= wrongBy
	}
	out = append(out, `,"usage":{"prompt_tokens":`...)
	out = strconv.AppendInt(out, used, 10)
	out = append(out, `,"total_tokens":`...)
	out = strconv.AppendInt(out, used, 10)
	return append(out, `}}`...)
}

// embedTokens counts the elements of a list of tokens, and a text as always.
func embedTokens(input []byte) int64 {
	if text, ok := jsonscan.Text(input); ok {
		return tokens(text)
	}
	var n int64
	for it := jsonscan.Elements(input); it.Next(); {
		n++
	}
	return n
}

// unit fills a vector of length one from the hash of the input.
func unit(vector []float32, input []byte) {
	if text, ok := jsonscan.Text(input); ok {
		input = []byte(text)
	}
	sum := sha256.Sum256(input)
	rnd := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])))
	var square float64
	for i := range vector {
		x := rnd.NormFloat64()
		vector[i] = float32(x)
		square += x * x
	}
	scale := 1 / math.Sqrt(square)
	for i := range vector {
		vector[i] = float32(float64(vector[i]) * scale)
	}
}

func appendFloats(dst []byte, vector []float32) []byte {
	dst = append(dst, '[')
	for i, x := range vector {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendFloat(dst, float64(x), 'g', -1, 32)
	}
	return append(dst, ']')
}

func appendBase64(dst []byte, vector []float32) []byte {
	raw := make([]byte, 0, 4*len(vector))
	for _, x := range vector {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, raw)
	return append(dst, '"')
}
