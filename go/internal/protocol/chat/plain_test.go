package chat_test

import (
	"bytes"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/chat"
)

func modelField(name, value string) string {
	return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
}

func TestPatchForm(t *testing.T) {
	plain := chat.NewPlain()
	for name, tt := range map[string]struct {
		body, model string
		want        string // "": refused
	}{
		"the same": {modelField("model", "a") + "--b--\r\n", "a", modelField("model", "a") + "--b--\r\n"},
		"another":  {modelField("x", "1") + modelField("model", "a") + "--b--\r\n", "b/c", modelField("x", "1") + modelField("model", "b/c") + "--b--\r\n"},
		"none":     {modelField("x", "1") + "--b--\r\n", "m", ""},
		"bare line ends, which are read in one way only": {strings.ReplaceAll(modelField("model", "a")+"--b--\r\n", "\r\n", "\n"), "m", ""},
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
// allowed, and no other.
func FuzzForm(f *testing.F) {
	f.Add(modelField("model", "a")+"--b--\r\n", "m")
	f.Add(modelField("file\"; filename=\"x", "--b\r\n")+modelField("model", "a")+"--b--", "m")
	f.Add(strings.ReplaceAll(modelField("model", "a"), "\r\n", "\n"), "m")
	f.Add("--b\r\nContent-Disposition: form-data; name=model\r\n\r\n--b\r\n--b--", "q")
	plain := chat.NewPlain()
	f.Fuzz(func(t *testing.T, body, model string) {
		if strings.ContainsAny(model, "\r\n-") || model == "" || len(model) > 512 {
			return
		}
		head, err := plain.PeekForm(llm.Transcribe, []byte(body), "b")
		if err != nil {
			return
		}
		out, err := plain.Patch([]byte(body), head, protocol.Target{Model: model})
		if err != nil {
			return
		}
		again, err := plain.PeekForm(llm.Transcribe, bytes.Join(out, nil), "b")
		if err != nil || again.Model != model {
			t.Errorf("%q became %q: %q, %v", body, bytes.Join(out, nil), again.Model, err)
		}
	})
}

func TestPeekFormKeepsFilesAside(t *testing.T) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	file, _ := w.CreateFormFile("model", "a.wav")
	_, _ = file.Write(bytes.Repeat([]byte("x"), 1<<20))
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

func FuzzPlainMeter(f *testing.F) {
	for _, s := range []string{
		`{"usage":{"input_tokens":5,"output_tokens":2,"input_tokens_details":{"image_tokens":9}}}`,
		`{"meta":{"billed_units":{"search_units":1}}}`, "data: {\"type\":\"a.done\",\"usage\":{\"total_tokens\":3}}\n\n", "WEBVTT\n", "data: [DONE]\n\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, frame string) {
		for _, op := range []llm.Operation{llm.Complete, llm.GenerateImage, llm.Rerank, llm.Files} {
			m := chat.NewPlain().NewMeter(protocol.Head{Operation: op})
			verdict := m.Observe([]byte(frame))
			if (verdict == protocol.Failure) != (m.Err() != nil) {
				t.Errorf("%s: verdict %v, error %v", op, verdict, m.Err())
			}
			u := m.Usage()
			if u.InputTotal() < 0 || u.OutputTotal() < 0 {
				t.Errorf("%s: usage %+v", op, u)
			}
		}
	})
}
