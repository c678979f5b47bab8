package chat

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

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
