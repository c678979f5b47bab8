package tokens

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

func said(text string) []llm.Block { return []llm.Block{llm.Text{Text: text}} }

// published are prompts whose count a vendor's documentation states: the
// token-counting guide of Anthropic and the token-counting cookbook of OpenAI
// (the higher of its two numbers).
var published = []struct {
	name  string
	count int64
	most  float64 // how many times the count the guess may be
	req   llm.Request
	body  string
}{
	{
		name: "hello", count: 14, most: 1.7,
		req: llm.Request{
			System: said("You are a scientist"),
			Turns:  []llm.Turn{{Role: llm.User, Blocks: said("Hello, Claude")}},
		},
		body: `{"model":"claude-opus-4-5","system":"You are a scientist","messages":[{"role":"user","content":"Hello, Claude"}]}`,
	},
	{
		name: "one tool", count: 403, most: 1.35,
		req: llm.Request{
			Turns: []llm.Turn{{Role: llm.User, Blocks: said("What's the weather like in San Francisco?")}},
			Tools: []llm.Tool{{
				Kind: llm.FunctionTool, Name: "get_weather", Description: "Get the current weather in a given location",
				Schema: json.RawMessage(weatherSchema),
			}},
		},
		body: `{"model":"claude-opus-4-5","tools":[{"name":"get_weather",` +
			`"description":"Get the current weather in a given location","input_schema":` + weatherSchema + `}],` +
			`"messages":[{"role":"user","content":"What's the weather like in San Francisco?"}]}`,
	},
	{
		name: "cookbook", count: 129, most: 1.6,
		req:  cookbook(),
		body: cookbookBody(),
	},
}

const weatherSchema = `{"type":"object","properties":{"location":{"type":"string",` +
	`"description":"The city and state, e.g. San Francisco, CA"}},"required":["location"]}`

var cookbookTurns = [][3]string{
	{"system", "", "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
	{"system", "example_user", "New synergies will help drive top-line growth."},
	{"system", "example_assistant", "Things working well together will increase revenue."},
	{"system", "example_user", "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
	{"system", "example_assistant", "Let's talk later when we're less busy about how to do better."},
	{"user", "", "This late pivot means we don't have time to boil the ocean for the client deliverable."},
}

func cookbook() (r llm.Request) {
	for _, t := range cookbookTurns {
		r.Turns = append(r.Turns, llm.Turn{Role: llm.Role(t[0]), Name: t[1], Blocks: said(t[2])})
	}
	return r
}

func cookbookBody() string {
	var messages []string
	for _, t := range cookbookTurns {
		name := ""
		if t[1] != "" {
			name = fmt.Sprintf(`"name":%q,`, t[1])
		}
		messages = append(messages, fmt.Sprintf(`{"role":%q,%s"content":%q}`, t[0], name, t[2]))
	}
	return `{"model":"gpt-4","temperature":0,"messages":[` + strings.Join(messages, ",") + `]}`
}

func within(t *testing.T, what string, got, count int64, most float64) {
	t.Helper()
	if got < count || float64(got) > most*float64(count) {
		t.Errorf("%s: %d, want between %d and %.0f", what, got, count, most*float64(count))
	}
}

func TestPublished(t *testing.T) {
	for _, c := range published {
		t.Run(c.name, func(t *testing.T) {
			within(t, "request", EstimateRequest(&c.req), c.count, c.most)
			within(t, "body", Estimate([]byte(c.body)), c.count, c.most)
		})
	}
}

// Characters a token of plain text, as vendors state them: English about four
// (o200k) to three and a half (Claude), Chinese about one, code about three.
func TestText(t *testing.T) {
	for _, c := range []struct {
		name, text  string
		least, most float64 // characters (runes) a token
	}{
		{"English", strings.Repeat("The quick brown fox jumps over the lazy dog, and nobody has ever asked it why. ", 20), 2.6, 3.7},
		{"long words", strings.Repeat("Internationalisation considerations notwithstanding, characteristically incomprehensible. ", 20), 2.6, 4.2},
		{"Go code", strings.Repeat("func (c *counter) total() int64 {\n\tif c.sum > 0 {\n\t\treturn c.sum\n\t}\n}\n", 20), 1.6, 3.2},
		{"JSON", strings.Repeat(`{"name":"get_weather","arguments":{"city":"Paris","days":3}},`, 20), 1.6, 3.2},
		{"digits", strings.Repeat("314159265358979323846264338327950288", 20), 1.5, 3},
		{"hex", strings.Repeat("9f86d081884c7d659a2feaa0c55ad015", 20), 1.0, 2.5},
		{"Chinese", strings.Repeat("我们在上海的一家小餐馆里吃了饭，然后回家。", 20), 0.6, 1.1},
		{"Japanese", strings.Repeat("今日はとても天気がいいですね。", 20), 0.6, 1.1},
		{"Korean", strings.Repeat("오늘은 날씨가 아주 좋습니다. ", 20), 0.6, 1.3},
		{"Russian", strings.Repeat("Быстрая коричневая лиса прыгает через собаку. ", 20), 1.1, 2.2},
		{"German", strings.Repeat("Die Straße überquert größere Flüsse, während Händler müßig zusehen. ", 20), 2, 3.5},
		{"Arabic", strings.Repeat("الثعلب البني السريع يقفز فوق الكلب الكسول. ", 20), 0.8, 1.6},
		{"Hindi", strings.Repeat("तेज भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है। ", 20), 0.6, 1.3},
		{"emoji", strings.Repeat("🚀🎉😀", 20), 0.2, 0.5},
		{"indent", strings.Repeat("\n                x", 50), 5, 16},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n counter
			n.piece(c.text)
			if got := float64(len([]rune(c.text))) / float64(n.total()); got < c.least || got > c.most {
				t.Errorf("%.2f characters a token, want %.2f to %.2f", got, c.least, c.most)
			}
		})
	}
}

func TestPartsWeighAsOne(t *testing.T) {
	const s = "Hello wörld, 世界 🚀! func camelCase()\n\n\tx = 12345"
	var one, many counter
	one.piece(s)
	for _, r := range s {
		text(&many, string(r))
	}
	if one.total() != many.total() {
		t.Errorf("%d whole, %d in parts", one.total(), many.total())
	}
	quoted, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	escaped := strings.NewReplacer("ö", `\u00f6`, "世", `\u4e16`, "🚀", `\ud83d\ude80`).Replace(string(quoted))
	for _, body := range []string{string(quoted), escaped} {
		want := Estimate([]byte(`{"input":"`+""+`"}`)) + one.total()
		if got := Estimate([]byte(`{"input":` + body + `}`)); got != want {
			t.Errorf("%s: %d, want %d", body, got, want)
		}
	}
}

// picture returns an image of that size in each format, as base64.
func picture(t *testing.T, w, h int) map[string]string {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, w, h))
	out := map[string]string{}
	for name, encode := range map[string]func(b *bytes.Buffer) error{
		"image/png":  func(b *bytes.Buffer) error { return png.Encode(b, img) },
		"image/jpeg": func(b *bytes.Buffer) error { return jpeg.Encode(b, img, nil) },
		"image/gif":  func(b *bytes.Buffer) error { return gif.Encode(b, img, nil) },
		"image/webp": func(b *bytes.Buffer) error {
			_, err := b.Write(webp(w, h))
			return err
		},
	} {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatal(err)
		}
		out[name] = base64.StdEncoding.EncodeToString(b.Bytes())
	}
	return out
}

// webp returns the head of an extended WebP file.
func webp(w, h int) []byte {
	return append([]byte("RIFF....WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00"),
		byte(w-1), byte((w-1)>>8), 0, byte(h-1), byte((h-1)>>8), 0)
}

func TestImages(t *testing.T) {
	const want = 1000 * 600 / 750
	for mime, data := range picture(t, 1000, 600) {
		req := llm.Request{Turns: []llm.Turn{{Blocks: []llm.Block{llm.Media{Kind: llm.Image, MIME: mime, Data: data}}}}}
		within(t, mime, EstimateRequest(&req), want, 1.05)
		for _, body := range []string{
			`{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":%[1]q,"data":%[2]q}}]}]}`,
			`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:%[1]s;base64,%[2]s"}}]}]}`,
			`{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:%[1]s;base64,%[2]s"}]}]}`,
			`{"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":%[1]q,"data":%[2]q}}]}]}`,
			`{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[` +
				`{"source":{"data":%[2]q,"media_type":%[1]q,"type":"base64"},"type":"image"}]}]}]}`,
		} {
			within(t, mime, Estimate(fmt.Appendf(nil, body, mime, data)), want, 1.06)
		}
	}
	for name, data := range map[string]string{
		"broken": "iVBORw0KGgoAAAA", "unknown": "AAAA", "huge": base64.StdEncoding.EncodeToString(webp(5000, 3000)),
	} {
		req := llm.Request{Turns: []llm.Turn{{Blocks: []llm.Block{llm.Media{Kind: llm.Image, Data: data}}}}}
		if n := EstimateRequest(&req); n < unknownImage || n > mostImage+20 {
			t.Errorf("%s: %d", name, n)
		}
	}
	for _, body := range []string{
		`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}`,
		`{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"file_1"}}]}]}`,
		`{"contents":[{"role":"user","parts":[{"fileData":{"fileUri":"gs://x","mimeType":"image/png"}}]}]}`,
	} {
		within(t, body, Estimate([]byte(body)), unknownImage, 1.03)
	}
	if n := Estimate([]byte(`{"messages":[{"role":"assistant","content":[{"type":"tool_use","input":{"url":"https://x.io"}}]}]}`)); n > 60 {
		t.Errorf("an address that is an argument weighs %d", n)
	}
}

func TestDocuments(t *testing.T) {
	pdf := func(pages int) string {
		b := []byte("%PDF-1.7\n1 0 obj << /Type /Pages /Count 3 >>\n")
		for range pages {
			b = append(b, "<< /Type /Page /Parent 1 0 R >>"+strings.Repeat("x", 40_000)+"\n<</Type/Pages>>"...)
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	for _, c := range []struct {
		name string
		m    llm.Media
		want int64
		most float64
	}{
		{"three pages", llm.Media{Data: pdf(3)}, 3 * perPage, 1.01},
		{"one page", llm.Media{Data: pdf(1)}, 2188, 1.5}, // the guide's one-page example
		{"packed", llm.Media{Data: base64.StdEncoding.EncodeToString(append([]byte("%PDF-1.7"), make([]byte, 100_000)...))}, 4 * perPage, 1.01},
		{"text", llm.Media{Text: strings.Repeat("word ", 100)}, 100, 1.6},
		{"text as base64", llm.Media{Data: base64.StdEncoding.EncodeToString([]byte(strings.Repeat("word ", 100)))}, 100, 1.6},
		{"file id", llm.Media{FileID: "file_1"}, perPage, 1.01},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.m.Kind = llm.Document
			req := llm.Request{Turns: []llm.Turn{{Blocks: []llm.Block{c.m}}}}
			within(t, "request", EstimateRequest(&req), c.want, c.most)
			if strings.HasPrefix(c.m.Data, pdfHead) {
				body := `{"messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,` +
					c.m.Data + `"}}]}]}`
				within(t, "body", Estimate([]byte(body)), c.want, c.most+0.01)
			}
		})
	}
	req := llm.Request{Turns: []llm.Turn{{Blocks: []llm.Block{llm.Media{Kind: llm.Audio, Data: strings.Repeat("A", 64_000)}}}}}
	sound := `{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"` +
		strings.Repeat("A", 64_000) + `","format":"mp3"}}]}]}`
	within(t, "sound", EstimateRequest(&req), 48_000/soundBytes, 1.2)
	within(t, "sound", Estimate([]byte(sound)), 48_000/soundBytes, 1.2)
}

// Every kind of block must weigh something, or a client never notices that its
// window fills.
func TestEveryBlockWeighs(t *testing.T) {
	words := strings.Repeat("some words here ", 50)
	base := llm.Request{Turns: []llm.Turn{{Role: llm.User}}}
	for name, block := range map[string]llm.Block{
		"text":         llm.Text{Text: words},
		"citations":    llm.Text{Citations: []llm.Opaque{{Raw: json.RawMessage(words)}}},
		"image":        llm.Media{Kind: llm.Image, URL: "https://example.com"},
		"document":     llm.Media{Kind: llm.Document, Text: words},
		"context":      llm.Media{Kind: llm.Document, FileID: "x", Context: words},
		"video":        llm.Media{Kind: llm.Video, URL: "https://example.com"},
		"thought":      llm.Thought{Text: words},
		"sealed":       llm.Thought{Seal: strings.Repeat("A", 4000), Redacted: true},
		"call":         llm.ToolCall{Name: "run", Arguments: words},
		"result":       llm.ToolResult{Blocks: said(words)},
		"result image": llm.ToolResult{Blocks: []llm.Block{llm.Media{Kind: llm.Image, FileID: "x"}}},
		"refusal":      llm.Refusal{Text: words},
		"opaque":       llm.Opaque{Raw: json.RawMessage(words)},
	} {
		req := llm.Request{Turns: []llm.Turn{{Role: llm.User, Blocks: []llm.Block{block}}}}
		if n := EstimateRequest(&req) - EstimateRequest(&base); n < 150 {
			t.Errorf("%s weighs %d", name, n)
		}
	}
	for name, req := range map[string]llm.Request{
		"system":  {System: said(words)},
		"schema":  {Tools: []llm.Tool{{Name: "x", Schema: json.RawMessage(words)}}},
		"custom":  {Tools: []llm.Tool{{Name: "x", Kind: llm.CustomTool, Grammar: &llm.Grammar{Definition: words}}}},
		"hosted":  {Tools: []llm.Tool{{Name: "web_search", Kind: llm.HostedTool}}},
		"format":  {Format: &llm.Format{Schema: json.RawMessage(words)}},
		"unknown": {Extra: []llm.Opaque{{Raw: json.RawMessage(words)}}},
	} {
		if n := EstimateRequest(&req); n < 150 {
			t.Errorf("%s weighs %d", name, n)
		}
	}
	deferred := llm.Request{Tools: []llm.Tool{{Name: "x", Deferred: true, Schema: json.RawMessage(words)}}}
	if n := EstimateRequest(&deferred); n > anyTool+perTool+perRequest+5 {
		t.Errorf("a deferred tool weighs %d", n)
	}
}

func TestSettingsWeighNothing(t *testing.T) {
	plain := Estimate([]byte(`{"messages":[{"role":"user","content":"hi"}]}`))
	full := Estimate([]byte(`{"model":"gpt-5.5-with-a-long-name","stream":true,"max_tokens":64000,"temperature":0.25,` +
		`"metadata":{"user_id":"` + strings.Repeat("abc123", 30) + `"},"stream_options":{"include_usage":true},"tools":[],` +
		`"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral","ttl":"1h"}}]}]}`))
	if plain != full {
		t.Errorf("%d plain, %d with settings", plain, full)
	}
}

func FuzzEstimate(f *testing.F) {
	for _, c := range published {
		f.Add([]byte(c.body))
	}
	f.Add([]byte(strings.Repeat("[", 5000)))
	f.Add([]byte(`{"input":"\ud83d\u`))
	f.Add([]byte(`{"a":{"url":"data:x;base64,iVBORw0KGgo`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if n := Estimate(body); n < perRequest || n > perRequest+anyTool+mostPages*perPage+10_000*int64(len(body)+1) {
			t.Errorf("%d tokens in %d bytes", n, len(body))
		}
	})
}

func BenchmarkEstimate(b *testing.B) {
	words := strings.Repeat("The quick brown fox jumps over the lazy dog.\\nfunc main() { return 42 }\\n", 2700)
	body := []byte(`{"model":"x","messages":[{"role":"user","content":"` + words + `"}]}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		Estimate(body)
	}
}
