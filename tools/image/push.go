package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// runPush pushes the images of a layout under their tags. Who may is known
// from the configuration of docker login.
func runPush(ctx context.Context, args []string, out, complain io.Writer) error {
	f := flag.NewFlagSet("push", flag.ContinueOnError)
	f.SetOutput(complain)
	root := f.String("root", "../..", "the root of the repository")
	from := f.String("from", "", "the OCI layout (default ROOT/dist/oci)")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return errUsage
	}
	repository, err := name.NewRepository(f.Arg(0))
	if err != nil {
		return err
	}
	return push(ctx, orIn(*from, *root, "dist/oci"), repository, out)
}

func push(ctx context.Context, from string, to name.Repository, out io.Writer) error {
	path, err := layout.FromPath(from)
	if err != nil {
		return fmt.Errorf("reading %s: %w", from, err)
	}
	all, err := path.ImageIndex()
	if err != nil {
		return err
	}
	list, err := all.IndexManifest()
	if err != nil {
		return err
	}
	for _, d := range list.Manifests {
		index, err := all.ImageIndex(d.Digest)
		if err != nil {
			return err
		}
		tag := to.Tag(d.Annotations[nameAnnotation])
		if err := remote.WriteIndex(tag, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
			return fmt.Errorf("pushing %s: %w", tag, err)
		}
		fmt.Fprintf(out, "%s@%s\n", tag, d.Digest)
	}
	return nil
}
