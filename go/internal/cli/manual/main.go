// Command manual writes the manual pages and the shell completions of the
// programs into a folder:
//
//	manual -version 1.2.3 -date 2026-01-02T03:04:05Z DIR
//
// It is a program of its own, and not shipped, so that the gateway does not
// carry what only the release needs.
package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/tokligence/tokligence-gateway/go/internal/cli"
)

func main() {
	version := flag.String("version", "", "version that the pages name")
	date := flag.String("date", "", "date of the pages, RFC 3339")
	flag.Parse()
	if err := run(flag.Arg(0), *version, *date); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

func run(dir, version, date string) error {
	if dir == "" || version == "" {
		return fmt.Errorf("usage: manual -version V -date RFC3339 DIR")
	}
	day, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return fmt.Errorf("reading the date: %w", err)
	}
	day = day.UTC()
	header := doc.GenManHeader{Section: "1", Date: &day, Source: "Tokligence Gateway " + version, Manual: "Tokligence Gateway"}
	for _, root := range cli.Commands() {
		if root.Name() == "gateway" {
			if err := completions(root, filepath.Join(dir, "completions")); err != nil {
				return err
			}
		}
		if err := pages(root, header, filepath.Join(dir, "man")); err != nil {
			return err
		}
	}
	return nil
}

// pages writes the page of a command and those of what is below it.
func pages(cmd *cobra.Command, header doc.GenManHeader, dir string) error {
	for _, sub := range cmd.Commands() {
		if !sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand() {
			continue
		}
		if err := pages(sub, header, dir); err != nil {
			return err
		}
	}
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	header.Title = strings.ToUpper(name)
	cmd.DisableAutoGenTag = true
	var page bytes.Buffer
	if err := doc.GenMan(cmd, &header, &page); err != nil {
		return fmt.Errorf("the page of %s: %w", cmd.CommandPath(), err)
	}
	packed, err := pack(page.Bytes())
	if err != nil {
		return fmt.Errorf("the page of %s: %w", cmd.CommandPath(), err)
	}
	return write(filepath.Join(dir, name+".1.gz"), packed)
}

// pack compresses without name or time, so that the same page gives the same
// bytes.
func pack(page []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(page); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func completions(root *cobra.Command, dir string) error {
	var bash, zsh, fish, powershell bytes.Buffer
	for _, made := range []struct {
		file string
		out  *bytes.Buffer
		err  error
	}{
		{"gateway.bash", &bash, root.GenBashCompletionV2(&bash, true)},
		{"_gateway", &zsh, root.GenZshCompletion(&zsh)},
		{"gateway.fish", &fish, root.GenFishCompletion(&fish, true)},
		{"gateway.ps1", &powershell, root.GenPowerShellCompletionWithDesc(&powershell)},
	} {
		if made.err != nil {
			return fmt.Errorf("completion %s: %w", made.file, made.err)
		}
		if err := write(filepath.Join(dir, made.file), made.out.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func write(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}
