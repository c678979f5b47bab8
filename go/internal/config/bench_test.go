package config

import (
	"os"
	"path/filepath"
	"testing"
)

func BenchmarkLoad(b *testing.B) {
	dir := b.TempDir()
	text := "log: {level: debug}\nproviders: {openai: {api_key: a}}\nroutes: [a=>b]\n"
	if err := os.WriteFile(filepath.Join(dir, FileName), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	o := Options{Presets: presets, Env: []string{"TOKLIGENCE_DATA_DIR=" + dir, "TOKLIGENCE_XAI_API_KEY=b"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(o); err != nil {
			b.Fatal(err)
		}
	}
}
