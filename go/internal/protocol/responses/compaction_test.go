package responses

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// summed writes an answer to a request for a summary.
func summed(t *testing.T, head protocol.Head, blocks []llm.Block, words string, stop llm.Stop) ([]byte, error) {
	t.Helper()
	w := New(protocol.NewSealer(make([]byte, 32))).NewWriter(head)
	events := []llm.Event{{Type: llm.Start, Meta: &llm.Meta{Model: "m"}}}
	for i, b := range blocks {
		events = append(events, llm.Event{Type: llm.BlockStart, Index: i, Block: b},
			llm.Event{Type: llm.BlockDelta, Index: i, Delta: []byte(words)}, llm.Event{Type: llm.BlockEnd, Index: i})
	}
	events = append(events, llm.Event{Type: llm.Metered, Usage: &llm.Usage{Input: llm.Known(7), Output: llm.Known(3), Source: llm.Reported}},
		llm.Event{Type: llm.Finish, Stop: stop})
	var out []byte
	for _, ev := range events {
		var err error
		if out, err = w.Append(out, ev); err != nil {
			return out, err
		}
	}
	return out, nil
}

func TestASummaryComesBackAsItWas(t *testing.T) {
	codec := New(protocol.NewSealer(make([]byte, 32)))
	out, err := summed(t, protocol.Head{RequestID: "req_1", Compaction: protocol.CompactionObject},
		[]llm.Block{llm.Thought{}, llm.Text{}}, `said \"one\"`, llm.Stop{Reason: llm.StopEnd})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		ID, Object string
		CreatedAt  int64 `json:"created_at"`
		Output     []json.RawMessage
		Usage      struct {
			TotalTokens int `json:"total_tokens"`
		}
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if got.Object != "response.compaction" || got.ID != "resp_1" || got.CreatedAt == 0 || len(got.Output) != 1 || got.Usage.TotalTokens != 10 {
		t.Fatalf("the answer is %s", out)
	}
	req, err := codec.DecodeRequest([]byte(`{"model":"m","input":[` + string(got.Output[0]) + `,{"role":"user","content":"on"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if words, ok := req.Turns[0].Blocks[0].(llm.Text); !ok || req.Turns[0].Role != llm.User || words.Text != leadSummary+`said "one"` {
		t.Errorf("read as %+v", req.Turns)
	}
	other := New(protocol.NewSealer(bytes.Repeat([]byte{1}, 32)))
	_, err = other.DecodeRequest([]byte(`{"model":"m","input":[` + string(got.Output[0]) + `]}`))
	var refused *llm.Error
	if !errors.As(err, &refused) || refused.Kind != llm.Invalid || refused.Field != "input[0].encrypted_content" {
		t.Errorf("at another gateway: %v", err)
	}
}

func TestASummaryInAnOrdinaryAnswer(t *testing.T) {
	codec := New(protocol.NewSealer(make([]byte, 32)))
	body := []byte(`{"model":"m","stream":true,"tools":[{"type":"function","name":"f"}],"tool_choice":"required","text":{"format":{"type":"json_object"}},
		"input":[{"role":"user","content":"x"},{"type":"compaction_trigger"}]}`)
	head, err := codec.Peek(llm.Generate, body)
	if err != nil || head.Compaction != protocol.CompactionItem {
		t.Fatalf("peeked %+v, %v", head, err)
	}
	read, err := codec.DecodeRequest(body)
	if err != nil {
		t.Fatal(err)
	}
	req := codec.AskSummary(read)
	if last := req.Turns[len(req.Turns)-1]; last.Role != llm.User || last.Blocks[0].(llm.Text).Text != askSummary {
		t.Errorf("the last turn is %+v", last)
	}
	if req.ToolChoice == nil || req.ToolChoice.Mode != llm.ToolsNone || len(req.Tools) != 1 || req.Format != nil {
		t.Errorf("tools %+v, choice %+v, format %+v", req.Tools, req.ToolChoice, req.Format)
	}
	if again := codec.AskSummary(req); again != req || read.Format == nil {
		t.Error("asked twice, or the request that was read has changed")
	}
	out, err := summed(t, head, []llm.Block{llm.Text{}}, "all", llm.Stop{Reason: llm.StopEnd})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for frame := range strings.SplitSeq(strings.TrimSuffix(string(out), "\n\n"), "\n\n") {
		name, _, _ := strings.Cut(strings.TrimPrefix(frame, "event: "), "\n")
		kinds = append(kinds, name)
	}
	want := "response.created response.in_progress response.output_item.added response.output_item.done response.completed"
	if strings.Join(kinds, " ") != want || strings.Count(string(out), `"type":"compaction"`) != 3 {
		t.Errorf("the stream is %v:\n%s", kinds, out)
	}
}

func TestNoSummaryIsAFailure(t *testing.T) {
	for name, c := range map[string]struct {
		blocks []llm.Block
		stop   llm.StopReason
	}{
		"nothing": {nil, llm.StopEnd},
		"a call":  {[]llm.Block{llm.ToolCall{ID: "c", Name: "f"}}, llm.StopTools},
		"refused": {[]llm.Block{llm.Text{}}, llm.StopRefusal},
	} {
		_, err := summed(t, protocol.Head{Compaction: protocol.CompactionObject}, c.blocks, "{}", llm.Stop{Reason: c.stop})
		var failed *llm.Error
		if !errors.As(err, &failed) || failed.Kind != llm.BadUpstream {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestATriggerInTheMiddleIsNone(t *testing.T) {
	for input, want := range map[string]bool{
		`[{"type":"compaction_trigger"}]`:                               true,
		`[{"type":"compaction_trigger"},{"role":"user","content":"x"}]`: false,
		`[{"role":"user","content":"compaction_trigger"}]`:              false,
		`"compaction_trigger"`:                                          false,
	} {
		if got := endsInTrigger([]byte(input)); got != want {
			t.Errorf("%s: %v", input, got)
		}
	}
}
