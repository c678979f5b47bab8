package config

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestProblems(t *testing.T) {
	for name, tc := range map[string]struct {
		yaml string
		env  []string
		want []string // each is part of one problem, in order
	}{
		"unknown key": {"listne: x\n", nil, []string{"config.yaml:1: listne: There is no such setting. Did you mean listen?"}},
		"unknown key below": {
			"stream:\n  hold: 1s\n  keep_alive: 2s\n", nil,
			[]string{"config.yaml:3: stream.keep_alive: There is no such setting. Did you mean keepalive?"},
		},
		"key in the wrong section": {"drain_time: 3s\n", nil, []string{"Did you mean drain_time below stream?"}},
		"dotted key":               {"stream.hold: 3s\n", nil, []string{"Did you mean hold below stream?"}},
		"unknown key of a provider": {
			"providers:\n  openai:\n    apikey: x\n", nil, []string{"config.yaml:3: providers.openai.apikey: There is no such setting. Did you mean api_key?"},
		},
		"unknown preset": {
			"providers:\n  opnai:\n    api_key: x\n", nil,
			[]string{`config.yaml:2: providers.opnai.preset: "opnai" is no preset. Say with preset: what it is. Did you mean openai?`},
		},
		"unknown preset named": {
			"providers:\n  mine:\n    preset: antropic\n", nil, []string{`config.yaml:3: providers.mine.preset: "antropic" is no preset. Did you mean anthropic?`},
		},
		"all at once": {
			"mode: teem\nstream: {hold: 10}\nlimits: {body_bytes: 1XB}\nrouting: {attempts: many}\nlog: {file: maybe}\n", nil,
			[]string{
				`mode: "teem" is not one of its values. Did you mean team?`,
				`routing.attempts: "many" is no whole number.`,
				`stream.hold: "10" is a duration without a unit. Write 10s, if seconds are meant.`,
				`limits.body_bytes: "1XB" is no size.`,
				`log.file: "maybe" is neither true nor false.`,
			},
		},
		"bounds": {
			"",
			[]string{"TOKLIGENCE_ROUTING_ATTEMPTS=0", "TOKLIGENCE_STREAM_HOLD=2h"},
			[]string{
				"env TOKLIGENCE_ROUTING_ATTEMPTS: routing.attempts: 0 is too small. Write a value from 1 to 10.",
				"env TOKLIGENCE_STREAM_HOLD: stream.hold: 2h is too large. Write a value from 1ms to 10m.",
			},
		},
		"bounds against each other": {"routing: {backoff: 20s}\n", nil, []string{"config.yaml:1: routing.backoff: routing.backoff is larger than routing.backoff_max."}},
		"key twice":                 {"listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n", nil, []string{"Line 2: listen is given a second time, first in line 1."}},
		"synonyms":                  {"providers: {openai: {api_key: a, api_keys: [b]}}\n", nil, []string{"Both api_key and api_keys are given."}},
		"not YAML":                  {"listen: [\n", nil, []string{"This is not YAML: "}},
		"two documents":             {"listen: 127.0.0.1:1\n---\nmode: team\n", nil, []string{"A second document begins here."}},
		"a list for a value":        {"listen: [a]\n", nil, []string{"A single value is needed here, not a list."}},
		"a value for a section":     {"stream: 3s\n", nil, []string{"stream: Names with values are needed here."}},
		"a list for a file":         {"- listen\n", nil, []string{"Names with values are needed here."}},
		"route without arrow":       {"routes:\n- a=>b\n- c\n", nil, []string{`config.yaml:1: routes: Line 3: "c" is no route. Write pattern=>provider.`}},
		"route without target":      {"", []string{"TOKLIGENCE_ROUTES=a=>"}, []string{`The route "a" has no target.`}},
		"route to a pattern":        {"", []string{"TOKLIGENCE_ROUTES=a=>openai/gpt-*"}, []string{`The target "openai/gpt-*" is a pattern.`}},
		"routes without comma":      {"", []string{"TOKLIGENCE_ROUTES=a=>b;c=>d"}, []string{`The target "b;c=>d" holds a second =>. Put a comma`}},
		"route key":                 {"routes:\n- match: a\n  target: b\n", nil, []string{`Line 2: A route has no "target".`}},
		"alias twice":               {"", []string{"TOKLIGENCE_MODEL_ALIASES=a=>b,a=>c"}, []string{`The alias "a" is given twice.`}},
		"alias to a pattern":        {"aliases: {a: 'b*'}\n", nil, []string{`Line 1: The alias "a" stands for a pattern.`}},
		"unknown variable":          {"", []string{"TOKLIGENCE_LISTN=x"}, []string{"warning: env TOKLIGENCE_LISTN: The gateway knows no such variable. Did you mean TOKLIGENCE_LISTEN?"}},
		"unknown provider variable": {"", []string{"TOKLIGENCE_OPNAI_API_KEY=x"}, []string{"Did you mean TOKLIGENCE_OPENAI_API_KEY?"}},
		"foreign variable":          {"", []string{"TOKLIGENCE_SOMETHING_ELSE_ENTIRELY=x"}, []string{"warning: env TOKLIGENCE_SOMETHING_ELSE_ENTIRELY: The gateway knows no such variable. Unset it"}},
		"test variable":             {"", []string{"TOKLIGENCE_TEST_ANYTHING=x"}, nil},
		"base URL":                  {"", []string{"TOKLIGENCE_OPENAI_BASE_URL=api.openai.com"}, []string{"Write a URL that begins with https://"}},
		"base URL with query":       {"", []string{"TOKLIGENCE_OPENAI_BASE_URL=https://a/?x=1"}, []string{"holds a query"}},
		"key in the open": {
			"",
			[]string{"TOKLIGENCE_OPENAI_BASE_URL=http://api.example.com", "TOKLIGENCE_OPENAI_API_KEY=k"},
			[]string{"warning: env TOKLIGENCE_OPENAI_BASE_URL: providers.openai.base_url: The key travels to api.example.com in the open."},
		},
		"key in one's own net": {"", []string{"TOKLIGENCE_OPENAI_BASE_URL=http://10.1.2.3", "TOKLIGENCE_OPENAI_API_KEY=k"}, nil},
		"host":                 {"allowed_hosts: ['https://gateway.lan/x']\n", nil, []string{`"https://gateway.lan/x" is no host name. Write gateway.lan.`}},
		"database":             {"", []string{"TOKLIGENCE_DATABASE_URL=mysql://a"}, []string{"database.url: This is no URL of a PostgreSQL or SQLite database."}},
		"header":               {"providers: {openai: {headers: {Content-Length: 3}}}\n", nil, []string{`the header "Content-Length" cannot be set`}},
		"provider name":        {"providers: {Open AI: {}}\n", nil, []string{`"Open AI" is no name for a provider.`}},
		"same variables":       {"providers: {a-b: {preset: xai}, a_b: {preset: xai}}\n", nil, []string{"Its variables are the same as those of a-b."}},
		"quoted key":           {"", []string{`TOKLIGENCE_OPENAI_API_KEY="sk-1"`}, []string{"written in quotes"}},
		"two keys and a space": {"", []string{"TOKLIGENCE_OPENAI_API_KEY=sk-1 sk-2"}, []string{"A key holds a space. Put commas"}},
		"variable of a secret": {"api_key: env:NOPE\n", nil, []string{"config.yaml:1: api_key: The variable NOPE is not set."}},
		"file of a secret":     {"api_key: file:nope\n", nil, []string{"api_key: The file nope cannot be read: no such file or directory."}},
		"value and file":       {"", []string{"TOKLIGENCE_API_KEY=abc", "TOKLIGENCE_API_KEY_FILE=/x"}, []string{"Both TOKLIGENCE_API_KEY and TOKLIGENCE_API_KEY_FILE are set.", "cannot be read"}},
		"proxy":                {"proxy: {https: 'ftp://x'}\n", nil, []string{"This is no URL of a proxy."}},
	} {
		t.Run(name, func(t *testing.T) { match(t, problems(t, tc.yaml, tc.env...), tc.want) })
	}
}

func match(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d problems:\n%s\nwant %d", len(got), strings.Join(got, "\n"), len(want))
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}

// TestUnsafe lists what must not start, and what may with a warning.
func TestUnsafe(t *testing.T) {
	const refused = "needs authentication"
	for name, tc := range map[string]struct {
		yaml string
		env  []string
		want []string
	}{
		"every address":              {"listen: 0.0.0.0:8081\n", nil, []string{refused}},
		"every address, IPv6":        {"listen: '[::]:8081'\n", nil, []string{refused}},
		"no host":                    {"listen: ':8081'\n", nil, []string{refused}},
		"address of the network":     {"listen: 192.168.1.2:8081\n", nil, []string{refused}},
		"name of the network":        {"listen: gateway.lan:8081\n", nil, []string{refused}},
		"a name that looks local":    {"listen: localhost.example.com:8081\n", nil, []string{refused}},
		"IPv4 in IPv6":               {"listen: '[::ffff:10.0.0.1]:8081'\n", nil, []string{refused}},
		"by variable":                {"", []string{"TOKLIGENCE_LISTEN=0.0.0.0:0"}, []string{refused}},
		"empty key":                  {"", []string{"TOKLIGENCE_LISTEN=0.0.0.0:0", "TOKLIGENCE_API_KEY="}, []string{refused}},
		"empty key in the file":      {"listen: 0.0.0.0:1\napi_key: ''\n", nil, []string{refused}},
		"auth said to be on":         {"", []string{"TOKLIGENCE_LISTEN=0.0.0.0:0", "TOKLIGENCE_AUTH_DISABLED=false"}, []string{refused}},
		"key of blanks":              {"listen: 0.0.0.0:1\napi_key: '   '\n", nil, []string{refused}},
		"key with a space":           {"api_key: a b\n", nil, []string{"The key holds a space."}},
		"no port":                    {"listen: 127.0.0.1\n", nil, []string{"is no address"}},
		"port too large":             {"listen: 127.0.0.1:70000\n", nil, []string{"is no port"}},
		"team":                       {"listen: 0.0.0.0:1\nmode: team\n", nil, nil},
		"long key":                   {"listen: 0.0.0.0:1\napi_key: 0123456789abcdef\n", nil, nil},
		"short key":                  {"listen: 0.0.0.0:1\napi_key: letmein\n", nil, []string{"warning: config.yaml:2: api_key: The key is short enough to be guessed."}},
		"on purpose":                 {"listen: 0.0.0.0:1\nauth: {disabled: true}\n", nil, []string{"warning: config.yaml:2: auth.disabled: Everyone who reaches 0.0.0.0:1"}},
		"on purpose, team":           {"listen: 0.0.0.0:1\nmode: team\n", []string{"TOKLIGENCE_AUTH_DISABLED=true"}, []string{"warning: env TOKLIGENCE_AUTH_DISABLED"}},
		"loopback":                   {"listen: 127.8.8.8:1\n", nil, nil},
		"loopback, IPv6":             {"listen: '[::1]:1'\n", nil, nil},
		"loopback by name":           {"listen: LocalHost:1\n", nil, nil},
		"every host, no key":         {"allowed_hosts: ['*']\n", nil, []string{"warning: config.yaml:1: allowed_hosts: With every host allowed"}},
		"key that is not asked for":  {"api_key: 0123456789abcdef\nauth: {disabled: true}\n", nil, []string{"warning: config.yaml:1: api_key: The key is not asked for"}},
		"bad mode hides no question": {"listen: 0.0.0.0:1\nmode: tem\n", nil, []string{`"tem" is not one of its values`}},
	} {
		t.Run(name, func(t *testing.T) { match(t, problems(t, tc.yaml, tc.env...), tc.want) })
	}
}

func TestNearest(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"listen", "listen"}, {"lisetn", "listen"}, {"LISTEN", "listen"}, {"", ""}, {"zzzzzz", ""}, {"mod", "mode"},
	} {
		if got := nearest(tc.text, []string{"listen", "mode", "log"}); got != tc.want {
			t.Errorf("nearest(%q) = %q, want %q", tc.text, got, tc.want)
		}
	}
	if !slices.Equal([]int{edits("ab", "ba"), edits("abc", "abc"), edits("", "abc"), edits("kitten", "sitting")}, []int{1, 0, 3, 3}) {
		t.Error("edits miscounts")
	}
}
