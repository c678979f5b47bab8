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
