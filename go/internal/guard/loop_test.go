package guard

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

var protocols = []llm.Protocol{llm.Chat, llm.Responses, llm.Messages, llm.Gemini}

var usual = Loop{Tell: 3, Stop: 5, Exempt: []string{"poll"}}

// turn is one call and its result, with ids that no other turn has.
type turn struct{ tool, args, result string }

// history writes turns as the clients of a protocol do.
func history(p llm.Protocol, turns ...turn) []byte {
	items := []string{say(p, "do it")}
	for i, t := range turns {
		items = append(items, both(p, fmt.Sprintf("id_%d", i), t)...)
	}
	return []byte("[" + strings.Join(items, ", ") + "]")
}

func quote(s string) string { return string(jsonscan.AppendString(nil, s)) }

func say(p llm.Protocol, words string) string {
	if p == llm.Gemini {
		return `{"role":"user","parts":[{"text":` + quote(words) + `}]}`
	}
	return `{"role":"user","content":` + quote(words) + `}`
}

func both(p llm.Protocol, id string, t turn) []string {
	switch p {
	case llm.Chat:
		return []string{
			`{"role":"assistant","content":"Again.","tool_calls":[{"id":"` + id + `","type":"function","function":{"name":"` + t.tool + `","arguments":` + quote(t.args) + `}}]}`,
			`{"role":"tool","tool_call_id":"` + id + `","content":` + quote(t.result) + `}`,
		}
	case llm.Responses:
		return []string{
			`{"type":"reasoning","id":"rs_` + id + `","encrypted_content":"x` + id + `","summary":[]}`,
			`{"type":"function_call","id":"fc_` + id + `","call_id":"` + id + `","name":"` + t.tool + `","arguments":` + quote(t.args) + `}`,
			`{"type":"function_call_output","call_id":"` + id + `","output":` + quote(t.result) + `}`,
		}
	case llm.Messages:
		return []string{
			`{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"` + id + `"},{"type":"tool_use","id":"` + id + `","name":"` + t.tool + `","input":` + t.args + `}]}`,
			`{"role":"user","content":[{"type":"tool_result","tool_use_id":"` + id + `","content":[{"type":"text","text":` + quote(t.result) + `}]},{"type":"text","text":"<reminder>"}]}`,
		}
	default:
		return []string{
			`{"role":"model","parts":[{"functionCall":{"name":"` + t.tool + `","args":` + t.args + `},"thoughtSignature":"` + id + `"}]}`,
			`{"role":"user","parts":[{"functionResponse":{"name":"` + t.tool + `","response":{"output":` + quote(t.result) + `}}}]}`,
		}
	}
}

func again(n int, t turn) []turn {
	out := make([]turn, n)
	for i := range out {
		out[i] = t
	}
	return out
}

func TestLook(t *testing.T) {
	test := turn{"shell", `{"command":"go test \"./...\""}`, "FAIL\n\"quoted\" \\ \\\\"}
	edit := turn{"edit", `{"path":"a.go"}`, "ok"}
	poll := turn{"poll", `{}`, "running"}
	for _, c := range []struct {
		name  string
		turns []turn
		want  Run
	}{
		{"nothing yet", nil, Run{}},
		{"twice", again(2, test), Run{Pass, "shell", 2}},
		{"three times", again(3, test), Run{Tell, "shell", 3}},
		{"after other work", append(again(4, edit), again(3, test)...), Run{Tell, "shell", 3}},
		{"five times", again(5, test), Run{Stop, "shell", 5}},
		{"for ever", again(90, test), Run{Stop, "shell", 5}},
		{"other work since", append(again(5, test), edit), Run{Pass, "edit", 1}},
		{"another result", append(again(4, test), turn{test.tool, test.args, "ok"}), Run{Pass, "shell", 1}},
		{"other arguments", append(again(4, test), turn{test.tool, `{"command":"go vet"}`, test.result}), Run{Pass, "shell", 1}},
		{"another tool", append(again(4, test), turn{"other", test.args, test.result}), Run{Pass, "other", 1}},
		{"a tool that polls", again(9, poll), Run{Pass, "poll", 0}},
	} {
		for _, p := range protocols {
			t.Run(c.name+"/"+string(p), func(t *testing.T) {
				if got := usual.Look(p, history(p, c.turns...)); got != c.want {
					t.Errorf("got %+v, want %+v", got, c.want)
				}
			})
		}
	}
}

// TestLongSession is an agent at work: it runs its tests between edits, which
// fail in the same way many times. Every request on the way passes.
func TestLongSession(t *testing.T) {
	var turns []turn
	for i := range 200 {
		next := turn{"edit", fmt.Sprintf(`{"line":%d}`, i), "ok"}
		if i%10 == 9 {
			next = turn{"shell", `{"command":"make test"}`, "FAIL"}
		}
		turns = append(turns, next)
	}
	for _, p := range protocols {
		for n := range turns {
			if run := usual.Look(p, history(p, turns[:n+1]...)); run.Action != Pass {
				t.Fatalf("%s: %+v after %d turns", p, run, n+1)
			}
		}
	}
}

func TestUserEndsARun(t *testing.T) {
	for _, p := range protocols {
		h := history(p, again(5, turn{"shell", `{}`, "x"})...)
		h = append(h[:len(h)-1], (`,` + say(p, "go on") + `]`)...)
		if run := usual.Look(p, h); run.Times != 0 {
			t.Errorf("%s: %+v although the user has spoken", p, run)
		}
	}
}

func TestOddHistories(t *testing.T) {
	for _, c := range []struct {
		name string
		p    llm.Protocol
		text string
		want int
	}{
		{"a cache marker moves", llm.Messages, `[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"t","input":{}}]},` +
			`{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"x"}]},` +
			`{"role":"assistant","content":[{"type":"tool_use","id":"b","name":"t","input":{}}]},` +
			`{"role":"user","content":[{"type":"tool_result","tool_use_id":"b","content":"x","cache_control":{"type":"ephemeral"}}]}]`, 2},
		{"an id that the tool wrote", llm.Gemini, `[{"role":"model","parts":[{"functionCall":{"name":"t"}}]},` +
			`{"role":"user","parts":[{"functionResponse":{"name":"t","response":{"id":1}}}]},` +
			`{"role":"model","parts":[{"functionCall":{"name":"t"}}]},` +
			`{"role":"user","parts":[{"functionResponse":{"name":"t","response":{"id":2}}}]}]`, 1},
		{"the other spelling", llm.Gemini, `[{"role":"model","parts":[{"function_call":{"name":"t"},"thought_signature":"a"}]},` +
			`{"role":"user","parts":[{"function_response":{"name":"t","response":{"id":1}}}]},` +
			`{"role":"model","parts":[{"function_call":{"name":"t"},"thought_signature":"b"}]},` +
			`{"role":"function","parts":[{"function_response":{"name":"t","response":{"id":1}}}]}]`, 2},
		{"parallel and different", llm.Chat, `[{"role":"assistant","tool_calls":[` +
			`{"id":"a","function":{"name":"t","arguments":"1"}},{"id":"b","function":{"name":"t","arguments":"2"}}]},` +
			`{"role":"tool","tool_call_id":"a","content":"x"},{"role":"tool","tool_call_id":"b","content":"x"}]`, 1},
		{"parallel and the same", llm.Chat, `[{"role":"assistant","tool_calls":[` +
			`{"id":"a","function":{"name":"t","arguments":"1"}},{"id":"b","function":{"name":"t","arguments":"1"}}]},` +
			`{"role":"tool","tool_call_id":"b","content":"x"},{"role":"tool","tool_call_id":"a","content":"x"}]`, 2},
		{"a result without its call", llm.Responses, `[{"type":"function_call_output","call_id":"a","output":"x"}]`, 0},
		{"the model has gone on", llm.Responses, `[{"type":"custom_tool_call","call_id":"a","name":"p","input":"x"},` +
			`{"type":"custom_tool_call_output","call_id":"a","output":"x"},{"type":"message","role":"assistant","content":[]}]`, 0},
		{"a shell of the protocol", llm.Responses, `[{"type":"local_shell_call","call_id":"a","action":{"command":["ls"]}},` +
			`{"type":"local_shell_call_output","call_id":"a","output":"x"}]`, 1},
		{"no list", llm.Responses, `"hello"`, 0},
		{"an unknown protocol", "other", `[{"role":"tool"}]`, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if run := usual.Look(c.p, []byte(c.text)); run.Times != c.want {
				t.Errorf("counted %d, want %d", run.Times, c.want)
			}
		})
	}
}

func TestOff(t *testing.T) {
	h := history(llm.Chat, again(9, turn{"shell", `{}`, "x"})...)
	for _, c := range []struct {
		loop Loop
		want Action
	}{
		{Loop{}, Pass},
		{Loop{Tell: 3}, Tell},
		{Loop{Stop: 9}, Stop},
		{Loop{Stop: 10}, Pass},
	} {
		if run := c.loop.Look(llm.Chat, h); run.Action != c.want {
			t.Errorf("%+v: %+v, want %s", c.loop, run, c.want)
		}
	}
}

func TestTelling(t *testing.T) {
	const words = `say "stop"`
	const text = `{"type":"text","text":"say \"stop\""}`
	for _, c := range []struct {
		name    string
		p       llm.Protocol
		history string
		want    string
	}{
		{"beside a text", llm.Chat, `[{"role":"tool","content":"x"} ]`, `[{"role":"tool","content":"x\n\nsay \"stop\""} ]`},
		{"in the place of no text", llm.Chat, `[{"role":"tool","content":""}]`, `[{"role":"tool","content":"say \"stop\""}]`},
		{"beside parts", llm.Chat, `[{"content":[{"a":1}],"role":"tool"}]`, `[{"content":[{"a":1},` + text + `],"role":"tool"}]`},
		{"in the place of no parts", llm.Chat, `[{"content":[ ],"role":"tool"}]`, `[{"content":[ ` + text + `],"role":"tool"}]`},
		{"after a reminder", llm.Chat, `[{"role":"system","content":"x"}]`, `[{"role":"system","content":"x"},{"role":"user","content":"say \"stop\""}]`},
		{"beside a result", llm.Messages, `[{"role":"user","content":[{"a":1}]}]`, `[{"role":"user","content":[{"a":1},` + text + `]}]`},
		{"after a system turn", llm.Messages, `[{"role":"system","content":"x"}]`, `[{"role":"system","content":"x"},{"role":"user","content":"say \"stop\""}]`},
		{"an item", llm.Responses, `[{"a":1} ]`, `[{"a":1},{"type":"message","role":"user","content":[{"type":"input_text","text":"say \"stop\""}]} ]`},
		{"a content", llm.Gemini, `[{"a":1}]`, `[{"a":1},{"role":"user","parts":[{"text":"say \"stop\""}]}]`},
		{"nothing to say it in", llm.Chat, `[{"role":"tool"}]`, ``},
		{"no history", llm.Chat, `[]`, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, ok := Telling(c.p, []byte(c.history), words, false)
			if !ok {
				if c.want != "" {
					t.Fatal("not told")
				}
				return
			}
			if got := c.history[:in.At] + string(in.Text) + c.history[in.At:]; got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTellingInAResult(t *testing.T) {
	const beside = `{"type":"text","text":"stop"}`
	const item = `{"type":"message","role":"user","content":[{"type":"input_text","text":"stop"}]}`
	for _, c := range []struct {
		name    string
		p       llm.Protocol
		history string
		want    string
	}{
		{"a text", llm.Messages, `[ {"role":"user","content":[ {"type":"tool_result","content":"x"} ]}]`, `[ {"role":"user","content":[ {"type":"tool_result","content":"x\n\nstop"} ]}]`},
		{"blocks", llm.Messages, `[{"content":[{"a":1},{"content":[{"b":1}],"type":"tool_result"}],"role":"user"}]`, `[{"content":[{"a":1},{"content":[{"b":1},` + beside + `],"type":"tool_result"}],"role":"user"}]`},
		{"a result that says nothing", llm.Messages, `[{"role":"user","content":[{"type":"tool_result"}]}]`, `[{"role":"user","content":[{"type":"tool_result"},` + beside + `]}]`},
		{
			"words of the client's", llm.Messages, `[{"role":"user","content":[{"type":"tool_result","content":"x"},{"type":"text","text":"y"}]}]`,
			`[{"role":"user","content":[{"type":"tool_result","content":"x"},{"type":"text","text":"y"},` + beside + `]}]`,
		},
		{"an output", llm.Responses, `[{"type":"function_call_output","output":""}]`, `[{"type":"function_call_output","output":"stop"}]`},
		{"parts of an output", llm.Responses, `[{"type":"custom_tool_call_output","output":[]}]`, `[{"type":"custom_tool_call_output","output":[{"type":"input_text","text":"stop"}]}]`},
		{
			"a response", llm.Gemini, `[{"parts":[{"functionResponse":{"response":{"output":"x"},"name":"t"}}]}]`,
			`[{"parts":[{"functionResponse":{"response":{"output":"x","gateway_note":"stop"},"name":"t"}}]}]`,
		},
		{
			"an empty response", llm.Gemini, `[{"parts":[{"function_response":{"name":"t","response":{ }}} ]}]`,
			`[{"parts":[{"function_response":{"name":"t","response":{ "gateway_note":"stop"}}} ]}]`,
		},
		{
			"no response", llm.Gemini, `[{"parts":[{"functionResponse":{"name":"t"}}]}]`,
			`[{"parts":[{"functionResponse":{"name":"t"}}]},{"role":"user","parts":[{"text":"stop"}]}]`,
		},
		{
			"a text after a response", llm.Gemini, `[{"parts":[{"functionResponse":{"response":{}}},{"text":"y"}]}]`,
			`[{"parts":[{"functionResponse":{"response":{}}},{"text":"y"}]},{"role":"user","parts":[{"text":"stop"}]}]`,
		},
		{"an output of another form", llm.Responses, `[{"type":"shell_call_output","output":[{"a":1}]}]`, `[{"type":"shell_call_output","output":[{"a":1}]},` + item + `]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, ok := Telling(c.p, []byte(c.history), "stop", true)
			if got := c.history[:in.At] + string(in.Text) + c.history[in.At:]; !ok || got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// FuzzLook wants a told history to stay JSON, and no text to be too odd.
func FuzzLook(f *testing.F) {
	for i, p := range protocols {
		f.Add(uint8(i), history(p, again(4, turn{"shell", `{"a":[1,"\\\""]}`, "x\"\\"})...))
		f.Add(uint8(i), []byte(`[{"role":"tool","content":`))
	}
	f.Fuzz(func(t *testing.T, which uint8, text []byte) {
		p := protocols[int(which)%len(protocols)]
		run := usual.Look(p, text)
		if run.Times < 0 || run.Times > usual.Stop {
			t.Fatalf("counted %d", run.Times)
		}
		for _, inside := range []bool{false, true} {
			in, ok := Telling(p, text, run.Warning(), inside)
			if !ok || !json.Valid(text) {
				continue
			}
			told := append(append(append([]byte{}, text[:in.At]...), in.Text...), text[in.At:]...)
			if !json.Valid(told) {
				t.Fatalf("%s becomes %s", text, told)
			}
		}
	})
}

// BenchmarkLook is what every call pays whose agent does not repeat itself.
func BenchmarkLook(b *testing.B) {
	for _, size := range []int{12 << 10, 200 << 10} {
		for _, p := range protocols {
			var turns []turn
			for i := 0; i*2048 < size; i++ {
				turns = append(turns, turn{"shell", fmt.Sprintf(`{"command":"sed -n %dp a.go"}`, i), strings.Repeat("a line of \"Go\"\n", 128)})
			}
			h := history(p, turns...)
			b.Run(fmt.Sprintf("%dKB/%s", size>>10, p), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if usual.Look(p, h).Times != 1 {
						b.Fatal("miscounted")
					}
				}
			})
		}
	}
}
