package api_test

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tokligence/tokligence-gateway/go/internal/api"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

func plainUpstream(name string) *upstream {
	return &upstream{name: name, speaks: []llm.Protocol{llm.Plain}}
}

// drained returns the rows when no call is in flight any more.
func (g *gateway) drained(t *testing.T) []ledger.Entry {
	t.Helper()
	for {
		idle := g.ledger.Stats().InFlight == 0
		if err := g.ledger.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if idle {
			return g.store.Rows()
		}
		runtime.Gosched()
	}
}

func TestPlainPassesAndMeters(t *testing.T) {
	for name, tt := range map[string]struct {
		path, ask, answer string
		op                llm.Operation
		used              llm.Usage
	}{
		"completion": {
			"/v1/completions", `{"model":"gpt-i","prompt":"Hi","odd":{"a":1}}`,
			`{"id":"c","object":"text_completion","choices":[{"text":"x","index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}`,
			llm.Complete,
			llm.Usage{Input: llm.Known(7), Output: llm.Known(3), Source: llm.Reported},
		},
		"image": {
			"/v1/images/generations", `{"model":"gpt-image","prompt":"a cat","n":1}`,
			`{"created":1,"data":[{"b64_json":"AA=="}],"usage":{"total_tokens":150,"input_tokens":50,"output_tokens":100,"input_tokens_details":{"text_tokens":40,"image_tokens":10}}}`,
			llm.GenerateImage,
			llm.Usage{Input: llm.Known(40), ImageIn: llm.Known(10), ImageOut: llm.Known(100), Source: llm.Reported},
		},
		"image, nothing said": {
			"/v1/images/generations", `{"model":"gpt-image","prompt":"a cat"}`, `{"created":1,"data":[{"url":"https://x/y"}]}`,
			llm.GenerateImage,
			llm.Usage{},
		},
		"moderation": {
			"/v1/moderations", `{"model":"gpt-m","input":["a"]}`, `{"id":"m","model":"gpt-m","results":[{"flagged":false}]}`,
			llm.Moderate,
			llm.Usage{},
		},
		"rerank in tokens": {
			"/v1/rerank", `{"model":"gpt-r","query":"q","documents":["a"]}`,
			`{"model":"gpt-r","usage":{"total_tokens":15},"results":[{"index":0,"relevance_score":0.5}]}`,
			llm.Rerank,
			llm.Usage{Input: llm.Known(15), Source: llm.Reported},
		},
		"rerank in search units": {
			"/v2/rerank", `{"model":"gpt-r","query":"q","documents":["a"]}`,
			`{"id":"r","results":[{"index":0,"relevance_score":0.5}],"meta":{"billed_units":{"search_units":1}}}`,
			llm.Rerank,
			llm.Usage{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			up := plainUpstream("openai")
			up.do = answer(200, tt.answer)
			g := open(t, setup{}, up)
			got := g.ask(t, "POST", tt.path, strings.NewReader(tt.ask))
			if asked, _ := up.last(); got.status != 200 || got.body != tt.answer || asked != tt.ask {
				t.Fatalf("%d %s\nasked %s", got.status, got.body, asked)
			}
			rows := g.drained(t)
			if len(rows) != 1 || rows[0].Operation != tt.op || rows[0].Outcome != ledger.Complete || rows[0].Cost.Known {
				t.Fatalf("rows %+v", rows)
			}
			got1 := rows[0].Usage
			if !tt.used.Empty() || tt.used.ImageOut.Known {
				if got1 != tt.used {
					t.Errorf("used %+v, want %+v", got1, tt.used)
				}
			} else if !got1.Empty() {
				t.Errorf("used %+v, want nothing known", got1)
			}
		})
	}
}

func form(t *testing.T, fields ...string) (body, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	file, err := w.CreateFormFile("file", "model.wav")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.Write([]byte("RIFF\x00\xff--" + w.Boundary() + "\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nother"))
	for i := 0; i < len(fields); i += 2 {
		if err := w.WriteField(fields[i], fields[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

func TestForms(t *testing.T) {
	up := plainUpstream("openai")
	up.do = answer(200, "1\n00:00 --> 00:01\nHi\n", "Content-Type", "text/plain; charset=utf-8")
	g := open(t, setup{alias: []route.Alias{{From: "mine", To: "openai/gpt-whisper"}}}, up)
	for name, tt := range map[string]struct {
		fields []string
		status int
		want   string // the model that the upstream reads
	}{
		"as it is":    {[]string{"model", "gpt-whisper", "response_format", "srt"}, 200, "gpt-whisper"},
		"renamed":     {[]string{"response_format", "srt", "model", "mine"}, 200, "gpt-whisper"},
		"none":        {[]string{"response_format", "srt"}, 400, ""},
		"given twice": {[]string{"model", "gpt-whisper", "model", "gpt-dear"}, 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			body, kind := form(t, tt.fields...)
			got := g.ask(t, "POST", "/v1/audio/transcriptions", strings.NewReader(body), "Content-Type", kind)
			if got.status != tt.status {
				t.Fatalf("%d %s", got.status, got.body)
			}
			if tt.status != 200 {
				return
			}
			if got.header.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.HasSuffix(got.body, "Hi\n") {
				t.Errorf("answered %v %q", got.header, got.body)
			}
			asked, _ := up.last()
			if want := strings.Replace(body, "\r\nmine\r\n", "\r\n"+tt.want+"\r\n", 1); asked != want {
				t.Errorf("asked %q, want %q", asked, want)
			}
		})
	}
}

func TestFormThatIsNone(t *testing.T) {
	g := open(t, setup{}, plainUpstream("openai"))
	got := g.ask(t, "POST", "/v1/audio/transcriptions", strings.NewReader("--b\r\nnothing"), "Content-Type", "multipart/form-data; boundary=b")
	if got.status != 400 || !strings.Contains(got.body, "multipart") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// What one reader of forms sees and another does not must not pass: a key that
// may use one model would get another.
func TestFormsSayOneModel(t *testing.T) {
	const (
		allowed = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-cheap\r\n"
		hidden  = "\r\n\r\ngpt-dear\r\n--b--\r\n"
	)
	up := plainUpstream("openai")
	up.do = answer(200, `{"text":"Hi"}`)
	g := open(t, setup{auth: func(string) (identity.Principal, error) {
		return identity.Principal{UserID: "u", Scopes: identity.Ordinary.Scopes(), Models: []string{"gpt-cheap"}}, nil
	}}, up)
	for name, tt := range map[string]struct {
		path, kind, body string
		status           int
	}{
		"one model":          {"/v1/audio/transcriptions", "multipart/form-data; boundary=b", allowed + "--b--\r\n", 200},
		"attachment":         {"/v1/audio/transcriptions", "multipart/form-data; boundary=b", allowed + "--b\r\nContent-Disposition: attachment; name=\"model\"" + hidden, 400},
		"a file":             {"/v1/images/edits", "multipart/form-data; boundary=b", allowed + "--b\r\nContent-Disposition: form-data; name=\"model\"; filename=\"x\"" + hidden, 400},
		"two names":          {"/v1/images/variations", "multipart/form-data; boundary=b", allowed + "--b\r\nContent-Disposition: form-data; name=\"x\"; name=\"model\"" + hidden, 400},
		"no form is taken":   {"/v1/completions", "multipart/form-data; boundary=b", allowed + "--b--\r\n", 415},
		"JSON called a form": {"/v1/completions", "multipart/form-data; boundary=b", `{"model":"gpt-cheap","prompt":"x"}`, 415},
		"another multipart":  {"/v1/audio/translations", "multipart/mixed; boundary=b", allowed + "--b--\r\n", 415},
		"another charset":    {"/v1/audio/translations", "multipart/form-data; boundary=b; charset=utf-7", allowed + "--b\r\nContent-Disposition: form-data; name=\"+AG0-odel\"" + hidden, 415},
		"two boundaries":     {"/v1/audio/translations", "multipart/form-data; boundary=b; boundary=c", allowed + "--b--\r\n", 415},
		"no boundary":        {"/v1/audio/translations", "multipart/form-data", allowed + "--b--\r\n", 400},
		"not parsed":         {"/v1/audio/translations", "multipart/form-data; boundary", allowed + "--b--\r\n", 415},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(up.asked)
			got := g.ask(t, "POST", tt.path, strings.NewReader(tt.body), "Content-Type", tt.kind)
			if got.status != tt.status || (len(up.asked) > before) != (tt.status == 200) {
				t.Fatalf("%d %s, asked %q", got.status, got.body, up.asked[before:])
			}
			if tt.status != 200 && !strings.HasPrefix(got.body, `{"error":{"message":"`) {
				t.Errorf("answered %s", got.body)
			}
		})
	}
}

// Nothing of the client's content type goes on but the boundary.
func TestFormTypeIsWrittenAnew(t *testing.T) {
	up := plainUpstream("openai")
	var kind string
	up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
		kind = req.MIME
		return answer(200, `{"text":"Hi"}`)(ctx, req)
	}
	g := open(t, setup{}, up)
	body := "--b:1\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-a\r\n--b:1--\r\n"
	got := g.ask(t, "POST", "/v1/audio/transcriptions", strings.NewReader(body), "Content-Type", `Multipart/Form-Data; X=1; Boundary="b:1"; charset=UTF-8`)
	if want := `multipart/form-data; boundary="b:1"`; got.status != 200 || kind != want {
		t.Errorf("%d %s, type %q, want %q", got.status, got.body, kind, want)
	}
}

func binary(body io.Reader) func(context.Context, *provider.Request) (*http.Response, error) {
	return func(context.Context, *provider.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"audio/mpeg"}}, Body: io.NopCloser(body)}, nil
	}
}

func TestSpeech(t *testing.T) {
	sound := strings.Repeat("\x00\xff\r\ndata: {\"error\":1}\n\n", 20_000)
	up := plainUpstream("openai")
	up.do = binary(strings.NewReader(sound))
	g := open(t, setup{}, up)
	got := g.ask(t, "POST", "/v1/audio/speech", strings.NewReader(`{"model":"gpt-tts","input":"Hi","voice":"alloy"}`))
	if got.status != 200 || got.body != sound || got.header.Get("Content-Type") != "audio/mpeg" {
		t.Fatalf("%d, %d bytes, %v", got.status, len(got.body), got.header)
	}
	if rows := g.drained(t); len(rows) != 1 || rows[0].BytesOut != int64(len(sound)) || !rows[0].Usage.Empty() || rows[0].Cost.Known {
		t.Errorf("rows %+v", rows)
	}
}

// Sound that breaks off must not look whole: the connection is cut.
func TestSpeechCut(t *testing.T) {
	up := plainUpstream("openai")
	up.do = binary(io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000)), iotest.ErrReader(io.ErrUnexpectedEOF)))
	g := open(t, setup{}, up)
	req, _ := http.NewRequestWithContext(t.Context(), "POST", g.url+"/v1/audio/speech", strings.NewReader(`{"model":"gpt-tts","input":"Hi"}`))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the client was not told")
	}
	if rows := g.drained(t); len(rows) != 1 || rows[0].Outcome != ledger.CutByUpstream {
		t.Errorf("rows %+v", rows)
	}
}

func TestPlainStreams(t *testing.T) {
	for name, tt := range map[string]struct{ path, ask, stream, want string }{
		"completion": {
			"/v1/completions", `{"model":"gpt-i","prompt":"Hi","stream":true}`,
			"data: {\"choices\":[{\"text\":\"a\",\"finish_reason\":null}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
			"data: {\"choices\":[{\"text\":\"a\",\"finish_reason\":null}]}\n\ndata: [DONE]\n\n",
		},
		"image": {
			"/v1/images/generations", `{"model":"gpt-i","prompt":"Hi","stream":true}`,
			"event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"AA\"}\n\nevent: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"usage\":{\"input_tokens\":5,\"output_tokens\":2}}\n\n", "",
		},
		"transcript": {
			"/v1/audio/transcriptions", "", "data: {\"type\":\"transcript.text.delta\",\"delta\":\"a\"}\n\ndata: {\"type\":\"transcript.text.done\",\"text\":\"a\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":5,\"output_tokens\":2}}\n\n", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			up := plainUpstream("openai")
			up.do = answer(200, tt.stream, "Content-Type", "text/event-stream")
			g := open(t, setup{}, up)
			kind := "application/json"
			if tt.ask == "" {
				tt.ask, kind = form(t, "model", "gpt-i", "stream", "true")
			}
			got := g.ask(t, "POST", tt.path, strings.NewReader(tt.ask), "Content-Type", kind)
			want := tt.want
			if want == "" {
				want = tt.stream
			}
			if got.status != 200 || got.body != want {
				t.Fatalf("%d %s", got.status, got.body)
			}
			rows := g.drained(t)
			if len(rows) != 1 || rows[0].Outcome != ledger.Complete || rows[0].Usage.InputTotal() != 5 || rows[0].Usage.OutputTotal() != 2 {
				t.Errorf("rows %+v", rows)
			}
		})
	}
}

func TestPlainRefusals(t *testing.T) {
	up := plainUpstream("openai")
	up.do = answer(422, `{"error":{"message":"no such voice","type":"invalid_request_error"}}`)
	g := open(t, setup{limits: api.Limits{BodyBytes: 2000}}, up, &upstream{name: "other", speaks: nil})
	for name, tt := range map[string]struct {
		path, ask string
		status    int
		says      string
	}{
		"upstream's own":    {"/v1/audio/speech", `{"model":"gpt-tts"}`, 422, "no such voice"},
		"cannot":            {"/v1/images/edits", `{"model":"other/x"}`, 400, "it cannot do images"},
		"no model":          {"/v1/images/generations", `{"prompt":"x"}`, 400, "model"},
		"model given twice": {"/v1/images/generations", `{"model":"gpt-a","model":"gpt-b"}`, 400, "more than once"},
		"too large":         {"/v1/images/generations", `{"model":"gpt-a","prompt":"` + strings.Repeat("x", 3000) + `"}`, 413, "limits.body_bytes"},
		"no JSON":           {"/v1/moderations", `x`, 400, "JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			got := g.ask(t, "POST", tt.path, strings.NewReader(tt.ask))
			if got.status != tt.status || !strings.Contains(got.body, tt.says) || !strings.HasPrefix(got.body, `{"error":`) {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}

func TestModerationNamesNoModel(t *testing.T) {
	up := plainUpstream("openai")
	up.do = answer(200, `{"id":"m","results":[{"flagged":false}]}`)
	g := open(t, setup{routes: []route.Rule{{Match: "omni-moderation-latest", Targets: []string{"openai"}}}}, up)
	const ask = `{"input":"a"}`
	got := g.ask(t, "POST", "/v1/moderations", strings.NewReader(ask))
	if asked, _ := up.last(); got.status != 200 || asked != ask {
		t.Errorf("%d %s, asked %s", got.status, got.body, asked)
	}
}

func TestFilesAndBatches(t *testing.T) {
	var asked []string
	make1 := func(name string) *upstream {
		up := plainUpstream(name)
		up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
			asked = append(asked, name+" "+req.Method+" "+string(req.Operation)+req.Path+"?"+req.Query+" "+req.MIME)
			return answer(200, `{"id":"file-1","error":{"message":"an old one"}}`)(ctx, req)
		}
		return up
	}
	one := open(t, setup{}, make1("openai"))
	two := open(t, setup{}, make1("a"), make1("b"))
	for _, tt := range []struct {
		g            *gateway
		method, path string
		header       []string
		status       int
		want         string
	}{
		{one, "GET", "/v1/files?limit=2&key=tok_x", nil, 200, "openai GET files?limit=2 "},
		{one, "POST", "/v1/files", []string{"Content-Type", "multipart/form-data; boundary=b"}, 200, "openai POST files? multipart/form-data; boundary=b"},
		{one, "GET", "/v1/files/file-1", nil, 200, "openai GET files/file-1? "},
		{one, "GET", "/v1/files/file-1/content", nil, 200, "openai GET files/file-1/content? "},
		{one, "DELETE", "/v1/files/file-1", nil, 200, "openai DELETE files/file-1? "},
		{one, "POST", "/v1/batches", []string{"Content-Type", "application/json"}, 200, "openai POST batches? application/json"},
		{one, "POST", "/v1/batches/b_1/cancel", nil, 200, "openai POST batches/b_1/cancel? "},
		{one, "GET", "/v1/batches?after=b", nil, 200, "openai GET batches?after=b "},
		{one, "GET", "/v1/files/..", nil, 400, ""},
		{one, "GET", "/v1/files/a%2fb", nil, 400, ""},
		{one, "GET", "/v1/files/a%20b", nil, 400, ""},
		{two, "GET", "/v1/files", nil, 400, ""},
		{two, "GET", "/v1/files", []string{"X-Tokligence-Provider", "b"}, 200, "b GET files? "},
		{two, "GET", "/v1/files?x-tokligence-provider=a", nil, 200, "a GET files? "},
		{two, "GET", "/v1/files?x-tokligence-provider=none", nil, 400, ""},
	} {
		asked = nil
		got := tt.g.ask(t, tt.method, tt.path, strings.NewReader(""), tt.header...)
		if got.status != tt.status || tt.want == "" && len(asked) > 0 || tt.want != "" && !slices.Equal(asked, []string{tt.want}) {
			t.Errorf("%s %s: %d %s, asked %q", tt.method, tt.path, got.status, got.body, asked)
		}
	}
	for _, row := range one.drained(t) {
		if !row.Usage.Empty() || row.Cost.Known || row.Outcome != ledger.Complete {
			t.Errorf("row %+v", row)
		}
	}
}

func TestFilesAreForAdministrators(t *testing.T) {
	who := identity.Principal{Role: identity.Ordinary, Scopes: identity.Ordinary.Scopes()}
	up := plainUpstream("openai")
	g := open(t, setup{auth: func(string) (identity.Principal, error) { return who, nil }}, up)
	if got := g.ask(t, "GET", "/v1/files", nil); got.status != 403 || !strings.Contains(got.body, "administrator") {
		t.Errorf("%d %s", got.status, got.body)
	}
	who = identity.Principal{Role: identity.Admin, Scopes: identity.Admin.Scopes(), Models: []string{"gpt-x"}}
	if got := g.ask(t, "GET", "/v1/batches", nil); got.status != 403 || !strings.Contains(got.body, "certain models") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if asked, _ := up.last(); len(up.asked) > 0 {
		t.Errorf("asked %s", asked)
	}
}
