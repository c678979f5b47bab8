package route

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/catalog"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
)

// upstream is a provider that only says what it speaks.
type upstream struct {
	name   string
	speaks map[llm.Operation][]llm.Protocol
}

func (u *upstream) Name() string                           { return u.name }
func (u *upstream) Speaks(op llm.Operation) []llm.Protocol { return u.speaks[op] }
func (u *upstream) Do(context.Context, *provider.Request) (*http.Response, error) {
	return nil, errors.New("a plan sends nothing")
}

type models map[string]catalog.Model

func (m models) Find(provider, model string) (catalog.Model, bool) {
	found, ok := m[provider+"/"+model]
	return found, ok
}

type protocols = []llm.Protocol

var (
	openaiSpeaks = map[llm.Operation][]llm.Protocol{
		llm.Generate: {llm.Responses, llm.Chat}, llm.Embed: {llm.Chat},
	}
	anthropicSpeaks = map[llm.Operation][]llm.Protocol{
		llm.Generate: {llm.Messages}, llm.CountTokens: {llm.Messages},
	}
	chatSpeaks = map[llm.Operation][]llm.Protocol{llm.Generate: {llm.Chat}, llm.Embed: {llm.Chat}}
	allSpeaks  = map[llm.Operation][]llm.Protocol{
		llm.Generate: {llm.Chat, llm.Responses, llm.Messages, llm.Gemini},
	}
	geminiSpeaks = map[llm.Operation][]llm.Protocol{llm.Generate: {llm.Gemini}}
)

// presets are all providers the tests know, without keys.
func presets() []ProviderInfo {
	return []ProviderInfo{
		{
			Preset: "anthropic", KeyVar: "TOKLIGENCE_ANTHROPIC_API_KEY", Native: true,
			Provider: &upstream{"anthropic", anthropicSpeaks},
			Families: []Family{{"claude*", SizeLarge}, {"claude-haiku*", SizeSmall}, {"claude-*-haiku*", SizeSmall}},
			Defaults: Defaults{Large: "claude-sonnet-4-5", Small: "claude-haiku-4-5"},
		},
		{
			Preset: "openai", KeyVar: "TOKLIGENCE_OPENAI_API_KEY", Native: true,
			Provider: &upstream{"openai", openaiSpeaks},
			Families: []Family{
				{"gpt-*", SizeLarge},
				{"gpt-*-mini*", SizeSmall},
				{"gpt-*-nano*", SizeSmall},
				{"o1*", SizeLarge},
				{"o3*", SizeLarge},
				{"o4*", SizeLarge},
				{"o*-mini*", SizeSmall},
				{"chatgpt-*", SizeLarge},
				{"codex-*", SizeLarge},
				{"text-embedding-*", ""},
				{"dall-e*", ""},
			},
			Defaults: Defaults{Large: "gpt-5.5", Small: "gpt-5.5-mini"},
		},
		{
			Preset: "gemini", KeyVar: "TOKLIGENCE_GEMINI_API_KEY", Native: true,
			Provider: &upstream{"gemini", geminiSpeaks},
			Families: []Family{{"gemini*", SizeLarge}, {"gemini*-flash*", SizeSmall}},
			Defaults: Defaults{Large: "gemini-3-pro", Small: "gemini-3-flash"},
		},
		{
			Preset: "openrouter", KeyVar: "TOKLIGENCE_OPENROUTER_API_KEY",
			Provider: &upstream{"openrouter", allSpeaks},
			Defaults: Defaults{Large: "openai/gpt-5.5", Small: "openai/gpt-5.5-mini"},
		},
		{
			Preset: "groq", KeyVar: "TOKLIGENCE_GROQ_API_KEY", Provider: &upstream{"groq", chatSpeaks},
			Families: []Family{{"llama-*", SizeLarge}},
		},
		{
			Preset: "ollama", KeyVar: "TOKLIGENCE_OLLAMA_BASE_URL", Local: true,
			Provider: &upstream{"ollama", chatSpeaks},
		},
		{Preset: "loopback", Ready: true, Local: true, Provider: &upstream{"loopback", allSpeaks}},
	}
}

// with returns the presets, those named with a key.
func with(ready ...string) []ProviderInfo {
	infos := presets()
	for i := range infos {
		if slices.Contains(ready, infos[i].Preset) {
			infos[i].Ready = true
		}
	}
	return infos
}

// keys adds further keys of a provider to its pool.
func keys(infos []ProviderInfo, names ...string) []ProviderInfo {
	for _, name := range names {
		for _, info := range infos {
			if info.Preset == poolName(name) {
				info.Provider = &upstream{name, info.Provider.(*upstream).speaks}
				info.Ready = true
				infos = append(infos, info)
				break
			}
		}
	}
	return infos
}

func ask(model string) Query {
	return Query{Protocol: llm.Chat, Operation: llm.Generate, Model: model}
}

// steps are the routes of a plan, in order.
func steps(plan []Candidate) []string {
	var out []string
	for i := range plan {
		out = append(out, plan[i].Target.Provider+"/"+plan[i].Target.Model)
	}
	return out
}

// clock is a time that only moves when told to.
type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

func newClock() *clock { return &clock{time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)} }

type planCase struct {
	name  string
	o     Options
	q     Query
	want  []string // provider/model
	route string   // of the first candidate
	kind  llm.ErrorKind
	code  string
	says  []string // in the error
	not   []string // not in the error
}

func (c *planCase) run(t *testing.T) {
	plan, err := New(c.o).Plan(t.Context(), c.q)
	if c.want == nil {
		var e *llm.Error
		if !errors.As(err, &e) {
			t.Fatalf("plan %v, error %v; want an *llm.Error", steps(plan), err)
		}
		if e.Kind != c.kind || c.code != "" && e.Code != c.code {
			t.Errorf("error %v %q (%s), want %v %q", e.Kind, e.Code, e.Message, c.kind, c.code)
		}
		for _, text := range c.says {
			if !strings.Contains(e.Message, text) {
				t.Errorf("error %q does not say %q", e.Message, text)
			}
		}
		for _, text := range c.not {
			if strings.Contains(e.Message, text) {
				t.Errorf("error %q says %q", e.Message, text)
			}
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := steps(plan); !slices.Equal(got, c.want) {
		t.Errorf("plan %v, want %v", got, c.want)
	}
	if c.route != "" && plan[0].Route != c.route {
		t.Errorf("route %q, want %q", plan[0].Route, c.route)
	}
}

func TestBuiltinRoutes(t *testing.T) {
	embed := func(model string) Query {
		return Query{Protocol: llm.Chat, Operation: llm.Embed, Model: model}
	}
	fromEntry := func(infos []ProviderInfo, preset string, ids ...string) []ProviderInfo {
		for i := range infos {
			if infos[i].Preset == preset {
				infos[i].Models = ids
			}
		}
		return infos
	}
	for _, c := range []planCase{
		{
			name: "claude to anthropic", o: Options{Providers: with("anthropic", "openai")}, q: ask("claude-opus-4-6"),
			want: []string{"anthropic/claude-opus-4-6"}, route: "claude*=>anthropic/claude-opus-4-6",
		},
		{
			name: "gpt to openai", o: Options{Providers: with("anthropic", "openai")}, q: ask("gpt-4o"),
			want: []string{"openai/gpt-4o"},
		},
		{
			name: "o3 to openai", o: Options{Providers: with("anthropic", "openai")}, q: ask("o3-mini"),
			want: []string{"openai/o3-mini"},
		},
		{
			name: "gemini to gemini", o: Options{Providers: with("gemini", "openai")}, q: ask("gemini-3-pro"),
			want: []string{"gemini/gemini-3-pro"},
		},
		{
			name: "embeddings to openai", o: Options{Providers: with("openai")}, q: embed("text-embedding-3-small"),
			want: []string{"openai/text-embedding-3-small"},
		},
		{
			name: "preset family", o: Options{Providers: with("groq", "openai")}, q: ask("llama-3.3-70b"),
			want: []string{"groq/llama-3.3-70b"},
		},
		{
			name: "one key: large stands in", o: Options{Providers: with("openai")}, q: ask("claude-opus-4-6"),
			want: []string{"openai/gpt-5.5"}, route: "claude*=>openai/gpt-5.5",
		},
		{
			name: "one key: haiku to small", o: Options{Providers: with("openai")}, q: ask("claude-haiku-4-5-20251001"),
			want: []string{"openai/gpt-5.5-mini"}, route: "claude-haiku*=>openai/gpt-5.5-mini",
		},
		{
			name: "one key: old haiku to small", o: Options{Providers: with("openai")}, q: ask("claude-3-5-haiku-20241022"),
			want: []string{"openai/gpt-5.5-mini"},
		},
		{
			name: "one key: gpt to claude", o: Options{Providers: with("anthropic")}, q: ask("gpt-5.1-codex"),
			want: []string{"anthropic/claude-sonnet-4-5"},
		},
		{
			name: "one key: mini to haiku", o: Options{Providers: with("anthropic")}, q: ask("gpt-5.1-codex-mini"),
			want: []string{"anthropic/claude-haiku-4-5"},
		},
		{
			name: "one key: o4-mini to haiku", o: Options{Providers: with("anthropic")}, q: ask("o4-mini"),
			want: []string{"anthropic/claude-haiku-4-5"},
		},
		{
			name: "one key: flash to small", o: Options{Providers: with("anthropic")}, q: ask("gemini-2.5-flash-lite"),
			want: []string{"anthropic/claude-haiku-4-5"},
		},
		{
			name: "one key: its own stay", o: Options{Providers: with("openai")}, q: ask("gpt-3.5-turbo"),
			want: []string{"openai/gpt-3.5-turbo"},
		},
		{
			name: "one key: unknown unchanged", o: Options{Providers: with("openrouter")}, q: ask("qwen/qwen3-coder:free"),
			want: []string{"openrouter/qwen/qwen3-coder:free"}, route: "*=>openrouter/qwen/qwen3-coder:free",
		},
		{
			name: "one key: another vendor's prefix unchanged", o: Options{Providers: with("openrouter")},
			q: ask("anthropic/claude-sonnet-4.5"), want: []string{"openrouter/anthropic/claude-sonnet-4.5"},
		},
		{
			name: "one key, no defaults: family unchanged", o: Options{Providers: with("groq")}, q: ask("gpt-oss-20b"),
			want: []string{"groq/gpt-oss-20b"},
		},
		{
			name: "one key: loopback is no provider", o: Options{Providers: with("openai")}, q: ask("something-new"),
			want: []string{"openai/something-new"},
		},
		{
			name: "one key beside a local server", o: Options{Providers: with("openai", "ollama")}, q: ask("claude-opus-4-6"),
			want: []string{"openai/gpt-5.5"},
		},
		{
			name: "local server alone", o: Options{Providers: with("ollama")}, q: ask("llama3.2:latest"),
			want: []string{"ollama/llama3.2:latest"},
		},
		{
			name: "local server not configured", o: Options{Providers: with("openai")}, q: ask("ollama/llama3.2"),
			want: []string{"openai/ollama/llama3.2"},
		},
		{
			name: "embeddings never stand in", o: Options{Providers: with("anthropic")}, q: embed("text-embedding-3-small"),
			kind: llm.Invalid, code: CodeNotConfigured, says: []string{"TOKLIGENCE_OPENAI_API_KEY"},
		},
		{
			name: "embeddings at anthropic", o: Options{Providers: with("anthropic", "openai")}, q: embed("claude-opus-4-6"),
			kind: llm.Invalid, code: CodeUnsupported, says: []string{"embeddings", "anthropic"},
		},
		{
			name: "vendor without a key", o: Options{Providers: with("openai", "groq")}, q: ask("claude-opus-4-6"),
			kind: llm.Invalid, code: CodeNotConfigured, says: []string{"claude-opus-4-6", "TOKLIGENCE_ANTHROPIC_API_KEY"},
		},
		{
			name: "no key at all", o: Options{Providers: with()}, q: ask("gpt-4o"),
			kind: llm.Invalid, code: CodeNotConfigured, says: []string{"TOKLIGENCE_OPENAI_API_KEY"},
		},
		{
			name: "no key, unknown model", o: Options{Providers: with()}, q: ask("mystery"),
			kind: llm.ModelNotFound, says: []string{"no provider has a key", "loopback"},
		},
		{
			name: "prefix of a provider without a key", o: Options{Providers: with("openai", "groq")}, q: ask("ollama/llama3.2"),
			kind: llm.Invalid, code: CodeNotConfigured, says: []string{"TOKLIGENCE_OLLAMA_BASE_URL"},
		},
		{
			name: "two keys, unknown model", o: Options{Providers: with("openai", "anthropic")}, q: ask("claud-opus"),
			kind: llm.ModelNotFound, code: CodeModelNotFound, says: []string{"claud-opus"},
		},
		{
			name: "provider in the model", o: Options{Providers: with("openai", "groq")}, q: ask("groq/openai/gpt-oss-120b"),
			want: []string{"groq/openai/gpt-oss-120b"}, route: "groq/openai/gpt-oss-120b=>groq/openai/gpt-oss-120b",
		},
		{
			name: "provider in the model, both keyed", o: Options{Providers: with("openrouter", "anthropic")},
			q: ask("anthropic/claude-opus-4-6"), want: []string{"anthropic/claude-opus-4-6"},
		},
		{
			name: "an id that begins with its provider's name",
			o:    Options{Providers: with("openrouter", "openai"), Catalog: models{"openrouter/openrouter/auto": {}}},
			q:    ask("openrouter/auto"), want: []string{"openrouter/openrouter/auto"},
		},
		{
			name: "a model an entry names", o: Options{Providers: fromEntry(with("openai", "ollama"), "ollama", "gpt-oss:20b")},
			q: ask("gpt-oss:20b"), want: []string{"ollama/gpt-oss:20b"},
		},
		{name: "loopback", o: Options{Providers: with("openai")}, q: ask("loopback"), want: []string{"loopback/loopback"}},
		{
			name: "loopback with faults", o: Options{Providers: with("openai")}, q: ask("loopback:stall=2s,status=429"),
			want: []string{"loopback/loopback:stall=2s,status=429"},
		},
		{
			name: "loopback is no prefix", o: Options{Providers: with("openai")}, q: ask("loopbackx"),
			want: []string{"openai/loopbackx"},
		},
		{
			name: "loopback switched off", o: Options{Providers: with("openai")[:6]}, q: ask("loopback"),
			kind: llm.ModelNotFound, says: []string{"switched off"},
		},
		{name: "no model", o: Options{Providers: with("openai")}, q: ask(""), kind: llm.Invalid},
		{name: "control character", o: Options{Providers: with("openai")}, q: ask("gpt\r\nx: y"), kind: llm.Invalid},
		{name: "endless model", o: Options{Providers: with("openai")}, q: ask(strings.Repeat("g", 600)), kind: llm.Invalid},
		{
			name: "not printable", o: Options{Providers: with("openai")}, q: ask("模型"),
			want: []string{"openai/模型"}, route: "*=>openai/??",
		},
	} {
		c.o.Builtin = true
		t.Run(c.name, c.run)
	}
}

func TestConfiguredRoutes(t *testing.T) {
	routes := []Rule{
		{"claude*", []string{"anthropic"}},
		{"gpt-*", []string{"openai", "openrouter/openai/gpt-5.5"}},
		{"cheap", []string{"groq/llama-3.3-70b"}},
		{"slashed", []string{"openrouter/qwen/qwen3:free"}},
		{"drill", []string{"loopback:status=529", "anthropic/claude-sonnet-4-5"}},
		{"groq/*", []string{"groq"}},
		{"embed-*", []string{"anthropic", "openai/text-embedding-3-small"}},
		{"twice", []string{"openai", "openai/twice", "groq"}},
		{"local*", []string{"ollama"}},
		{"*-late", []string{"openai"}},
	}
	aliases := []Alias{
		{"gpt-4o", "claude-sonnet-4-5"},
		{"best", "anthropic/claude-opus-4-6"},
		{"team-*", "cheap"},
		{"one", "two"},
		{"two", "claude-two"},
		{"play", "loopback:tool=x"},
	}
	o := Options{
		Providers: with("anthropic", "openai", "openrouter", "groq"), Routes: routes, Aliases: aliases,
	}
	who := func(model string, models ...string) Query {
		q := ask(model)
		q.Principal = identity.Principal{KeyName: "ci", Models: models}
		return q
	}
	for _, c := range []planCase{
		{name: "pattern", q: ask("claude-x"), want: []string{"anthropic/claude-x"}, route: "claude*=>anthropic/claude-x"},
		{name: "failover in order", q: ask("gpt-5"), want: []string{"openai/gpt-5", "openrouter/openai/gpt-5.5"}},
		{name: "target names the model", q: ask("cheap"), want: []string{"groq/llama-3.3-70b"}},
		{name: "slashes and colons in the id", q: ask("slashed"), want: []string{"openrouter/qwen/qwen3:free"}},
		{name: "first match wins", q: ask("gpt-late"), want: []string{"openai/gpt-late", "openrouter/openai/gpt-5.5"}},
		{name: "drill", q: ask("drill"), want: []string{"loopback/loopback:status=529", "anthropic/claude-sonnet-4-5"}},
		{
			name: "alias, exact before route", q: ask("gpt-4o"), want: []string{"anthropic/claude-sonnet-4-5"},
			route: "gpt-4o=>claude*=>anthropic/claude-sonnet-4-5",
		},
		{
			name: "alias names the provider", q: ask("best"), want: []string{"anthropic/claude-opus-4-6"},
			route: "best=>anthropic/claude-opus-4-6",
		},
		{
			name: "alias pattern", q: ask("team-blue"), want: []string{"groq/llama-3.3-70b"},
			route: "team-blue=>cheap=>groq/llama-3.3-70b",
		},
		{name: "alias is followed once", q: ask("one"), kind: llm.ModelNotFound},
		{name: "alias to loopback", q: ask("play"), want: []string{"loopback/loopback:tool=x"}},
		{name: "prefix where a route matches", q: ask("groq/llama-4"), want: []string{"groq/llama-4"}},
		{name: "prefix where none does", q: ask("openai/gpt-5"), kind: llm.ModelNotFound},
		{name: "nothing is guessed", q: ask("gemini-3-pro"), kind: llm.ModelNotFound, says: []string{"no route", "claude*"}},
		{name: "near names", q: ask("chaep"), kind: llm.ModelNotFound, says: []string{"Did you mean cheap"}},
		{
			name: "near names keep to what the key may use", q: who("chaep", "chaep", "claude*"), kind: llm.ModelNotFound,
			not: []string{"Did you mean"},
		},
		{name: "loopback needs no route", q: ask("loopback"), want: []string{"loopback/loopback"}},
		{name: "a target twice", q: ask("twice"), want: []string{"openai/twice", "groq/twice"}},
		{
			name: "no key", q: ask("local-llama"), kind: llm.Invalid, code: CodeNotConfigured,
			says: []string{"TOKLIGENCE_OLLAMA_BASE_URL", "local*"},
		},
		{
			name: "an operation only the second can do", q: Query{Protocol: llm.Chat, Operation: llm.Embed, Model: "embed-1"},
			want: []string{"openai/text-embedding-3-small"},
		},
		{name: "key may", q: who("claude-x", "gpt*", "claude*"), want: []string{"anthropic/claude-x"}},
		{
			name: "key may not", q: who("claude-x", "gpt*"), kind: llm.Forbidden, code: CodeForbidden,
			says: []string{`"ci"`, "claude-x", "gpt*"},
		},
		{name: "key may use the alias", q: who("best", "best"), want: []string{"anthropic/claude-opus-4-6"}},
		{
			name: "key may use what the alias stands for", q: who("gpt-4o", "claude-sonnet*"),
			want: []string{"anthropic/claude-sonnet-4-5"},
		},
		{name: "key may not play", q: who("loopback", "gpt*"), kind: llm.Forbidden},
		{name: "unknown is forbidden first", q: who("secret-model", "gpt*"), kind: llm.Forbidden},
	} {
		c.o = o
		t.Run(c.name, c.run)
	}
	t.Run("empty list allows nothing", func(t *testing.T) {
		c := planCase{o: o, q: ask("claude-x"), kind: llm.Forbidden, says: []string{"no model"}}
		c.q.Principal.Models = []string{}
		c.run(t)
	})
}

func TestProtocolChoice(t *testing.T) {
	o := Options{Builtin: true, Providers: with("anthropic", "openai", "gemini", "openrouter")}
	for _, c := range []struct {
		name, model, mode string
		client, want      llm.Protocol
		translate, fails  bool
		codecs            []llm.Protocol
		op                llm.Operation
	}{
		{name: "same is preferred", model: "gpt-5", client: llm.Chat, want: llm.Chat},
		{name: "most native otherwise", model: "gpt-5", client: llm.Messages, want: llm.Responses},
		{name: "one side only", model: "claude-x", client: llm.Chat, want: llm.Messages},
		{name: "passthrough, same", model: "gpt-5", client: llm.Responses, mode: ModePassthrough, want: llm.Responses},
		{name: "passthrough, other", model: "claude-x", client: llm.Chat, mode: ModePassthrough, fails: true},
		{name: "translation, same", model: "claude-x", client: llm.Messages, mode: ModeTranslation, want: llm.Messages, translate: true},
		{name: "translation of embeddings", model: "gpt-5", client: llm.Chat, op: llm.Embed, mode: ModeTranslation, want: llm.Chat},
		{name: "no codec", model: "gemini-3-pro", client: llm.Chat, codecs: protocols{llm.Chat, llm.Messages}, fails: true},
		{name: "codec of the second", model: "gpt-5", client: llm.Messages, codecs: protocols{llm.Chat, llm.Messages}, want: llm.Chat},
		{name: "count at anthropic", model: "claude-x", client: llm.Messages, op: llm.CountTokens, want: llm.Messages},
		{name: "count at openai", model: "gpt-5", client: llm.Messages, op: llm.CountTokens, fails: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			o.Codecs = c.codecs
			if c.op == "" {
				c.op = llm.Generate
			}
			plan, err := New(o).Plan(t.Context(), Query{Protocol: c.client, Operation: c.op, Model: c.model, Mode: c.mode})
			if c.fails {
				var e *llm.Error
				if !errors.As(err, &e) || e.Kind != llm.Invalid || e.Code != CodeUnsupported {
					t.Fatalf("plan %v, error %v", plan, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if plan[0].Protocol != c.want || plan[0].Translate != c.translate {
				t.Errorf("%s translate=%v, want %s %v", plan[0].Protocol, plan[0].Translate, c.want, c.translate)
			}
		})
	}
}

func TestTarget(t *testing.T) {
	yes, no := true, false
	infos := with("openrouter", "openai")
	infos[3].Quirks = protocol.Quirks{NoStrict: true}
	o := Options{Builtin: true, Providers: infos, Catalog: models{
		"openrouter/x-ai/grok": {Family: "grok", MaxOutput: 9000, Thinking: "none", Vision: &yes, Schemas: &no},
	}}
	for _, c := range []struct {
		name string
		q    Query
		want protocol.Target
	}{
		{"known", ask("openrouter/x-ai/grok"), protocol.Target{
			Provider: "openrouter", Model: "x-ai/grok", Origin: "openrouter/grok", MaxOutput: 9000, Thinking: "none",
			Vision: &yes, Schemas: &no, Quirks: protocol.Quirks{NoStrict: true},
		}},
		{"unknown", ask("gpt-9"), protocol.Target{
			Provider: "openai", Model: "gpt-9", Origin: "openai/gpt-9", Native: true,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, err := New(o).Plan(t.Context(), c.q)
			if err != nil {
				t.Fatal(err)
			}
			got := plan[0].Target
			if got.Vision != c.want.Vision || got.Schemas != c.want.Schemas || got.Origin != c.want.Origin ||
				got.MaxOutput != c.want.MaxOutput || got.Thinking != c.want.Thinking || got.Native != c.want.Native ||
				got.Model != c.want.Model || got.Provider != c.want.Provider || got.Quirks.NoStrict != c.want.Quirks.NoStrict {
				t.Errorf("target %+v, want %+v", got, c.want)
			}
			if plan[0].Prices != c.want.Provider {
				t.Errorf("prices %q", plan[0].Prices)
			}
		})
	}
}

func TestPin(t *testing.T) {
	o := Options{
		Providers: keys(with("openai", "openrouter"), "openai#2"),
		Routes:    []Rule{{"gpt-*", []string{"openai", "openrouter"}}},
	}
	for _, c := range []planCase{
		{name: "pool", q: Query{Pin: "openrouter"}, want: []string{"openrouter/gpt-5"}},
		{name: "one key", q: Query{Pin: "openai#2"}, want: []string{"openai#2/gpt-5"}},
		{name: "gone", q: Query{Pin: "groq"}, kind: llm.Invalid, says: []string{"groq"}},
	} {
		c.o = o
		c.q.Model, c.q.Operation, c.q.Protocol = "gpt-5", llm.Generate, llm.Chat
		t.Run(c.name, c.run)
	}
}
