// Package house holds the architecture to its plan: who may import whom, which
// library lives where, and how large a file or a function may grow.
package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
)

const module = "github.com/tokligence/tokligence-gateway/go/"

// ground may be imported by every package above it.
var ground = []string{"llm", "jsonscan", "secret", "version"}

// allowed lists, for each package under internal, what else of internal it may
// import. A name ending in /* covers the packages below it. What is not listed
// may import nothing.
var allowed = map[string][]string{
	"llm": {}, "jsonscan": {}, "secret": {}, "version": {},
	"sse":                {},
	"protocol":           {"sse"},
	"protocol/chat":      {"protocol", "sse"},
	"protocol/messages":  {"protocol", "sse"},
	"protocol/responses": {"protocol", "sse"},
	"protocol/gemini":    {"protocol", "sse"},
	"provider":           {"provider/h1", "protocol"},
	"provider/h1":        {},
	"provider/loopback":  {"provider", "protocol"},
	"tokens":             {"tokens/bpe"},
	"tokens/bpe":         {},
	"guard":              {},
	"identity":           {},
	"catalog":            {},
	"route":              {"catalog", "identity", "protocol", "provider"},
	"ledger":             {"catalog", "identity", "ledger/journal"},
	"ledger/journal":     {"lockfile"},
	"proxy":              {"identity", "catalog", "route", "guard", "ledger", "protocol", "provider", "sse"},
	"api":                {"conversation", "proxy", "identity", "catalog", "route", "ledger", "protocol", "provider", "tokens"},
	"server":             {"api"},
	"cli/manual":         {"cli"},
	"config":             {},
	"lockfile":           {},
	"logging":            {"lockfile"},
	"metrics":            {"guard", "ledger", "route"},
	"store":              {"conversation", "identity", "ledger"},
	"conversation":       {},
	"update":             {},
	"service":            {"lockfile"},
	"app": {
		"api", "catalog", "config", "conversation", "guard", "identity", "ledger", "logging", "metrics", "protocol", "protocol/*",
		"provider", "provider/*", "proxy", "route", "server", "store", "tokens", "update",
	},
	"cli": {"app", "catalog", "config", "identity", "ledger", "logging", "protocol", "provider", "route", "service", "update"},
}

// homes names the packages that may use a library.
var homes = map[string][]string{
	"github.com/gin-gonic/gin":              {"server", "api"},
	"gorm.io/":                              {"store"},
	"modernc.org/sqlite":                    {"store"},
	"github.com/jackc/pgx":                  {"store", "pgtest"},
	"github.com/pressly/goose":              {"store"},
	"github.com/spf13/cobra":                {"cli", "cli/manual"},
	"github.com/prometheus/client_golang":   {"metrics"},
	"github.com/knadh/koanf":                {"config"},
	"github.com/fsnotify/fsnotify":          {"config"},
	"github.com/DeRuina/timberjack":         {"logging"},
	"golang.org/x/mod":                      {"update"},
	"os/exec":                               {"hook", "config", "service", "pgtest"},
	"github.com/santhosh-tekuri/jsonschema": {"config"},
}

// testing packages serve tests only; they may import what they test.
var testing_ = []string{"docstest", "pgtest", "upstreamtest", "protocol/protocoltest", "ledger/ledgertest", "house"}

const (
	maxFile, p90File, medianFile = 600, 350, 150
	maxFunc                      = 80
)

type pkg struct {
	name    string // below internal, or the whole path
	dir     string
	imports []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", "{{.ImportPath}}\t{{.Dir}}\t{{join .Imports \" \"}}", module+"...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) != 3 {
			continue
		}
		all = append(all, pkg{strings.TrimPrefix(f[0], module), f[1], strings.Fields(f[2])})
	}
	if len(all) < 10 {
		t.Fatalf("go list names only %d packages", len(all))
	}
	return all
}

func TestArrows(t *testing.T) {
	for _, p := range list(t) {
		name, internal := strings.CutPrefix(p.name, "internal/")
		if internal && slices.Contains(testing_, name) {
			continue
		}
		for _, path := range p.imports {
			library(t, name, path)
			target, own := strings.CutPrefix(path, module)
			if !own {
				continue
			}
			target = strings.TrimPrefix(target, "internal/")
			switch {
			case slices.Contains(testing_, target):
				t.Errorf("%s imports %s, which is for tests only", p.name, target)
			case !internal:
				outer(t, p.name, target)
			case !arrow(name, target):
				t.Errorf("%s may not import %s: the plan has no such arrow", name, target)
			}
		}
	}
}

// outer checks the packages that are not internal.
func outer(t *testing.T, name, target string) {
	t.Helper()
	if strings.HasPrefix(name, "cmd/") && target == "cli" {
		return
	}
	if strings.HasPrefix(name, "pkg/gateway") && target == "app" {
		return
	}
	t.Errorf("%s may not import %s", name, target)
}

func arrow(from, to string) bool {
	rules, known := allowed[from]
	if !known {
		return false
	}
	if from != "llm" && from != "sse" && from != "jsonscan" && slices.Contains(ground, to) {
		return true
	}
	return slices.ContainsFunc(rules, func(rule string) bool {
		folder, all := strings.CutSuffix(rule, "/*")
		return rule == to || all && strings.HasPrefix(to, folder+"/")
	})
}

func library(t *testing.T, from, path string) {
	t.Helper()
	for lib, where := range homes {
		if strings.HasPrefix(path, lib) && !slices.Contains(where, from) {
			t.Errorf("%s imports %s, whose home is %v", from, path, where)
		}
	}
}

func TestEnvironmentIsReadInConfigOnly(t *testing.T) {
	each(t, func(p pkg, file string, f *ast.File, _ *token.FileSet) {
		if p.name == "internal/config" || strings.Contains(p.name, "test") {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "os" &&
				(sel.Sel.Name == "Getenv" || sel.Sel.Name == "LookupEnv" || sel.Sel.Name == "Environ") {
				t.Errorf("%s reads the environment (os.%s); that is for config", file, sel.Sel.Name)
			}
			return true
		})
	})
}

func TestSizeBudget(t *testing.T) {
	var sizes []int
	each(t, func(p pkg, file string, f *ast.File, set *token.FileSet) {
		lines := set.File(f.Pos()).LineCount()
		sizes = append(sizes, lines)
		if lines > maxFile {
			t.Errorf("%s has %d lines; %d are allowed", file, lines, maxFile)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1; n > maxFunc {
				t.Errorf("%s: %s has %d lines; %d are allowed", file, fn.Name.Name, n, maxFunc)
			}
		}
	})
	sort.Ints(sizes)
	if m := sizes[len(sizes)/2]; m > medianFile {
		t.Errorf("the median file has %d lines; %d are allowed", m, medianFile)
	}
	if p := sizes[len(sizes)*9/10]; p > p90File {
		t.Errorf("one file in ten has more than %d lines; %d are allowed", p, p90File)
	}
}

// each visits every file that is neither a test nor generated.
func each(t *testing.T, visit func(p pkg, file string, f *ast.File, set *token.FileSet)) {
	t.Helper()
	for _, p := range list(t) {
		files, err := filepath.Glob(filepath.Join(p.dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, file, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if !ast.IsGenerated(f) {
				visit(p, filepath.Join(p.name, filepath.Base(file)), f, set)
			}
		}
	}
}
