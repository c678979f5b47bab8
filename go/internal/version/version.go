// Package version says which build this is.
package version

// Version is the release.
func Version() string { return "dev" }
