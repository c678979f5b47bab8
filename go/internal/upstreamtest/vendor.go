package upstreamtest

import (
	"net/http"
	"sort"
	"strings"
)

// kind is what is behind a path.
type kind int

const (
	chat kind = iota + 1
	responses
	messages
	count
	embed
	models
)

// credential is how a vendor wants to see a key.
type credential int

const (
	bearer credential = iota
	xAPIKey
	either
)

// check finds what is wrong with the credentials of a call. A second one, of
// whatever kind, is a leak.
func (c credential) check(h http.Header, key string) string {
	seen := 0
	for _, name := range [...]string{"Authorization", "X-Api-Key", "X-Goog-Api-Key", "Api-Key", "Cookie"} {
		seen += len(h[name])
	}
	auth, own := h.Get("Authorization") == "Bearer "+key, h.Get("X-Api-Key") == key
	switch {
	case seen > 1:
		return "more than one credential came along"
	case c == bearer && auth, c == xAPIKey && own, c == either && (auth || own):
		return ""
	case seen == 0:
		return "no credential"
	}
	return "the credential is not the one expected here"
}

// door is what a path leads to.
type door struct {
	kind kind
	auth credential
}

// habits are how a vendor's answers differ from the plain form.
type habits struct {
	thought    string // member that reasoning comes in; "think" for tags in the text; "list" for parts
	blank      bool   // blank lines before a body, comments before and in a stream
	topCached  bool   // cached_tokens beside prompt_tokens
	hitMiss    bool   // prompt_cache_hit_tokens and _miss_tokens
	usageOnce  bool   // usage in the last content chunk, asked for or not
	xGroq      bool
	cost       bool // usage.cost
	bareList   bool // the model list is an array
	prefixed   bool // listed ids begin with models/
	errorArray bool // errors come as an array
	detail     bool // errors come as {"detail": …}
}

type vendor struct {
	doors  map[string]door
	rules  map[kind][]rule
	habits habits
}

func paths(base string, auth credential, kinds ...kind) map[string]door {
	ends := map[kind]string{
		chat: "/chat/completions", responses: "/responses", messages: "/messages", count: "/messages/count_tokens",
		embed: "/embeddings", models: "/models",
	}
	out := map[string]door{}
	for _, k := range kinds {
		out[base+ends[k]] = door{k, auth}
	}
	return out
}

func join(all ...map[string]door) map[string]door {
	out := map[string]door{}
	for _, doors := range all {
		for path, d := range doors {
			out[path] = d
		}
	}
	return out
}

func rules(c, m []rule) map[kind][]rule { return map[kind][]rule{chat: c, messages: m} }

// Vendors lists the vendors that can be played.
func Vendors() []string {
	var names []string
	for name := range vendors() {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func vendorLike(name string) (vendor, bool) {
	if name == "" {
		return vendor{doors: join(
			paths("/v1", either, chat, responses, messages, count, embed, models),
			paths("", either, chat, responses, messages, count, embed, models),
		)}, true
	}
	v, ok := vendors()[name]
	return v, ok
}

// vendors is what is known of each: its paths, its credential, what it
// refuses, and its habits.
func vendors() map[string]vendor {
	return map[string]vendor{
		"openai":    {paths("/v1", bearer, chat, responses, embed, models), rules(openaiChat(), nil), habits{}},
		"anthropic": {paths("/v1", xAPIKey, messages, count, models), map[kind][]rule{messages: anthropicMessages(), count: {versioned}}, habits{}},
		"gemini": {
			paths("/v1beta/openai", bearer, chat, embed, models),
			rules(compatible(refuses("logit_bias", "store", "metadata", "service_tier", "prompt_cache_key", "parallel_tool_calls"), noStrict), nil),
			habits{errorArray: true, prefixed: true},
		},
		"openrouter": {
			paths("/api/v1", bearer, chat, responses, messages, embed, models), rules(tidyTools(), compatibleMessages()),
			habits{blank: true, cost: true, thought: "reasoning"},
		},
		"deepseek": {
			join(paths("/v1", bearer, chat, models), paths("/anthropic/v1", xAPIKey, messages)),
			rules(compatible(textOnly, echoesReasoning, choices("auto", "none")), compatibleMessages(noPictures)),
			habits{blank: true, hitMiss: true, thought: "reasoning_content"},
		},
		"mistral": {
			paths("/v1", bearer, chat, embed, models),
			rules(compatible(
				refuses("seed", "logit_bias", "logprobs", "top_logprobs", "user", "store", "metadata", "service_tier",
					"stream_options", "max_completion_tokens", "safety_identifier", "prompt_cache_key", "reasoning_effort", "verbosity"),
				nineCharacterIDs, choices("auto", "none", "any"),
			), nil),
			habits{usageOnce: true, detail: true, thought: "list"},
		},
		"groq": {
			paths("/openai/v1", bearer, chat, responses, models),
			rules(compatible(refuses("logprobs", "logit_bias", "top_logprobs"), oneChoice), nil),
			habits{xGroq: true, thought: "reasoning"},
		},
		"xai": {
			paths("/v1", bearer, chat, responses, models),
			rules(compatible(refuses("presence_penalty", "frequency_penalty", "stop")), nil),
			habits{thought: "reasoning_content"},
		},
		"together": {paths("/v1", bearer, chat, embed, models), rules(compatible(), nil), habits{bareList: true}},
		"fireworks": {
			paths("/inference/v1", bearer, chat, responses, messages, embed, models), rules(compatible(), compatibleMessages()),
			habits{usageOnce: true},
		},
		"dashscope": {
			join(paths("/compatible-mode/v1", bearer, chat, embed, models), paths("/apps/anthropic/v1", xAPIKey, messages)),
			rules(compatible(choices("auto", "none")), compatibleMessages()),
			habits{thought: "reasoning_content"},
		},
		"moonshot": {
			join(paths("/v1", bearer, chat, models), paths("/anthropic/v1", bearer, messages)),
			rules(compatible(refuses("temperature", "top_p", "n", "presence_penalty", "frequency_penalty"),
				noStrict, echoesReasoning, choices("auto", "none")), compatibleMessages()),
			habits{topCached: true, thought: "reasoning_content"},
		},
		"zhipu": {
			join(paths("/api/paas/v4", bearer, chat, embed), paths("/api/anthropic/v1", either, messages)),
			rules(compatible(refuses("n", "seed", "logit_bias", "parallel_tool_calls"), choices("auto", "none")), compatibleMessages()),
			habits{thought: "reasoning_content"},
		},
		"minimax": {
			join(paths("/v1", bearer, chat, models), paths("/anthropic/v1", bearer, messages)),
			rules(compatible(oneChoice), compatibleMessages()),
			habits{thought: "think"},
		},
		"ollama":   local(nil),
		"vllm":     local([]rule{}),
		"lmstudio": local(nil),
		"llamacpp": local([]rule{systemFirst}),
	}
}

// local is a server of one's own. It looks at a key only if it was given one.
func local(more []rule) vendor {
	return vendor{
		paths("/v1", either, chat, responses, messages, count, embed, models),
		rules(compatible(more...), compatibleMessages()),
		habits{thought: "reasoning_content"},
	}
}

// text returns a string member, "" for anything else.
func text(v any) string {
	s, _ := v.(string)
	return s
}

func has(body map[string]any, name string) bool {
	_, ok := body[name]
	return ok
}

func oneOf(word string, words ...string) bool {
	return strings.Contains("\x00"+strings.Join(words, "\x00")+"\x00", "\x00"+word+"\x00")
}
