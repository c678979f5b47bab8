package config

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// FuzzRoutes checks that what is read can be written and read again.
func FuzzRoutes(f *testing.F) {
	for _, s := range []string{"a*=>b|c/d,e=>f", "=>", "a=>b=>c", " a => b ", "a=>|", ",,", "a=>b,a=>c", "é*=>x/y:z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var routes, again []Route
		if setRoutes(&routes, given{text: text}) == nil {
			written := show(&routes)
			if err := setRoutes(&again, given{text: written}); err != nil || show(&again) != written {
				t.Errorf("routes %q, written %q: %v", text, written, err)
			}
		}
		var aliases, twice []Alias
		if setAliases(&aliases, given{text: text}) == nil {
			written := show(&aliases)
			if err := setAliases(&twice, given{text: written}); err != nil || show(&twice) != written {
				t.Errorf("aliases %q, written %q: %v", text, written, err)
			}
		}
	})
}

// FuzzLoad reads anything for a file and for some variables. Whatever comes
// of it, it is an answer, and no secret is in it.
func FuzzLoad(f *testing.F) {
	var example bytes.Buffer
	if err := WriteExample(&example); err != nil {
		f.Fatal(err)
	}
	f.Add(setting.ReplaceAll(example.Bytes(), []byte("$1")), "127.0.0.1:1", "a=>b")
	f.Add([]byte("a: &a [*a]\nproviders: {x: {quirks: &q {y: *q}}}"), ":0", "")
	f.Add([]byte("providers: {openai: {headers: {a: b}, api_keys: [c]}}\n<<: {}"), "[::1]:0", "x=>y|z")
	f.Add([]byte("\"\\u0000\": ? - !!binary x"), "", "=>")
	f.Fuzz(func(t *testing.T, file []byte, listen, routes string) {
		if bytes.Contains(file, []byte("file:")) {
			t.Skip("would read files")
		}
		const canary = "canary-6f1e"
		began := time.Now()
		l := newLoader(Options{Presets: presets, Env: []string{
			"HOME=/nowhere", "TOKLIGENCE_LISTEN=" + listen, "TOKLIGENCE_ROUTES=" + routes, "TOKLIGENCE_OPENAI_API_KEY=" + canary,
		}})
		l.path = "/nowhere/config.yaml"
		l.parse(file)
		l.gatherEnv()
		c := l.build()
		l.validate(c)
		var shown strings.Builder
		for _, p := range l.problems {
			shown.WriteString(p.String())
		}
		for _, v := range c.Explain() {
			shown.WriteString(v.Value)
		}
		if strings.Contains(shown.String(), canary) && !bytes.Contains(file, []byte(canary)) {
			t.Errorf("a secret is shown: %s", shown.String())
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
