// Prices makes the price and ability table of the gateway from three public
// tables and from what is kept by hand beside it. Where the tables differ and
// no rule explains the difference, the price is left out and listed: nothing
// is averaged and nothing is guessed.
//
//	go run . -table ../../go/internal/catalog/table.txt -report ../../docs/prices-differences.md
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	sources := flag.String("sources", "sources", "folder with the compressed source tables")
	ours := flag.String("ours", ".", "folder with providers.yaml and abilities.yaml")
	table := flag.String("table", "", "file to write the table to")
	report := flag.String("report", "", "file to write the differences to")
	flag.Parse()
	if err := run(*sources, *ours, *table, *report); err != nil {
		fmt.Fprintln(os.Stderr, "prices:", err)
		os.Exit(1)
	}
}

func run(sources, ours, table, report string) error {
	p, err := readPlan(ours)
	if err != nil {
		return err
	}
	all, err := readSources(sources, p)
	if err != nil {
		return err
	}
	made := decide(p, all)
	if table != "" {
		if err := os.WriteFile(table, made.table(), 0o644); err != nil {
			return fmt.Errorf("write the table: %w", err)
		}
	}
	if report != "" {
		if err := os.WriteFile(report, made.report(), 0o644); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	return nil
}

// readSources reads the three tables and groups what they say by our names.
func readSources(folder string, p *plan) (map[string]*shelf, error) {
	shelves := make(map[string]*shelf, len(p.Providers))
	for name := range p.Providers {
		shelves[name] = newShelf()
	}
	for _, s := range []struct {
		file string
		read func([]byte, *plan, map[string]*shelf) error
	}{
		{"litellm.json.gz", readLiteLLM},
		{"catwalk.json.gz", readCatwalk},
		{"genai-prices.json.gz", readGenai}, // last: its rules are tried on the ids of the others
	} {
		text, err := unzip(filepath.Join(folder, s.file))
		if err != nil {
			return nil, err
		}
		if err := s.read(text, p, shelves); err != nil {
			return nil, fmt.Errorf("%s: %w", s.file, err)
		}
	}
	return shelves, nil
}
