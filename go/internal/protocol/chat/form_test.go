package chat_test

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/chat"
)

func part(header, value string) string {
	return "--b\r\n" + header + "\r\n\r\n" + value + "\r\n"
}

func field(name, value string) string {
	return part(`Content-Disposition: form-data; name="`+name+`"`, value)
}

const formEnd = "--b--\r\n"

func TestPeekForm(t *testing.T) {
	const m2 = "m2"
	for name, tt := range map[string]struct {
		body   string
		stream bool
	}{
		"alone":              {field("model", m2) + formEnd, false},
		"no last line end":   {field("model", m2) + "--b--", false},
		"an empty line":      {field("model", m2) + formEnd + "\r\n", false},
		"called Latin-1":     {part("Content-Type: text/plain; charset=ISO-8859-1\r\nContent-Disposition: form-data; name=model", m2) + formEnd, false},
		"with others":        {field("timestamp_granularities[]", "word") + field("stream", "true") + field("model", m2) + formEnd, true},
		"a token":            {part("content-disposition:form-data;name=model", m2) + formEnd, false},
		"described as text":  {part("Content-Type: text/plain; charset=UTF-8\r\nContent-Length: 2\r\nContent-Transfer-Encoding: binary\r\nContent-Disposition: form-data; name=model", m2) + formEnd, false},
		"a file":             {part("Content-Disposition: form-data; name=file; filename=\"a; name=\xc3\xbc.wav\"; filename*=utf-8''a%20b.wav\r\nContent-Type: audio/wav", "\x00\n\r\r\nx--b\r\n") + field("model", m2) + formEnd, false},
		"nothing in another": {field("prompt", "") + field("model", m2) + formEnd, false},
	} {
		t.Run(name, func(t *testing.T) {
			head, err := chat.NewPlain().PeekForm(llm.Transcribe, []byte(tt.body), "b")
			if err != nil || head.Model != m2 || head.Stream != tt.stream {
				t.Fatalf("model %q, stream %t, %v", head.Model, head.Stream, err)
			}
			if at := head.ModelAt; tt.body[at.Start:at.End] != m2 {
				t.Errorf("the model is not at %v", at)
			}
		})
	}
}

func TestPeekFormRefuses(t *testing.T) {
	first := field("model", "m2")
	for name, body := range map[string]string{
		"attachment":              first + part(`Content-Disposition: attachment; name="model"`, "w") + formEnd,
		"a file":                  first + part(`Content-Disposition: form-data; name="model"; filename="x"`, "w") + formEnd,
		"the only model a file":   part(`Content-Disposition: form-data; name="model"; filename="x"`, "w") + formEnd,
		"a file of no name":       part(`Content-Disposition: form-data; name="model"; filename=""`, "w") + formEnd,
		"filename*":               part(`Content-Disposition: form-data; name="model"; filename*=utf-8''x`, "w") + formEnd,
		"stream a file":           first + part(`Content-Disposition: form-data; name="stream"; filename="x"`, "true") + formEnd,
		"two names":               first + part(`Content-Disposition: form-data; name="x"; name="model"`, "w") + formEnd,
		"one name twice":          part(`Content-Disposition: form-data; name="model"; name="model"`, "w") + formEnd,
		"two capitals":            first + part(`Content-Disposition: form-data; name="x"; Name="model"`, "w") + formEnd,
		"two dispositions":        first + part("Content-Disposition: form-data; name=\"x\"\r\nContent-Disposition: form-data; name=\"model\"", "w") + formEnd,
		"other capitals":          first + part("Content-Disposition: form-data; name=\"x\"\r\ncontent-disposition: form-data; name=\"model\"", "w") + formEnd,
		"name*":                   first + part(`Content-Disposition: form-data; name*=utf-8''model`, "w") + formEnd,
		"name and name*":          first + part(`Content-Disposition: form-data; name="x"; name*=utf-8''model`, "w") + formEnd,
		"a name in pieces":        first + part(`Content-Disposition: form-data; name*0="mo"; name*1="del"`, "w") + formEnd,
		"no name":                 first + part(`Content-Disposition: form-data`, "w") + formEnd,
		"no disposition":          first + part(`Content-Type: text/plain`, "w") + formEnd,
		"no header":               first + "--b\r\n\r\nw\r\n" + formEnd,
		"escaped":                 first + part(`Content-Disposition: form-data; name="mo\del"`, "w") + formEnd,
		"escaped quote":           first + part(`Content-Disposition: form-data; name="x"; filename="a\"; name=\"model\""`, "w") + formEnd,
		"percent":                 first + part(`Content-Disposition: form-data; name="%6dodel"`, "w") + formEnd,
		"no semicolon":            first + part(`Content-Disposition: form-data name="model"`, "w") + formEnd,
		"a comma":                 first + part(`Content-Disposition: form-data; name=x, form-data; name=model`, "w") + formEnd,
		"folded":                  first + part("Content-Disposition: form-data;\r\n name=\"model\"", "w") + formEnd,
		"blank before colon":      first + part("Content-Disposition : form-data; name=\"model\"", "w") + formEnd,
		"bare CR in header":       first + part("X: y\rContent-Disposition: form-data; name=\"model\"\r\nContent-Disposition: form-data; name=x", "w") + formEnd,
		"bare LF in header":       first + part("X: y\nContent-Disposition: form-data; name=\"model\"\r\nContent-Disposition: form-data; name=x", "w") + formEnd,
		"NUL in header":           first + part("Content-Disposition: form-data; name=\"x\"; filename=\"\x00\"", "w") + formEnd,
		"bare line ends":          strings.ReplaceAll(first+formEnd, "\r\n", "\n"),
		"LF before the boundary":  first + field("x", "1\n"+strings.TrimSuffix(field("model", "w"), "\r\n")) + formEnd,
		"CR before the boundary":  first + field("x", "1\r"+strings.TrimSuffix(field("model", "w"), "\r\n")) + formEnd,
		"a boundary after a head": part(`Content-Disposition: form-data; name="x"`, field("model", "w")) + first + formEnd,
		"blank after boundary":    first + "--b \r\n" + strings.TrimPrefix(field("x", "w"), "--b\r\n") + formEnd,
		"a longer boundary":       first + "--bc\r\n" + strings.TrimPrefix(field("x", "w"), "--b\r\n") + formEnd,
		"text before":             "x\r\n" + first + formEnd,
		"text after":              first + formEnd + field("model", "w") + formEnd,
		"no end":                  first,
		"nothing":                 "",
		"twice":                   first + field("model", "m2") + formEnd,
		"stream twice":            first + field("stream", "true") + field("stream", "false") + formEnd,
		"as a list":               first + field("model[]", "w") + formEnd,
		"capitals":                first + field("Model", "w") + formEnd,
		"base64":                  part("Content-Disposition: form-data; name=model\r\nContent-Transfer-Encoding: base64", "dzI=") + formEnd,
		"another charset":         part("Content-Disposition: form-data; name=model\r\nContent-Type: text/plain; charset=utf-7", "+AG0-2") + formEnd,
		"Latin-1 beyond ASCII":    part("Content-Disposition: form-data; name=model\r\nContent-Type: text/plain; charset=iso-8859-1", "m\xc3\xbc") + formEnd,
		"charset for all":         first + field("_charset_", "utf-7") + formEnd,
		"nested":                  first + part("Content-Disposition: form-data; name=x\r\nContent-Type: multipart/mixed; boundary=c", "--c--") + formEnd,
		"two lines":               field("model", "m2\r\nw") + formEnd,
		"no UTF-8":                field("model", "m\xff") + formEnd,
		"long":                    field("model", strings.Repeat("m", 1025)) + formEnd,
		"long header":             first + part("X: "+strings.Repeat("x", 9000)+"\r\nContent-Disposition: form-data; name=x", "w") + formEnd,
		"many parts":              strings.Repeat(field("x", "1"), 1001) + formEnd,
	} {
		t.Run(name, func(t *testing.T) {
			head, err := chat.NewPlain().PeekForm(llm.Transcribe, []byte(body), "b")
			var refused *llm.Error
			if !errors.As(err, &refused) || refused.Kind != llm.Invalid || refused.Message == "" {
				t.Errorf("model %q, %v", head.Model, err)
			}
		})
	}
}

func TestFormsOnlyWhereTaken(t *testing.T) {
	body := []byte(field("model", "m") + formEnd)
	for _, op := range []llm.Operation{llm.Complete, llm.Moderate, llm.GenerateImage, llm.Speak, llm.Rerank} {
		if _, err := chat.NewPlain().PeekForm(op, body, "b"); llm.AsError(err) == nil || llm.AsError(err).Kind != llm.UnsupportedMedia {
			t.Errorf("%s: %v", op, err)
		}
	}
	for _, boundary := range []string{"", " ", "b ", "b\"", "b\r\n", "é", strings.Repeat("b", 71)} {
		if _, err := chat.NewPlain().PeekForm(llm.EditImage, []byte("--"+boundary+"--"), boundary); err == nil {
			t.Errorf("boundary %q was taken", boundary)
		}
	}
}

func TestPatchForm(t *testing.T) {
	plain := chat.NewPlain()
	for name, tt := range map[string]struct {
		body, model string
		want        string // "": refused
	}{
		"the same":         {field("model", "a") + formEnd, "a", field("model", "a") + formEnd},
		"another":          {field("x", "1") + field("model", "a") + formEnd, "b/c", field("x", "1") + field("model", "b/c") + formEnd},
		"none":             {field("x", "1") + formEnd, "m", ""},
		"a boundary":       {field("model", "a") + formEnd, "--b", ""},
		"more than a line": {field("model", "a") + formEnd, "m\r\n--b", ""},
	} {
		t.Run(name, func(t *testing.T) {
			head, err := plain.PeekForm(llm.Transcribe, []byte(tt.body), "b")
			if err != nil {
				t.Fatal(err)
			}
			out, err := plain.Patch([]byte(tt.body), head, protocol.Target{Model: tt.model})
			if got := string(bytes.Join(out, nil)); got != tt.want || (err != nil) != (tt.want == "") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// FuzzForm holds that whoever reads a patched form finds the model that was
// allowed, and no other, however indulgent the reader is.
func FuzzForm(f *testing.F) {
	f.Add(field("model", "a")+formEnd, "m")
	f.Add(field("file\"; filename=\"x", "c--b\r\n")+field("model", "a")+"--b--", "--b")
	f.Add(field("model", "a")+part(`Content-Disposition: attachment; name="model"`, "w")+formEnd, "m")
	f.Add(part("Content-Disposition: form-data; name=model\r\nContent-Type: text/plain", "a")+formEnd, "q")
	plain := chat.NewPlain()
	f.Fuzz(func(t *testing.T, body, model string) {
		head, err := plain.PeekForm(llm.Transcribe, []byte(body), "b")
		if err != nil {
			return
		}
		onlyModel(t, body, head.Model, !head.ModelAt.Empty())
		out, err := plain.Patch([]byte(body), head, protocol.Target{Model: model})
		if err != nil || model == "" {
			return
		}
		patched := string(bytes.Join(out, nil))
		again, err := plain.PeekForm(llm.Transcribe, []byte(patched), "b")
		if err != nil || again.Model != model {
			t.Errorf("%q became %q: %q, %v", body, patched, again.Model, err)
		}
		onlyModel(t, patched, model, true)
	})
}

// onlyModel reads a form as indulgently as the standard library does and takes
// any part that calls itself the model for one.
func onlyModel(t *testing.T, body, model string, named bool) {
	t.Helper()
	var models []string
	r := multipart.NewReader(strings.NewReader(body), "b")
	for {
		p, err := r.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		for _, d := range p.Header.Values("Content-Disposition") {
			if _, params, _ := mime.ParseMediaType(d); strings.EqualFold(params["name"], "model") {
				value, _ := io.ReadAll(p)
				models = append(models, string(value))
			}
		}
	}
	if named && (len(models) != 1 || models[0] != model) {
		t.Errorf("%q has the models %q, not %q alone", body, models, model)
	}
}

func TestPeekFormPassesLargeFiles(t *testing.T) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	file, _ := w.CreateFormFile("file", "a.wav")
	_, _ = file.Write(bytes.Repeat([]byte("x\r\n--"), 1<<18))
	_ = w.WriteField("model", "whisper-1")
	_ = w.Close()
	_, params, err := mime.ParseMediaType(w.FormDataContentType())
	if err != nil {
		t.Fatal(err)
	}
	head, err := chat.NewPlain().PeekForm(llm.Transcribe, b.Bytes(), params["boundary"])
	if err != nil || head.Model != "whisper-1" {
		t.Errorf("model %q, %v", head.Model, err)
	}
}
