package gemini

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// readUsage reads usageMetadata, if v is one. The prompt holds what came from
// a cache; the answer does not hold the thoughts. Figures of a stream are
// totals so far, never to be added.
func readUsage(v []byte) (llm.Usage, bool) {
	var u llm.Usage
	if jsonscan.KindOf(v) != jsonscan.Object {
		return u, false
	}
	var tools, cachedAudio llm.Count
	it := jsonscan.Members(v)
	for it.Next() {
		n := count(it.Value())
		switch camel(string(it.Key())) {
		case "promptTokenCount":
			u.Input = n
		case "cachedContentTokenCount":
			u.CacheRead = n
		case "candidatesTokenCount", "responseTokenCount":
			u.Output = n
		case "thoughtsTokenCount":
			u.Reasoning = n
		case "toolUsePromptTokenCount":
			tools = n
		case "promptTokensDetails":
			u.AudioIn = modality(it.Value(), "AUDIO")
		case "cacheTokensDetails":
			cachedAudio = modality(it.Value(), "AUDIO")
		case "candidatesTokensDetails":
			u.AudioOut = modality(it.Value(), "AUDIO")
			u.ImageOut = modality(it.Value(), "IMAGE")
		}
	}
	if !u.Input.Known && !u.Output.Known {
		return llm.Usage{}, false
	}
	u.AudioIn = u.AudioIn.Sub(cachedAudio)
	u.Input.N += tools.N
	u.Input = u.Input.Sub(u.CacheRead).Sub(u.AudioIn)
	u.Output = u.Output.Sub(u.AudioOut).Sub(u.ImageOut)
	u.Source = llm.Reported
	return u, true
}

// modality returns the tokens of one kind of content, if they are told.
func modality(details []byte, kind string) llm.Count {
	it := jsonscan.Elements(details)
	for it.Next() {
		if text(jsonscan.Get(it.Value(), "modality")) == kind {
			return count(jsonscan.Get(it.Value(), "tokenCount"))
		}
	}
	return llm.Count{}
}

func count(v []byte) llm.Count {
	n, ok := jsonscan.Int(v)
	if !ok || n < 0 {
		return llm.Count{}
	}
	return llm.Known(n)
}

// appendUsage writes usageMetadata.
func appendUsage(dst []byte, u *llm.Usage) []byte {
	dst = appendInt(append(dst, `{"promptTokenCount":`...), u.InputTotal())
	answer := u.Output.N + u.AudioOut.N + u.ImageOut.N
	dst = appendInt(append(dst, `,"candidatesTokenCount":`...), answer)
	if u.Reasoning.Known {
		dst = appendInt(append(dst, `,"thoughtsTokenCount":`...), u.Reasoning.N)
	}
	if u.CacheRead.Known {
		dst = appendInt(append(dst, `,"cachedContentTokenCount":`...), u.CacheRead.N)
	}
	dst = appendInt(append(dst, `,"totalTokenCount":`...), u.InputTotal()+u.OutputTotal())
	if u.AudioIn.Known {
		dst = append(appendModality(append(dst, `,"promptTokensDetails":[`...), "AUDIO", u.AudioIn.N), ']')
	}
	if u.AudioOut.Known || u.ImageOut.Known {
		dst = append(dst, `,"candidatesTokensDetails":[`...)
		if u.AudioOut.Known {
			dst = appendModality(dst, "AUDIO", u.AudioOut.N)
		}
		if u.ImageOut.Known {
			if u.AudioOut.Known {
				dst = append(dst, ',')
			}
			dst = appendModality(dst, "IMAGE", u.ImageOut.N)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func appendModality(dst []byte, kind string, n int64) []byte {
	dst = append(append(append(dst, `{"modality":"`...), kind...), `","tokenCount":`...)
	return append(appendInt(dst, n), '}')
}
