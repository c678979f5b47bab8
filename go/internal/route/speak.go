package route

import (
	"slices"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// operations are those whose protocols are asked for once.
var operations = [...]llm.Operation{llm.Generate, llm.CountTokens, llm.Embed, llm.ListModels}

// ask returns the protocols in which a provider can do op and which the
// gateway speaks, most native first.
func (m *member) ask(op llm.Operation) []llm.Protocol {
	if m.info.Provider == nil {
		return nil
	}
	all := m.info.Provider.Speaks(op)
	if m.codecs == nil {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(p llm.Protocol) bool {
		return !slices.Contains(m.codecs, p)
	})
}

func (m *member) protocols(op llm.Operation) []llm.Protocol {
	for i := range operations {
		if operations[i] == op {
			return m.speaks[i]
		}
	}
	return m.ask(op)
}

// speak chooses the protocol for q, or says why there is none.
func (m *member) speak(q *Query, mode string) (choice llm.Protocol, translate bool, why string) {
	all := m.protocols(q.Operation)
	switch {
	case len(all) == 0:
		return "", false, "it cannot do " + operationName(q.Operation)
	case mode == ModePassthrough && !slices.Contains(all, q.Protocol):
		return "", false, "it does not speak " + string(q.Protocol) + " and the mode is passthrough"
	case mode == ModeTranslation && q.Operation == llm.Generate:
		return all[0], true, ""
	case slices.Contains(all, q.Protocol):
		return q.Protocol, false, ""
	}
	return all[0], false, ""
}

func operationName(op llm.Operation) string {
	switch op {
	case llm.Generate:
		return "text generation"
	case llm.CountTokens:
		return "token counting"
	case llm.Compact:
		return "compaction"
	case llm.Embed:
		return "embeddings"
	case llm.ListModels:
		return "model lists"
	case llm.Complete:
		return "completions"
	case llm.Moderate:
		return "moderation"
	case llm.GenerateImage, llm.EditImage, llm.VaryImage:
		return "images"
	case llm.Speak:
		return "speech"
	case llm.Transcribe, llm.TranslateAudio:
		return "transcription"
	case llm.Rerank:
		return "reranking"
	case llm.Recall:
		return "kept responses"
	case llm.Files, llm.Batches: // are their own names
	}
	return string(op)
}

func (s *snapshot) modeOf(q *Query) string {
	if q.Mode == "" {
		return s.mode
	}
	return q.Mode
}
