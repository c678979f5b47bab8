package protocol_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// spoken writes speeches down: roles, calls as name(id), results as =id.
func spoken(speeches []protocol.Speech) string {
	var all []string
	for _, s := range speeches {
		words := []string{string(s.Role) + ":"}
		for _, it := range s.Items {
			switch b := it.Block.(type) {
			case llm.Text:
				words = append(words, b.Text)
			case llm.ToolCall:
				words = append(words, fmt.Sprintf("%s(%s)", b.Name, b.ID))
			case llm.ToolResult:
				word := "=" + b.CallID
				if b.Failed {
					word = "!" + b.CallID
				}
				words = append(words, word)
			default:
			}
		}
		all = append(all, strings.Join(words, " "))
	}
	return strings.Join(all, "; ")
}

func TestPairing(t *testing.T) {
	user := func(items ...protocol.Item) protocol.Speech { return protocol.Speech{Role: llm.User, Items: items} }
	model := func(items ...protocol.Item) protocol.Speech {
		return protocol.Speech{Role: llm.Assistant, Items: items}
	}
	words := func(s string) protocol.Item { return protocol.Item{Block: llm.Text{Text: s}} }
	call := func(id string) protocol.Item { return protocol.Item{Block: llm.ToolCall{ID: id, Name: "f"}} }
	result := func(id string) protocol.Item {
		return protocol.Item{Block: llm.ToolResult{CallID: id, Blocks: []llm.Block{llm.Text{Text: "r"}}}}
	}
	for name, tt := range map[string]struct {
		in    []protocol.Speech
		want  string
		notes string
	}{
		"no tools": {[]protocol.Speech{user(words("hi")), model(words("ho"))}, "user: hi; assistant: ho", ""},
		"results lead, in the order of the calls": {
			[]protocol.Speech{model(call("a"), call("b")), user(words("hi"), result("b"), result("a"))},
			"assistant: f(a) f(b); user: =a =b hi", "",
		},
		"none came": {[]protocol.Speech{model(call("a"))}, "assistant: f(a); user: !a", "tool_result_missing"},
		"one came late, and its turn holds nothing else": {
			[]protocol.Speech{model(call("a")), user(words("wait")), model(words("ok")), user(result("a")), model(words("on"))},
			"assistant: f(a); user: =a wait; assistant: ok on", "tool_result_moved_to_its_call",
		},
		"one that nobody asked for": {
			[]protocol.Speech{user(result("a"))}, "user: Result of the tool call a: r", "tool_result_without_call",
		},
		"one before its call": {
			[]protocol.Speech{user(result("a")), model(call("a"))},
			"user: Result of the tool call a: r; assistant: f(a); user: !a", "tool_result_without_call tool_result_missing",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var notes []string
			got := spoken(protocol.Pairing{
				Usable: func(it protocol.Item, _ llm.Role) llm.Block { return it.Block },
				Note:   func(_ llm.FindingClass, _ protocol.Item, reason string) { notes = append(notes, reason) },
				Fit:    func(*llm.ToolCall, *llm.ToolResult) {},
			}.Pair(tt.in))
			if got != tt.want || strings.Join(notes, " ") != tt.notes {
				t.Errorf("%s, noted %v", got, notes)
			}
		})
	}
}
