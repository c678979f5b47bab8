package responses_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/responses"
)

// answerTo returns the whole answer to a request.
func answerTo(t testing.TB, body string, set func(*protocol.Head)) map[string]any {
	t.Helper()
	codec := responses.New(protocol.NewSealer(make([]byte, 32)))
	head, err := codec.Peek(llm.Generate, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	head.Body = []byte(body)
	set(&head)
	w := codec.NewWriter(head)
	var out []byte
	for _, ev := range []llm.Event{{Type: llm.Start, Meta: &llm.Meta{ID: "1"}}, {Type: llm.Finish, Stop: llm.Stop{Reason: llm.StopEnd}}} {
		if out, err = w.Append(out, ev); err != nil {
			t.Fatal(err)
		}
	}
	var got map[string]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return got
}

func TestAnswersRepeatTheSettings(t *testing.T) {
	const body = `{"model":"m","input":"hi","instructions":"Be \"brief\".\n","metadata":{"k":"v"},
		"parallel_tool_calls":false,"reasoning":{"effort":"low"},"temperature":0,"top_p":0.5,"truncation":"auto",
		"text":{"verbosity":"low"},"tool_choice":{"type":"function","name":"f"},"max_output_tokens":20,
		"tools":[{"type":"function","name":"f"},
			{"type":"function","name":"g","strict":true,"parameters":{"type":"object"}},{"type":"custom","name":"c"}]}`
	got := answerTo(t, body, func(h *protocol.Head) { h.Previous, h.Kept = "resp_0", true })
	var want map[string]any
	if err := json.Unmarshal([]byte(`{"instructions":"Be \"brief\".\n","metadata":{"k":"v"},"parallel_tool_calls":false,
		"reasoning":{"effort":"low","summary":null},"temperature":0,"top_p":0.5,"truncation":"auto",
		"text":{"verbosity":"low","format":{"type":"text"}},"tool_choice":{"type":"function","name":"f"},"max_output_tokens":20,
		"previous_response_id":"resp_0","store":true,
		"tools":[{"type":"function","name":"f","parameters":null,"strict":null},
			{"type":"function","name":"g","strict":true,"parameters":{"type":"object"}},{"type":"custom","name":"c"}]}`), &want); err != nil {
		t.Fatal(err)
	}
	for name, value := range want {
		if !reflect.DeepEqual(got[name], value) {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
}

func TestAnswersSayWhatIsMeantWhereNothingWasSaid(t *testing.T) {
	got := answerTo(t, `{"model":"m","input":"hi","tools":null}`, func(*protocol.Head) {})
	for name, want := range map[string]any{
		"instructions": nil, "metadata": map[string]any{}, "parallel_tool_calls": true, "temperature": nil, "top_p": nil,
		"truncation": "disabled", "tools": []any{}, "tool_choice": "auto", "previous_response_id": nil, "store": false,
		"text": map[string]any{"format": map[string]any{"type": "text"}},
	} {
		if value, there := got[name]; !there || !reflect.DeepEqual(value, want) {
			t.Errorf("%s is %v, want %v", name, value, want)
		}
	}
}
