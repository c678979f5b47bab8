package bpe

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pkoukk/tiktoken-go-loader/assets"
)

var update = flag.Bool("update", false, "write the packed vocabularies")

// TestVocabulary holds what is embedded to the vocabularies as published.
func TestVocabulary(t *testing.T) {
	for _, name := range []string{O200K, CL100K} {
		t.Run(name, func(t *testing.T) {
			plain, tokens := published(t, name)
			if *update {
				enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name+".zst", enc.EncodeAll(plain, nil), 0o644); err != nil {
					t.Fatal(err)
				}
				return // what is embedded changes with the next build
			}
			v := Find(name).load()
			if len(v.ends) != len(tokens) {
				t.Fatalf("%d tokens, want %d", len(v.ends), len(tokens))
			}
			for rank, token := range tokens {
				if got := v.rank(token); got != rank {
					t.Fatalf("token %q has rank %d, want %d", token, got, rank)
				}
			}
			if got := v.rank("no such token, that is sure"); got != -1 {
				t.Errorf("an unknown token has rank %d", got)
			}
		})
	}
}

// published reads a vocabulary in its own form: base64 and rank on each line.
func published(t *testing.T, name string) (plain []byte, tokens []string) {
	t.Helper()
	text, err := assets.Assets.ReadFile(name + ".tiktoken")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		encoded, number, _ := strings.Cut(lines.Text(), " ")
		token, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if rank, err := strconv.Atoi(number); err != nil || rank != len(tokens) || len(token) > maxToken {
			t.Fatalf("line %q after %d tokens", lines.Text(), len(tokens))
		}
		plain = append(append(plain, byte(len(token))), token...)
		tokens = append(tokens, string(token))
	}
	return plain, tokens
}
