// Command image makes the container images from docker/Dockerfile without a
// container engine, and pushes them to a registry.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

const usage = `Usage, in the folder tools/image:

  go run . stage [-artifacts FILE | -program OS/CPU=FILE ...]   gather what the images are made of, in dist/image
  go run . build [-artifacts FILE | -program OS/CPU=FILE ...]   the same, then write the images to dist/oci
  go run . push  REPOSITORY                                     push what is in dist/oci

Each command explains its flags with -h.
`

// errUsage is a command line that makes no sense.
var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "image:", err)
	os.Exit(1)
}

func run(ctx context.Context, args []string, out, complain io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	switch args[0] {
	case "stage", "build":
		return runBuild(args[0], args[1:], out, complain)
	case "push":
		return runPush(ctx, args[1:], out, complain)
	}
	return errUsage
}

// runBuild is stage and, unless that is all, build.
func runBuild(command string, args []string, out, complain io.Writer) error {
	f := flag.NewFlagSet(command, flag.ContinueOnError)
	f.SetOutput(complain)
	root := f.String("root", "../..", "the root of the repository")
	artifacts := f.String("artifacts", "", "artifacts.json of a release build (default ROOT/dist/artifacts.json, unless programs are named)")
	version := f.String("version", "", "the version (default: what the program for this machine says)")
	var programs programFlag
	f.Var(&programs, "program", "a program, as OS/CPU=FILE; once for each platform")
	folder := f.String("context", "", "where the build context goes (default ROOT/dist/image)")
	layout := f.String("out", "", "where the OCI layout goes (default ROOT/dist/oci)")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return errUsage
	}
	if len(programs) == 0 {
		var err error
		if programs, err = readArtifacts(orIn(*artifacts, *root, "dist/artifacts.json"), *root); err != nil {
			return err
		}
	}
	build, err := identify(programs, *version)
	if err != nil {
		return err
	}
	gathered := orIn(*folder, *root, "dist/image")
	if err := stage(gathered, *root, programs); err != nil {
		return fmt.Errorf("gathering the build context: %w", err)
	}
	if command == "stage" {
		fmt.Fprintf(out, "VERSION=%s\nREVISION=%s\n", build.Version, build.Commit)
		return nil
	}
	file := filepath.Join(*root, "docker", "Dockerfile")
	return writeImages(out, orIn(*layout, *root, "dist/oci"), file, gathered, build, programs.platforms())
}

func orIn(path, root, fallback string) string {
	if path != "" {
		return path
	}
	return filepath.Join(root, fallback)
}
