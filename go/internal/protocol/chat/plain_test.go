package chat_test

import (
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/chat"
)

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
