package main

import (
	"fmt"
	"io"
	"path/filepath"
)

// data is a work of others that is embedded in the program.
type data struct {
	title    string
	about    string
	licences []string // files, from the root of the repository
}

var embedded = []data{
	{
		"Prices and abilities of models",
		"The price table is made from the tables of LiteLLM (Berri AI), as kept by\n" +
			"token-tariff, of genai-prices (Pydantic) and of catwalk (Charmbracelet).",
		[]string{
			"tools/prices/sources/litellm.txt", "tools/prices/sources/token-tariff.txt",
			"tools/prices/sources/genai-prices.txt", "tools/prices/sources/catwalk.txt",
		},
	},
	{
		"Vocabularies of the tokenizers cl100k_base and o200k_base",
		"They are those of tiktoken (OpenAI), compressed.",
		[]string{"go/internal/tokens/bpe/tiktoken.txt"},
	},
	{
		"Certificate authorities",
		"The certificates in golang.org/x/crypto/x509roots/fallback are taken from\n" +
			"Mozilla's certdata.txt, which is under the Mozilla Public License 2.0\n" +
			"(https://mozilla.org/MPL/2.0/). Its source is at\n" +
			"https://hg.mozilla.org/projects/nss/raw-file/tip/lib/ckfw/builtins/certdata.txt",
		nil,
	},
	{
		"Time zones",
		"The table of time zones is the one that Go ships, made from the database of\n" +
			"IANA (https://www.iana.org/time-zones), which is in the public domain.",
		nil,
	},
}

func (d data) print(w io.Writer) error {
	heading(w, d.title)
	fmt.Fprintf(w, "\n%s\n", d.about)
	for _, file := range d.licences {
		if err := text(w, filepath.Base(file), filepath.Join(root, file)); err != nil {
			return fmt.Errorf("the notice of %q: %w", d.title, err)
		}
	}
	return nil
}
