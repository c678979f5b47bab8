package loopback

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"net"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
)

// packing is a codec whose clients want base64.
type packing struct{ notes }

func (*packing) Peek(llm.Operation, []byte) (protocol.Head, error) {
	return protocol.Head{Base64: true}, nil
}

type embeddings struct {
	Object string
	Model  string
	Data   []struct {
		Object    string
		Index     int
		Embedding json.RawMessage
	}
	Usage *struct {
		Prompt int64 `json:"prompt_tokens"`
		Total  int64 `json:"total_tokens"`
	}
}

func embed(t *testing.T, codec protocol.Codec, model, body string) (status int, text string) {
	t.Helper()
	p := New(map[llm.Protocol]protocol.Codec{llm.Chat: codec}, Options{})
	resp, err := p.Do(t.Context(), &provider.Request{
		Operation: llm.Embed, Protocol: llm.Chat, Model: model, Body: net.Buffers{[]byte(body[:1]), []byte(body[1:])},
	})
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, heard(t, resp)
}

func TestEmbeddings(t *testing.T) {
	for _, tt := range []struct {
		name, body, model   string
		vectors, dimensions int
		tokens              int64
		wantModel           string
	}{
		{"a text", `{"input":"hello"}`, "loopback", 1, 1536, 2, "loopback"},
		{"texts", `{"input":["hello","hello","you"],"dimensions":8}`, "loopback", 3, 8, 5, "loopback"},
		{"tokens", `{"input":[1,2,3],"dimensions":256}`, "loopback", 1, 256, 3, "loopback"},
		{"lists of tokens", `{"input":[[1,2,3],[4]],"dimensions":1}`, "loopback", 2, 1, 4, "loopback"},
		{"no dimensions", `{"input":"x","dimensions":null}`, "loopback", 1, 1536, 1, "loopback"},
		{"wrong usage", `{"input":"hello"}`, "loopback:usage=wrong,swap=other", 1, 1536, 20, "other"},
		{"no usage", `{"input":"hello"}`, "loopback:usage=none", 1, 1536, -1, "loopback:usage=none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var plain, packed embeddings
			status, text := embed(t, &notes{}, tt.model, tt.body)
			if err := json.Unmarshal([]byte(text), &plain); err != nil || status != 200 {
				t.Fatalf("%d %s: %v", status, text, err)
			}
			_, text = embed(t, &packing{}, tt.model, tt.body)
			if err := json.Unmarshal([]byte(text), &packed); err != nil {
				t.Fatal(err)
			}
			if len(plain.Data) != tt.vectors || plain.Model != tt.wantModel || plain.Object != "list" {
				t.Fatalf("%+v", plain)
			}
			for i := range plain.Data {
				var floats []float32
				if err := json.Unmarshal(plain.Data[i].Embedding, &floats); err != nil {
					t.Fatal(err)
				}
				sameVector(t, floats, packed.Data[i].Embedding)
				if len(floats) != tt.dimensions || plain.Data[i].Index != i || plain.Data[i].Object != "embedding" {
					t.Errorf("vector %d: %d dimensions, index %d", i, len(floats), plain.Data[i].Index)
				}
			}
			used := int64(-1)
			if plain.Usage != nil {
				used = plain.Usage.Prompt
			}
			if used != tt.tokens {
				t.Errorf("%d tokens, want %d", used, tt.tokens)
			}
		})
	}
}

// sameVector checks the length of a vector and its other form.
func sameVector(t *testing.T, floats []float32, packed json.RawMessage) {
	t.Helper()
	var text string
	if err := json.Unmarshal(packed, &text); err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != 4*len(floats) {
		t.Fatalf("%d bytes for %d numbers: %v", len(raw), len(floats), err)
	}
	square := 0.0
	for i, x := range floats {
		square += float64(x) * float64(x)
		if math.Float32bits(x) != binary.LittleEndian.Uint32(raw[4*i:]) {
			t.Fatalf("number %d differs", i)
		}
	}
	if math.Abs(square-1) > 1e-4 {
		t.Errorf("a vector of length %f", math.Sqrt(square))
	}
}

func TestEqualTextsHaveEqualVectors(t *testing.T) {
	var got embeddings
	_, text := embed(t, &notes{}, "loopback", `{"input":["h\u0065llo","hello","hallo"],"dimensions":16}`)
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	a, b, c := string(got.Data[0].Embedding), string(got.Data[1].Embedding), string(got.Data[2].Embedding)
	if a != b || a == c {
		t.Errorf("%s\n%s\n%s", a, b, c)
	}
}

func TestBadEmbeddings(t *testing.T) {
	for _, body := range []string{
		`{}`, `{"input":null}`, `{"input":[]}`, `{"input":{}}`, `{"input":[1,"a"]}`, `{"input":[true]}`, `{"input":7}`, "{\"input\":\"\xff\"}",
		`{"input":"x","dimensions":0}`, `{"input":"x","dimensions":1.5}`, `{"input":"x","dimensions":99999}`, `{"input":"x","dimensions":"8"}`,
		`{"input":["` + strings.Repeat(`a","`, maxInputs) + `a"]}`,
	} {
		if status, text := embed(t, &notes{}, "loopback", body); status != 418 || !strings.HasPrefix(text, "invalid: ") {
			t.Errorf("%.60s: %d %.80s", body, status, text)
		}
	}
}

func TestFaultsOfEmbeddings(t *testing.T) {
	if status, _ := embed(t, &notes{}, "loopback:status=500", `{"input":"x"}`); status != 500 {
		t.Errorf("status %d", status)
	}
	if _, text := embed(t, &notes{}, "loopback:cut=0", `{"input":"x"}`); !strings.HasSuffix(text, "!unexpected EOF") {
		t.Errorf("%.80s", text)
	}
}
