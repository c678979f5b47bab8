package protocol

import "github.com/tokligence/tokligence-gateway/go/internal/llm"

// FormatWords returns what to tell a model that can be asked for a format by
// words only, and the reason of the finding about it.
func FormatWords(f *llm.Format) (words, reason string) {
	if f.Schema == nil {
		return "Answer with one JSON value and nothing else: no words around it, no code fence.", "json_by_instruction"
	}
	return "Answer with JSON that fits this JSON Schema and nothing else: no words around it, no code fence.\n" + string(f.Schema), "schema_by_instruction"
}
