package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Modes are set whatever the umask and the checkout say, so that every build
// gives the same image.
const (
	folderMode  = 0o755
	programMode = 0o755
	textMode    = 0o644
	dataMode    = 0o700
)

const (
	licenceFile = "LICENSE"
	noticesFile = "THIRD_PARTY_NOTICES"
	daemonName  = "gatewayd"
)

// stage makes the build context anew: programs/OS/CPU, licenses and, in
// volume, an empty data folder. Both programs are one file: a copy would double the image.
func stage(context, root string, all programs) error {
	if err := clear(context); err != nil {
		return err
	}
	for _, p := range all {
		to := filepath.Join(context, "programs", p.platform.OS, p.platform.Architecture)
		if err := makeFolder(context, to); err != nil {
			return err
		}
		if err := copyFile(filepath.Join(to, programName), p.path, programMode); err != nil {
			return err
		}
		if err := os.Symlink(programName, filepath.Join(to, daemonName)); err != nil {
			return err
		}
	}
	licences := filepath.Join(context, "licenses")
	if err := makeFolder(context, licences); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(licences, licenceFile), filepath.Join(root, licenceFile), textMode); err != nil {
		return err
	}
	err := copyFile(filepath.Join(licences, noticesFile), filepath.Join(root, noticesFile), textMode)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	data := filepath.Join(context, "volume", "data")
	if err := makeFolder(context, data); err != nil {
		return err
	}
	return os.Chmod(data, dataMode)
}

// clear removes an older context, and nothing that is not one.
func clear(context string) error {
	entries, err := os.ReadDir(context)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		switch e.Name() {
		case "programs", "licenses", "volume":
		default:
			return fmt.Errorf("%s holds %s, which is no part of a build context", context, e.Name())
		}
	}
	return os.RemoveAll(context)
}

// makeFolder makes a folder and those above it, down from the context.
func makeFolder(context, folder string) error {
	if err := os.MkdirAll(folder, folderMode); err != nil {
		return err
	}
	for ; len(folder) >= len(context); folder = filepath.Dir(folder) {
		if err := os.Chmod(folder, folderMode); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(to, from string, mode fs.FileMode) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := out.Chmod(mode); err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return err
}
