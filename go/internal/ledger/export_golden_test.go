package ledger_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"iter"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

var update = flag.Bool("update", false, "write the golden files anew")

func exported() []ledger.Entry {
	full := ledger.Entry{
		RequestID: "0193a3b0-0000-7000-8000-000000000001", Attempt: 1, Chain: "20260304T110001-abcdefghij", Seq: 7, Hash: [32]byte{0xab, 31: 1},
		OrgID: "default", TeamID: "red", UserID: "u1", KeyID: "k1", KeyName: `a "laptop", mine`,
		Operation: llm.Generate, ClientProtocol: llm.Chat, UpstreamProtocol: llm.Messages, Provider: "acme",
		ModelRequested: "=cmd|' /C calc'!A0", ModelSent: "claude-x", ModelServed: "claude-x-1", UpstreamID: "up_1", Tier: "priority",
		Usage: llm.Usage{
			Input: llm.Known(10), CacheRead: llm.Known(0), CacheWrite5m: llm.Known(1), CacheWrite1h: llm.Known(2), Output: llm.Known(7),
			Reasoning: llm.Known(3), AudioIn: llm.Known(4), AudioOut: llm.Known(5), ImageIn: llm.Known(6), ImageOut: llm.Known(8),
			Source: llm.Reported, ProviderCost: llm.Known(9),
		},
		Cost: llm.Known(12_000_000_345), PriceVersion: "2026-03-01", Outcome: ledger.Complete, Status: 200, Stop: llm.StopEnd,
		Started: noon, FirstToken: 1500 * time.Microsecond, Duration: 2 * time.Second, BytesIn: 1, BytesOut: 2, Findings: 3,
	}
	return []ledger.Entry{full, {RequestID: "r2", Started: noon, Outcome: ledger.Crashed, ErrorKind: "line\nbreak <&> \u2028"}}
}

func sequence(entries []ledger.Entry, last error) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
		if last != nil {
			yield(ledger.Entry{}, last)
		}
	}
}

func TestExports(t *testing.T) {
	var asJSON, asCSV bytes.Buffer
	if err := errors.Join(
		ledger.WriteJSON(&asJSON, sequence(exported(), nil)), ledger.WriteCSV(&asCSV, sequence(exported(), nil)),
	); err != nil {
		t.Fatal(err)
	}
	golden(t, "export.jsonl", asJSON.Bytes())
	golden(t, "export.csv", asCSV.Bytes())

	rows, err := csv.NewReader(&asCSV).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, line := range bytes.Split(bytes.TrimSpace(asJSON.Bytes()), []byte("\n")) {
		var object map[string]any
		if err := json.Unmarshal(line, &object); err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		for c, name := range rows[0] {
			value, there := object[name]
			if !there || (value == nil) != (rows[i+1][c] == "") {
				t.Errorf("row %d, %s: JSON has %v, CSV %q", i, name, value, rows[i+1][c])
			}
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, got, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s (%v):\n%s", name, err, got)
	}
}

func TestExportsTellOfAnError(t *testing.T) {
	var out bytes.Buffer
	if err := ledger.WriteJSON(&out, sequence(exported(), errDown)); !errors.Is(err, errDown) || bytes.Count(out.Bytes(), []byte("\n")) != 2 {
		t.Errorf("JSON: %v after %q", err, out.String())
	}
	if err := ledger.WriteCSV(&out, sequence(nil, errDown)); !errors.Is(err, errDown) {
		t.Errorf("CSV: %v", err)
	}
}

func TestUSDIsExact(t *testing.T) {
	for want, n := range map[string]int64{
		"0.000000000": 0, "0.000000001": 1, "1.000000000": 1e9, "-0.500000000": -5e8,
		"9223372036.854775807": math.MaxInt64, "-9223372036.854775808": math.MinInt64,
	} {
		if got := ledger.USD(llm.Known(n)); got != want {
			t.Errorf("%d nano-USD are %s, want %s", n, got, want)
		}
	}
	if got := ledger.USD(llm.Count{}); got != "" {
		t.Errorf("an unknown cost is %q", got)
	}
}
