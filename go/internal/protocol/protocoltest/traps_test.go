package protocoltest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"testing"
)

// lastTrap is the number of the last known trap of translation.
const lastTrap = 85

// proof is where a trap is tested: the folder of a package, and a test in it
// or a subtest with the trap's own name.
type proof struct{ folder, test string }

// proofs are the tests of traps that one package can show alone.
func proofs() map[int][]proof {
	chat, messages, responses, gemini := proof{folder: "../chat"}, proof{folder: "../messages"}, proof{folder: "../responses"}, proof{folder: "../gemini"}
	names := proof{folder: ".."}
	return map[int][]proof{
		1: {chat, messages, responses}, 2: {responses}, 3: {chat}, 4: {chat}, 5: {chat, gemini}, 7: {chat, messages, responses},
		8: {chat}, 11: {messages}, 12: {messages}, 13: {messages, responses}, 14: {messages}, 15: {messages}, 16: {chat}, 17: {chat},
		18: {chat, messages, responses}, 19: {responses}, 20: {chat, messages, responses},
		21: {chat, messages, responses}, 22: {chat, messages, responses}, 23: {messages, responses}, 24: {chat, messages},
		25: {{"../../route", "TestSticky"}}, 26: {responses}, 30: {chat}, 31: {chat, messages}, 32: {responses, gemini},
		36: {chat, messages}, 37: {chat, messages, responses}, 38: {messages, responses}, 39: {chat, messages}, 40: {chat, messages, responses},
		41: {chat, messages}, 42: {chat, responses}, 44: {chat, responses}, 45: {chat, responses}, 46: {names, responses},
		47: {names, chat, messages}, 48: {chat, responses}, 49: {chat, messages}, 50: {chat, responses, gemini}, 51: {responses},
		53: {{"../../api", "TestWebSocketsAreDeclined"}},
		54: {chat, {".", "TestErrorInAStream"}}, 55: {chat}, 56: {chat, messages, responses}, 57: {chat, messages, responses}, 58: {chat},
		59: {responses}, 60: {chat}, 61: {responses}, 62: {responses}, 63: {responses}, 64: {chat}, 65: {gemini}, 66: {chat, messages, responses},
		67: {messages}, 68: {chat}, 70: {responses}, 71: {chat, messages}, 72: {chat}, 73: {chat, responses}, 74: {chat, responses}, 75: {chat, responses},
		76: {{"../../../test/e2e", "TestFailover"}}, 77: {messages}, 78: {chat}, 80: {chat},
		82: {chat, {".", "TestErrorsOfUpstreams"}}, 83: {{"../../../test/e2e", "TestCompressedBodies"}},
		84: {{"../../api", "TestModelsForCodex"}}, 85: {chat},
	}
}

// between are the traps that show between two protocols.
func between() map[int]func(*testing.T) {
	return map[int]func(*testing.T){
		2: trapMessageBeforeOutput, 3: trapResultsFirst, 4: trapCallIndices, 6: trapParallelCalls, 8: trapBlockIndices,
		9: trapTwoAtOnce, 10: trapCharacters, 17: trapEarlyUsage, 19: trapSurrogates, 20: trapCutCalls,
		23: trapSealsReturn, 25: trapSealsElsewhere, 27: trapNoSummary, 28: trapReasoningInPlace, 29: trapNoReasoningItems, 30: trapReasoningEchoed,
		33: trapStaleSignature, 34: trapSchemaWords, 35: trapForeignBetas, 38: trapProbes, 41: trapMidwayInstruction, 42: trapPrefill, 43: trapCountIsPure, 45: trapInputIsKept, 49: trapCallIDs,
		50: trapCutStreams, 52: trapCompaction, 55: trapSampling, 60: trapRole, 61: trapRotatingIDs, 68: trapThinkingShown, 69: trapEveryPair,
		70: trapUnknownItems, 74: trapStrict, 79: trapLooseItems, 80: trapLooseWire, 81: trapToolsOnEveryPath,
	}
}

// TestTraps runs the traps that show between two protocols, and makes sure
// that every other one is tested somewhere.
func TestTraps(t *testing.T) {
	here, elsewhere := between(), proofs()
	for n := 1; n <= lastTrap; n++ {
		name := fmt.Sprintf("T%d", n)
		t.Run(name, func(t *testing.T) {
			if test, ok := here[n]; ok {
				test(t)
			}
			for _, p := range elsewhere[n] {
				want := p.test
				if want == "" {
					want = name
				}
				if !testsIn(t, p.folder)[want] {
					t.Errorf("%s has no test %s", p.folder, want)
				}
			}
			if here[n] == nil && elsewhere[n] == nil {
				t.Error("is tested nowhere")
			}
		})
	}
}

// testsIn returns the names of the tests of a package and of their subtests,
// those in tables included.
func testsIn(t *testing.T, folder string) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no tests in %s: %v", folder, err)
	}
	names := map[string]bool{}
	add := func(x ast.Expr) {
		if lit, ok := x.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if name, err := strconv.Unquote(lit.Value); err == nil {
				names[name] = true
			}
		}
	}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				names[n.Name.Name] = true
			case *ast.CallExpr:
				if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Run" && len(n.Args) == 2 {
					add(n.Args[0])
				}
			case *ast.KeyValueExpr:
				add(n.Key)
			}
			return true
		})
	}
	return names
}
