//go:build !linux

package journal

import "errors"

func mountSmall(string, int) error { return errors.ErrUnsupported }

func unmount(string) {}
