package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// nameAnnotation holds the tag of an image in a layout.
const nameAnnotation = "org.opencontainers.image.ref.name"

// edition is a stage of the Dockerfile that becomes an image.
type edition struct{ target, suffix string }

// editions are the images, by what follows the version in their tags.
func editions() []edition { return []edition{{"personal", ""}, {"team", "-team"}} }

// writeImages writes both editions for all platforms as an OCI layout.
func writeImages(out io.Writer, to, file, context string, build buildInfo, platforms []v1.Platform) error {
	build.Date = build.Date.UTC()
	recipes := make([]*recipe, len(platforms))
	for i, platform := range platforms {
		var err error
		if recipes[i], err = readRecipe(file, context, platform, build); err != nil {
			return err
		}
	}
	if err := clearLayout(to); err != nil {
		return err
	}
	path, err := layout.Write(to, empty.Index)
	if err != nil {
		return err
	}
	for _, e := range editions() {
		index, err := indexOf(recipes, e.target)
		if err != nil {
			return fmt.Errorf("%s, stage %s: %w", file, e.target, err)
		}
		tag := build.Version + e.suffix
		if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{nameAnnotation: tag})); err != nil {
			return fmt.Errorf("writing %s: %w", to, err)
		}
		digest, err := index.Digest()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s %s\n", tag, digest)
	}
	return nil
}

// indexOf joins the images of all platforms. They are of Docker's type: in
// OCI's the health check is lost on the way through some engines.
func indexOf(recipes []*recipe, target string) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, r := range recipes {
		img, err := r.image(target)
		if err != nil {
			return nil, err
		}
		config, err := img.ConfigFile()
		if err != nil {
			return nil, err
		}
		index = mutate.Annotations(index, config.Config.Labels).(v1.ImageIndex)
		platform := r.platform
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &platform}})
	}
	return index, nil
}

// clearLayout removes an older layout, and nothing that is not one.
func clearLayout(to string) error {
	entries, err := os.ReadDir(to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(to, "oci-layout")); err != nil && len(entries) > 0 {
		return fmt.Errorf("%s holds something else than images", to)
	}
	return os.RemoveAll(to)
}
