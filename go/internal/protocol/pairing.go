package protocol

import "github.com/tokligence/tokligence-gateway/go/internal/llm"

// NoResult stands for the result of a call that never came.
const NoResult = "(no result: tool call was interrupted)"

// Pairing answers every call in the speech after it.
type Pairing struct {
	// Usable returns a block as it can be sent, or nil.
	Usable func(it Item, role llm.Role) llm.Block

	// Note takes findings.
	Note func(class llm.FindingClass, it Item, reason string)

	// Fit gives a call and its result what the wire knows them by.
	Fit func(call *llm.ToolCall, result *llm.ToolResult)
}

// Pair moves tool results to where they are wanted: all of a turn's into the
// next user turn, in the order of the calls and before any other block. What
// is missing is made up, what answers nothing becomes text.
func (p Pairing) Pair(speeches []Speech) []Speech {
	w := pairs{Pairing: p, speeches: speeches, results: map[string][]place{}, given: map[place]bool{}}
	calls := false
	for i, s := range speeches {
		for j, it := range s.Items {
			switch b := it.Block.(type) {
			case llm.ToolResult:
				w.results[b.CallID] = append(w.results[b.CallID], place{i, j})
			case llm.ToolCall:
				calls = true
			default:
			}
		}
	}
	if !calls && len(w.results) == 0 {
		return speeches
	}
	var out []Speech
	var answers []Item // to the calls of the speech before
	for i, s := range speeches {
		if s.Role == llm.Assistant {
			s.Items, answers = w.calls(i)
			out = Join(out, s)
			if i+1 == len(speeches) {
				out = Join(out, Speech{llm.User, answers})
			}
			continue
		}
		s.Items = append(answers, w.rest(i)...)
		answers = nil
		out = Join(out, s)
	}
	return out
}

// place is an item among the speeches.
type place struct{ speech, item int }

// pairs is a pairing under way.
type pairs struct {
	Pairing
	speeches []Speech
	results  map[string][]place // not yet given to a call, by call id
	given    map[place]bool
}

// calls returns what an assistant says, and the results of its calls.
func (w *pairs) calls(at int) (said, answers []Item) {
	for _, it := range w.speeches[at].Items {
		if call, ok := it.Block.(llm.ToolCall); ok {
			answer, result := w.answer(at, it, call.ID)
			w.Fit(&call, &result)
			it.Block, answer.Block = call, result
			answers = append(answers, answer)
		}
		said = append(said, it)
	}
	return said, answers
}

// answer returns the result for a call said in the speech at.
func (w *pairs) answer(at int, it Item, callID string) (Item, llm.ToolResult) {
	for n, where := range w.results[callID] {
		if where.speech <= at {
			continue
		}
		w.results[callID] = append(w.results[callID][:n:n], w.results[callID][n+1:]...)
		w.given[where] = true
		found := w.speeches[where.speech].Items[where.item]
		if where.speech > at+1 {
			w.Note(llm.Approximated, found, "tool_result_moved_to_its_call")
		}
		result, _ := found.Block.(llm.ToolResult)
		return found, result
	}
	w.Note(llm.Approximated, it, "tool_result_missing")
	return Item{Turn: -1}, llm.ToolResult{CallID: callID, Failed: true, Blocks: []llm.Block{llm.Text{Text: NoResult}}}
}

// rest returns what else a user turn says. Results that nobody asked for are
// turned into text.
func (w *pairs) rest(at int) []Item {
	var out []Item
	for j, it := range w.speeches[at].Items {
		result, ok := it.Block.(llm.ToolResult)
		switch {
		case !ok:
			out = append(out, it)
		case !w.given[place{at, j}]:
			w.Note(llm.Approximated, it, "tool_result_without_call")
			out = append(out, Item{llm.Text{Text: Unasked(result.CallID)}, it.Turn, it.Index})
			for _, b := range result.Blocks {
				if kept := w.Usable(Item{b, it.Turn, it.Index}, llm.User); kept != nil {
					out = append(out, Item{kept, it.Turn, it.Index})
				}
			}
		}
	}
	return out
}

// Unasked is the heading of a result that nobody asked for.
func Unasked(callID string) string { return "Result of the tool call " + callID + ":" }
